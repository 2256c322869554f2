-- The copies that began and have not finished.
SELECT source
FROM store_copies
GROUP BY source
HAVING countIf(event = 'finished') = 0
