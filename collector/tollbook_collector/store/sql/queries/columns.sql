-- One row for each column of the tables asked for, in their order: its type and what it means.
-- A view's column means what the column of that name means in the table behind it.
WITH
    (
        SELECT mapFromArrays(groupArray(name), groupArray(meaning))
        FROM
        (
            SELECT
                name,
                argMax(comment, table = 'spans') AS meaning
            FROM system.columns
            WHERE database = currentDatabase() AND comment != '' AND table IN ('spans', 'spend_hourly', 'rates', 'anomaly_versions')
            GROUP BY name
        )
    ) AS meanings
SELECT
    table,
    name,
    type,
    multiIf(
        comment != '', comment,
        name = 'failed', 'Whether it ended in an error',
        name = 'billable', 'False: a copy of another call, which is billed',
        name = 'dedup_of', 'Of a copy: the span id of the call that counts',
        table = 'roll_up_differences' AND name = 'calls', 'Calls under the span, copies left out',
        startsWith(name, 'calls_'), 'Of the calls under the span together',
        endsWith(name, '_difference'), 'What the span says more than the calls under it',
        name = 'last_second', 'Last second at which it holds, UTC',
        name = 'input_known', 'Whether there is a rate for input',
        name = 'output_known', 'Whether there is a rate for output',
        endsWith(name, '_usd') AND table = 'rate_cards', concat('USD per token: ', replaceAll(replaceOne(name, '_usd', ''), '_', ' ')),
        meanings[name]) AS meaning
FROM system.columns
WHERE database = currentDatabase() AND table IN {tables:Array(String)}
ORDER BY table, position
