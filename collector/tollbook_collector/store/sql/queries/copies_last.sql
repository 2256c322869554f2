-- One row: the newest round of copies, and whether the table of copies is replicated.
SELECT
    (SELECT max(found_at) FROM copies) AS last,
    (SELECT any(startsWith(engine, 'Replicated')) FROM system.tables WHERE database = currentDatabase() AND name = 'copies') AS is_replicated
