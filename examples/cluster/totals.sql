-- How many events each address has, in the logs ${hiveconf:log}, a file or directory. count-ip
-- --merge adds the files up.

-- A line ends at a newline alone: without lineSep a carriage return, which a client may write,
-- would begin a new one.
CREATE TEMPORARY VIEW log USING text OPTIONS (path '${hiveconf:log}', lineSep '\n');

SELECT TRANSFORM (value)
    ROW FORMAT DELIMITED FIELDS TERMINATED BY '\u0001'
    USING 'sh totals --preset sshd'
    AS (record STRING)
    ROW FORMAT DELIMITED FIELDS TERMINATED BY '\u0001'
FROM log;
