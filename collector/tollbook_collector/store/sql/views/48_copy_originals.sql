-- One row for each copy of a call: the span that counts, as it was found last.
CREATE OR REPLACE VIEW copy_originals AS
SELECT
    copy_key,
    argMax(copies.dedup_of, found_at) AS dedup_of
FROM copies
GROUP BY copy_key
