-- One row for each table of which the engine set parts aside because they are damaged: the table and how many.
SELECT
    table,
    count() AS parts
FROM system.detached_parts
WHERE database = currentDatabase() AND reason LIKE '%broken%'
GROUP BY table
ORDER BY table
