-- The steps of copying that were done, of any source.
SELECT
    source,
    event,
    table_name,
    day,
    slice,
    slices,
    rows
FROM store_copies
