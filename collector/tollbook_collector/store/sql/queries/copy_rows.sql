-- The rows of a slice of a table's day. all_columns, day_of_row and sorting_of_row stand for the table's own.
SELECT all_columns
FROM {table:Identifier}
WHERE day_of_row = {day:Date} AND cityHash64(sorting_of_row) % {slices:UInt32} = {slice:UInt32}
