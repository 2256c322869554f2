-- One row: how many copies a round found.
SELECT count()
FROM copies
WHERE found_at = {found_at:DateTime64(6, 'UTC')} AND is_first
