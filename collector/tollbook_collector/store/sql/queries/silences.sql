-- One row for each tenant whose calls have stopped: no call for longer than twice its longest pause since a moment, and than a floor.
SELECT
    tenant,
    last_minute,
    longest_s
FROM
(
    SELECT
        tenant,
        max(minute) AS last_minute,
        max(if(before = toDateTime(0, 'UTC'), 0, dateDiff('second', before, minute))) AS longest_s,
        min(minute) AS first_minute
    FROM
    (
        SELECT
            tenant,
            minute,
            lagInFrame(minute, 1, toDateTime(0, 'UTC')) OVER (PARTITION BY tenant ORDER BY minute ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before
        FROM
        (
            SELECT DISTINCT
                tenant,
                minute
            FROM spend_minutely
            WHERE minute >= {since:DateTime('UTC')} AND minute <= {now:DateTime('UTC')}
        )
    )
    GROUP BY tenant
)
WHERE dateDiff('second', last_minute, {now:DateTime('UTC')}) > greatest(2 * longest_s, {floor_s:UInt32})
    AND dateDiff('second', first_minute, last_minute) >= {history_s:UInt32}
ORDER BY tenant
LIMIT {limit:UInt32}
