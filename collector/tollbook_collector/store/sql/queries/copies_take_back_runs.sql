-- Adds rows that take the copies which a round found out of the runs of agents that they were part of.
-- taken_back stands for what the copies had added, as the view roll_up_runs makes it. Which calls were different stays: a copy is like its original.
INSERT INTO run_parts (tenant, run_id, run, day, first_call, last_call, calls, errors, unpriced_calls, input_tokens, output_tokens, cost_usd)
SELECT
    tenant,
    run_id,
    run,
    day,
    first_call,
    last_call,
    -toInt64(calls),
    -toInt64(errors),
    -toInt64(unpriced_calls),
    -toInt64(input_tokens),
    -toInt64(output_tokens),
    -cost_usd
FROM taken_back
ORDER BY ALL
