-- How many events each address has, in the log ${hiveconf:log}. Each part of the log is counted
-- where it lies; count-ip --merge adds the parts up.
--
-- A line ends at a newline alone: without lineSep a carriage return, which a client may write,
-- would begin a new one.
CREATE TEMPORARY VIEW log USING text OPTIONS (path '${hiveconf:log}', lineSep '\n');

SELECT TRANSFORM (value)
    ROW FORMAT DELIMITED FIELDS TERMINATED BY '\u0001'
    USING 'sh totals --preset sshd'
    AS (record STRING)
    ROW FORMAT DELIMITED FIELDS TERMINATED BY '\u0001'
FROM log;
