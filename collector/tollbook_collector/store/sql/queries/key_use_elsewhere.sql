-- One row for each key: the bytes that it sent on a day to other runs of collectors than this one.
SELECT
    key,
    sum(bytes) AS total
FROM key_use FINAL
WHERE day = {day:Date} AND collector != {collector:String}
GROUP BY key
