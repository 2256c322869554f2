-- One row if the store can read what it holds: how many spans of senders, and how many price books.
SELECT
    (SELECT count() FROM spans WHERE tenant != '_canary') AS spans,
    (SELECT count() FROM price_books) AS price_books
