-- The checksum and source of the price book in force; no row: there is none yet.
SELECT
    sha256,
    source,
    book_at
FROM price_books
ORDER BY book_at DESC
LIMIT 1
