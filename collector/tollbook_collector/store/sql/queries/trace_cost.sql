-- A row: what some of the spans of a trace add to its sums: spans, model calls, those that used tokens at an unknown cost, and what they cost; copies of other calls do not count. trace: 32 hexadecimal digits.
-- A trace has a row for each hour and part, a handful, which the asker adds up: planned to do it the engine takes 2.9 ms in place of 2.5 (6 parts, warm).
SELECT
    spans,
    calls,
    unpriced_calls,
    cost_usd
FROM trace_parts
-- The trace before the tenant: of all parts but one nothing else is read then (15 parts: 4.6 ms of CPU, 6.1 with both here).
PREWHERE trace_id = toFixedString(unhex({trace:String}), 16)
WHERE tenant = {tenant:String}
-- Some granules are read: handing them to a second thread takes longer than reading them (4.5 ms with, 3.0 without, of 2 M rows in nine parts).
SETTINGS max_threads = 1
