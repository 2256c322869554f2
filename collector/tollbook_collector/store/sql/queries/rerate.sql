-- Adds an adjustment for each call whose cost at the prices in force is another than what was charged for it so far.
-- Usage of a closed month is charged in the month after the last closed one. repriced stands for the calls at the prices in force.
INSERT INTO adjustments (tenant, made_at, kind, period, hour, call_key, trace_id, span_id, key, service, environment, provider, model, operation, team, feature, customer, service_tier, user_id, conversation_id, run, agent, tags, calls, old_usd, new_usd, amount_usd, old_price_id, new_price_id, book_at, author, reason)
SELECT
    tenant,
    {made_at:DateTime64(6, 'UTC')},
    'rerate',
    greatest(
        toStartOfMonth(started_at),
        (SELECT if(count() = 0, toDate(0), toStartOfMonth(addMonths(max(period), 1))) FROM closed_months WHERE tenant = {tenant:String})),
    toStartOfHour(toDateTime(started_at, 'UTC')) AS hour,
    call_key,
    trace_id,
    span_id,
    key,
    service,
    environment,
    provider,
    recorded_model,
    operation,
    team,
    feature,
    customer,
    service_tier,
    user_id,
    conversation_id,
    run,
    agent,
    tags,
    0,
    if(isNull(recorded_usd) AND adjusted_usd = 0, NULL, charged_usd),
    cost_usd,
    assumeNotNull(cost_usd) - charged_usd,
    recorded_price_id,
    price_id,
    book_at,
    {author:String},
    {reason:String}
FROM
(
    SELECT
        *,
        ifNull(recorded_usd, toDecimal128(0, 12)) + adjusted_usd AS charged_usd
    FROM repriced
)
WHERE isNotNull(cost_usd) AND cost_usd != charged_usd
