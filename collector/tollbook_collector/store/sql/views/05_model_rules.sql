-- One row for each rule of the newest price book, in the form of ClickHouse's regular expression tree.
-- The tree may not be empty, so a rule that nothing matches (a key has a colon) stands before those of the book.
CREATE OR REPLACE VIEW model_rules AS
SELECT
    id,
    toUInt64(0) AS parent_id,
    regexp,
    ['model'] AS keys,
    [model] AS values
FROM
(
    SELECT
        toUInt64(1) AS id,
        '^$' AS regexp,
        '' AS model
    UNION ALL
    SELECT
        id + 1 AS id,
        regexp,
        model
    FROM model_patterns
    WHERE book_at = (SELECT max(book_at) FROM price_books)
)
ORDER BY id
