-- One row for each session or conversation whose newest call was in a period, dearest first: its calls, tokens and cost.
-- since, until: as in spend; skip: rows before the page; limit: rows at most.
SELECT
    session,
    user_id,
    first_call,
    last_call,
    calls,
    errors,
    unpriced_calls,
    models,
    input_tokens,
    output_tokens,
    cost_usd
FROM sessions
WHERE tenant = {tenant:String} AND last_call >= {since:DateTime('UTC')} AND last_call < {until:DateTime('UTC')}
ORDER BY cost_usd DESC NULLS LAST, session
LIMIT {limit:UInt32} OFFSET {skip:UInt32}
