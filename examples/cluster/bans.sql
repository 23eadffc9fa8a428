-- Who had five failures within ten minutes, in the logs ${hiveconf:log}, a file or directory: all
-- events of an address come to one task, in the order of their times.

-- See totals.sql for lineSep.
CREATE TEMPORARY VIEW log USING text OPTIONS (path '${hiveconf:log}', lineSep '\n');

CREATE TEMPORARY VIEW event AS
SELECT record,
    split(record, '\t')[0] AS address,
    to_timestamp(regexp_extract(record, '\tat=([^\t]*)', 1)) AS at
FROM (
    SELECT TRANSFORM (value)
        ROW FORMAT DELIMITED FIELDS TERMINATED BY '\u0001'
        USING 'sh step extract-ip --preset sshd --time'
        AS (record STRING)
        ROW FORMAT DELIMITED FIELDS TERMINATED BY '\u0001'
    FROM log
);

SELECT TRANSFORM (record)
    ROW FORMAT DELIMITED FIELDS TERMINATED BY '\u0001'
    USING 'sh step count-ip --threshold 5 --within 10m'
    AS (record STRING)
    ROW FORMAT DELIMITED FIELDS TERMINATED BY '\u0001'
FROM (SELECT * FROM event DISTRIBUTE BY address SORT BY at);
