-- One row for each UTC day of a table: how many rows it has. day_of_row stands for the table's own expression.
SELECT
    day_of_row AS day,
    count() AS rows
FROM {table:Identifier}
GROUP BY day
ORDER BY day
