-- One row: how many calls of an hour are there to be searched for copies.
SELECT count()
FROM spans
WHERE is_call AND started_at >= {hour:DateTime('UTC')} AND started_at < {hour:DateTime('UTC')} + INTERVAL 1 HOUR
