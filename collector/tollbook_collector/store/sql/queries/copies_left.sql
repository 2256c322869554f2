-- One row for each month in which a search took calls for copies that are in no round: the month as yyyymm, and how many.
SELECT
    toYYYYMM(started_at) AS month,
    count() AS candidates
FROM copy_candidates
WHERE search = {search:String} AND copy_key NOT IN (SELECT copy_key FROM copies)
GROUP BY month
ORDER BY month
