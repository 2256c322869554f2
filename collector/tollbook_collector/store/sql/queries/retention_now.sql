-- One row for each of some tables: after how many days its rows are dropped; 0: never.
SELECT
    name,
    toUInt32OrZero(extract(engine_full, 'TTL toDateTime\\(\\w+\\) \\+ toIntervalDay\\((\\d+)\\)')) AS days
FROM system.tables
WHERE database = currentDatabase() AND name IN {tables:Array(String)}
