-- Adds a row for each service, feature and model whose calls asked what had been asked on the same day: all but the first would not have been made.
INSERT INTO savings (tenant, found_at, since, until, kind, service, feature, provider, model, calls, cost_usd, would_usd, facts, examples)
SELECT
    {tenant:String},
    {found_at:DateTime64(3, 'UTC')},
    {since:DateTime('UTC')},
    {until:DateTime('UTC')},
    'repeat',
    service,
    feature,
    provider,
    model,
    sum(asked.times - 1) AS calls,
    sum(asked.cost - asked.first_cost) AS cost_usd,
    toDecimal128(0, 12) AS would_usd,
    map('questions', toFloat64(count()), 'most_often', toFloat64(max(asked.times))) AS facts,
    arraySlice(arrayMap(one -> one.2, arrayReverseSort(one -> one.1, groupArraySorted(3)((-toInt64(asked.times), asked.example)))), 1, 3) AS examples
FROM
(
    SELECT
        service,
        feature,
        provider,
        model,
        toDate(started_at) AS day,
        cityHash64(attributes['tollbook.prompt.digest']) AS digest,
        count() AS times,
        sum(ifNull(spans.cost_usd, toDecimal128(0, 12))) AS cost,
        argMin(ifNull(spans.cost_usd, toDecimal128(0, 12)), started_at) AS first_cost,
        any(concat(lower(hex(trace_id)), '/', lower(hex(span_id)))) AS example
    FROM spans
    WHERE tenant = {tenant:String}
        AND is_call
        AND status_code != 2
        AND price_status IN ('priced', 'tier_fallback')
        AND started_at >= {since:DateTime('UTC')}
        AND started_at < {until:DateTime('UTC')}
        AND attributes['tollbook.prompt.digest'] != ''
        AND tollbook_copy_key(tenant, trace_id, span_id, received_at) NOT IN (SELECT copy_key FROM copies)
    GROUP BY service, feature, provider, model, day, digest
    HAVING times > 1
) AS asked
GROUP BY service, feature, provider, model
HAVING cost_usd > 0
