-- One row for each score and day: a sample of its numbers and the counts of its labels, by name and day.
-- values_max: numbers of a day at most; scores_min: a day with fewer scores has no row.
SELECT
    outcome,
    toDate(scored_at) AS day,
    arraySlice(arraySort(number -> cityHash64(number.2), groupArrayIf((assumeNotNull(value), judged_span_id), isNotNull(value) AND isFinite(value))), 1, {values_max:UInt32}).1 AS numbers,
    sumMapIf(map(label, toUInt64(1)), label != '') AS labels
FROM outcomes
WHERE tenant = {tenant:String}
    AND scored_at >= {since:DateTime('UTC')}
    AND scored_at < {until:DateTime('UTC')}
GROUP BY outcome, day
HAVING count() >= {scores_min:UInt32}
ORDER BY outcome, day
LIMIT 2000
