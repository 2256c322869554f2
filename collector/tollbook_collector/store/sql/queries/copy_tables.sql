-- The tables that hold rows: what they are ordered and cut by, how long they keep rows, whether inserts are known again, and their columns with types.
SELECT
    tables.name AS name,
    any(tables.engine) AS kind,
    any(tables.sorting_key) AS sorting,
    extract(any(tables.partition_key), '^toYYYYMM\\((\\w+)\\)$') AS day_column,
    toUInt32OrZero(extract(any(tables.engine_full), 'TTL (?:toDateTime\\()?\\w+\\)? \\+ toIntervalDay\\((\\d+)\\)')) AS keeps_days,
    position(any(tables.create_table_query), 'deduplication_window') > 0 AS remembers,
    arraySort(x -> x.3, groupArray((columns.name, columns.type, columns.position))) AS all_columns
FROM system.tables AS tables
INNER JOIN system.columns AS columns ON columns.database = tables.database AND columns.table = tables.name
WHERE tables.database = currentDatabase() AND tables.engine LIKE '%MergeTree' AND columns.default_kind NOT IN ('MATERIALIZED', 'ALIAS')
GROUP BY tables.name
ORDER BY name
