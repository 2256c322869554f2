-- One row for each UTC day of a table: its sums, as text to the last digit. day_of_row, sums_of_rows and which_rows stand for the table's own.
SELECT
    day_of_row AS day,
    [sums_of_rows] AS sums
FROM which_rows
GROUP BY day
ORDER BY day
