-- The same row as trace_cost, from the spans themselves: for a store that has spans of before there were parts of traces. trace: 32 hexadecimal digits.
-- A file of its own: in one statement with trace_cost, told apart by a constant, the table of spans is planned for each trace (8.0 to 10.3 ms of CPU, 3.2 to 4.0 without it).
WITH
(
    SELECT (count(), countIf(unpriced), sum(copies.cost_usd))
    FROM copies
    WHERE tenant = {tenant:String} AND trace_id = toFixedString(unhex({trace:String}), 16) AND is_first
) AS copied
SELECT
    toInt64(count()) AS spans,
    toInt64(countIf(is_call)) - copied.1 AS calls,
    toInt64(countIf(is_call AND price_status = 'unpriced' AND unpriced_reason != 'failed')) - copied.2 AS unpriced_calls,
    sumIf(ifNull(spans.cost_usd, toDecimal128(0, 12)), is_call) - copied.3 AS cost_usd
FROM spans
WHERE tenant = {tenant:String} AND trace_id = toFixedString(unhex({trace:String}), 16)
