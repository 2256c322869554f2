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
            WHERE database = currentDatabase() AND comment != '' AND table IN ('spans', 'spend_hourly', 'rates')
            GROUP BY name
        )
    ) AS meanings,
    (
        SELECT mapFromArrays(groupArray(concat(table, '.', name)), groupArray(comment))
        FROM system.columns
        WHERE database = currentDatabase() AND comment != '' AND table IN ('anomaly_versions', 'run_parts', 'budget_periods', 'incident_history', 'alert_versions')
    ) AS meanings_of_tables,
    -- Views over one table whose columns mean what they mean there and nowhere else.
    map('anomalies', 'anomaly_versions', 'runs', 'run_parts', 'budgets', 'budget_periods', 'incidents', 'incident_history', 'alerts', 'alert_versions') AS behind
SELECT
    table,
    name,
    type,
    multiIf(
        comment != '', comment,
        name = 'different_calls', 'Calls that differ in model or tokens, about: far fewer than calls is a loop',
        mapContains(behind, table), meanings_of_tables[concat(behind[table], '.', name)],
        name = 'failed', 'Whether it ended in an error',
        table = 'charges' AND name = 'kind', 'spend, or the kind of adjustment',
        table = 'charges' AND name = 'period', 'First day of the month in which it is charged',
        name = 'run' AND table != 'adjustments', 'tollbook.run.id: the agent task that it belongs to',
        name = 'scored_at', 'When it was scored, UTC',
        name = 'outcome', 'What is judged',
        table = 'outcomes' AND name = 'value', 'The score as a number; NULL: it is none',
        table = 'outcomes' AND name = 'label', 'The score in words',
        name = 'judged_span_id', 'The span that is judged: a call or a run',
        name = 'billable', 'False: a copy of another call, which is billed',
        name = 'dedup_of', 'Of a copy: the span id of the call that counts',
        table = 'roll_up_differences' AND name = 'calls', 'Calls under the span, copies left out',
        name = 'day', 'Day on which the calls started, UTC',
        name = 'differing_calls', 'Of the calls, those for which the two are not the same',
        name = 'difference_usd', 'Ours less what was reported',
        name = 'largest_difference_usd', 'Of one call',
        table = 'cost_differences' AND name = 'calls', 'Calls of which both are known',
        startsWith(name, 'calls_'), 'Of the calls under the span together',
        endsWith(name, '_difference'), 'What the span says more than the calls under it',
        name = 'last_second', 'Last second at which it holds, UTC',
        name = 'input_known', 'Whether there is a rate for input',
        name = 'output_known', 'Whether there is a rate for output',
        table = 'token_charges' AND name = 'class', 'input, cache_read, cache_write, cache_write_1h, input_audio, input_image, output, reasoning, output_audio, output_image, millisecond, request (what a provider says that a call cost), or a unit beside tokens, as web_search',
        table = 'token_charges' AND name = 'quantity', 'Tokens, milliseconds, units or calls, by class',
        table = 'token_charges' AND name = 'unit_price_usd', 'USD per token, millisecond or unit, as agreed; NULL: the cost is not made of rates',
        table = 'token_charges' AND name = 'list_unit_price_usd', 'USD per token, millisecond or unit, before a contract',
        table = 'token_charges' AND name = 'effective_cost_usd', 'Cost of record',
        table = 'token_charges' AND name = 'contracted_cost_usd', 'At the rates agreed',
        table = 'token_charges' AND name = 'list_cost_usd', 'At the rates before a contract',
        table = 'token_charges' AND name = 'billed_cost_usd', 'As a provider bills it; 0 for time of a machine of one\'s own',
        name = 'remarks', '1: unconverted; 2: each request has a fee',
        name = 'unconverted', 'Its price is in a currency without an exchange rate then, so it has no rates',
        name = 'millisecond_usd', 'USD per millisecond of a call on a machine of one\'s own',
        endsWith(name, '_usd') AND table = 'rate_cards', concat('USD per token: ', replaceAll(replaceOne(name, '_usd', ''), '_', ' ')),
        meanings[name]) AS meaning
FROM system.columns
WHERE database = currentDatabase() AND table IN {tables:Array(String)}
ORDER BY table, position
