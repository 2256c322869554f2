-- One row if the store can read what it holds: how many spans, and how many price books.
SELECT
    (SELECT count() FROM spans) AS spans,
    (SELECT count() FROM price_books) AS price_books
