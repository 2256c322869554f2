-- Adds rows that take the copies which a round found out of the cost of their traces.
-- taken_back stands for what the copies had added, as the view roll_up_traces makes it. A copy stays a span of its trace.
INSERT INTO trace_parts (tenant, trace_id, hour, spans, calls, unpriced_calls, cost_usd, first_received)
SELECT
    tenant,
    trace_id,
    hour,
    toInt64(0),
    -toInt64(calls),
    -toInt64(unpriced_calls),
    -cost_usd,
    first_received
FROM taken_back
ORDER BY ALL
