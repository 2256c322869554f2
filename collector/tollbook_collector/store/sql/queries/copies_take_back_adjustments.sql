-- Adds an adjustment that takes back what earlier ones added to each call that a round found to be a copy.
INSERT INTO adjustments (tenant, made_at, kind, period, hour, call_key, trace_id, span_id, key, service, environment, provider, model, operation, team, feature, customer, service_tier, user_id, conversation_id, run, agent, tags, calls, old_usd, new_usd, amount_usd, old_price_id, author, reason)
SELECT
    tenant,
    {found_at:DateTime64(6, 'UTC')},
    'copy',
    greatest(any(toStartOfMonth(earlier.hour)), max(closed.open_from)),
    any(earlier.hour),
    call_key,
    any(earlier.trace_id),
    any(earlier.span_id),
    any(earlier.key),
    any(earlier.service),
    any(earlier.environment),
    any(earlier.provider),
    any(earlier.model),
    any(earlier.operation),
    any(earlier.team),
    any(earlier.feature),
    any(earlier.customer),
    any(earlier.service_tier),
    any(earlier.user_id),
    any(earlier.conversation_id),
    any(earlier.run),
    any(earlier.agent),
    any(earlier.tags),
    0,
    sum(earlier.amount_usd),
    toDecimal128(0, 12),
    -sum(earlier.amount_usd),
    argMax(earlier.new_price_id, earlier.made_at),
    'tollbook',
    'the call is a copy of another one'
FROM adjustments AS earlier
LEFT JOIN
(
    SELECT
        tenant,
        toStartOfMonth(addMonths(max(period), 1)) AS open_from
    FROM closed_months
    GROUP BY tenant
) AS closed ON earlier.tenant = closed.tenant
WHERE call_key != 0
    AND (tenant, call_key) IN (SELECT tenant, copy_key FROM copies WHERE found_at = {found_at:DateTime64(6, 'UTC')} AND is_first)
    AND {found_at:DateTime64(6, 'UTC')} NOT IN (SELECT copy_rounds.found_at FROM copy_rounds WHERE ends_round)
GROUP BY tenant, call_key
HAVING sum(earlier.amount_usd) != 0
ORDER BY tenant, call_key
