-- Compares a bill with what was metered on its days, of its providers, and adds the comparison to reconciliations.
-- tenant, bill: whose and which; at: when. Of files that say the same in two forms (usage, costs) the larger sum counts.
INSERT INTO reconciliations
WITH
    lines AS
    (
        SELECT
            form,
            day,
            provider,
            if(dictGet('model_by_name', 'model', lower(concat(provider, ':', bill_lines.model))) != '', dictGet('model_by_name', 'model', lower(concat(provider, ':', bill_lines.model))), lower(bill_lines.model)) AS model,
            service_tier,
            class,
            quantity,
            amount_usd
        FROM bill_lines FINAL
        WHERE tenant = {tenant:String} AND bill = {bill:String}
    ),
    theirs AS
    (
        SELECT
            day,
            provider,
            model,
            service_tier,
            class,
            max(form_quantity) AS quantity,
            max(form_amount_usd) AS amount_usd
        FROM
        (
            SELECT
                form,
                day,
                provider,
                model,
                service_tier,
                class,
                sum(lines.quantity) AS form_quantity,
                sum(lines.amount_usd) AS form_amount_usd
            FROM lines
            GROUP BY form, day, provider, model, service_tier, class
        )
        GROUP BY day, provider, model, service_tier, class
    ),
    -- What the bill of a provider says at all: where it says nothing, nothing is compared.
    scopes AS
    (
        SELECT
            provider,
            min(day) AS first_day,
            max(day) AS last_day,
            countIf(class = 'total') > 0 AS is_total,
            countIf(isNotNull(quantity)) > 0 AS has_quantities,
            countIf(isNotNull(amount_usd)) > 0 AS has_amounts
        FROM lines
        GROUP BY provider
    ),
    ours AS
    (
        SELECT
            toDate(started_at) AS day,
            provider,
            model,
            service_tier,
            (arrayJoin([
                tuple('input', toInt64(ifNull(calls.input_tokens, 0) - calls.cache_read_tokens - calls.cache_write_tokens - calls.input_audio_tokens - calls.input_image_tokens)),
                tuple('cache_read', toInt64(calls.cache_read_tokens)),
                tuple('cache_write', toInt64(calls.cache_write_tokens - calls.cache_write_1h_tokens)),
                tuple('cache_write_1h', toInt64(calls.cache_write_1h_tokens)),
                tuple('input_audio', toInt64(calls.input_audio_tokens)),
                tuple('input_image', toInt64(calls.input_image_tokens)),
                tuple('output', toInt64(ifNull(calls.output_tokens, 0) - calls.output_audio_tokens - calls.output_image_tokens)),
                tuple('output_audio', toInt64(calls.output_audio_tokens)),
                tuple('output_image', toInt64(calls.output_image_tokens))
            ]) AS pair).1 AS class,
            toDecimal128(pair.2, 12) AS quantity,
            toDecimal128(0, 12) AS cost_usd
        FROM calls
        WHERE tenant = {tenant:String}
            AND billable
            AND started_at >= (SELECT min(first_day) FROM scopes)
            AND started_at < (SELECT max(last_day) FROM scopes) + 1
        UNION ALL
        SELECT
            toDate(hour) AS day,
            provider,
            model,
            service_tier,
            multiIf(class = 'reasoning', 'output', class IN ('input', 'cache_read', 'cache_write', 'cache_write_1h', 'input_audio', 'input_image', 'output', 'output_audio', 'output_image', 'millisecond'), class, 'other') AS class,
            toDecimal128(0, 12) AS quantity,
            effective_cost_usd AS cost_usd
        FROM token_charges
        WHERE tenant = {tenant:String}
            AND hour >= (SELECT min(first_day) FROM scopes)
            AND hour < (SELECT max(last_day) FROM scopes) + 1
    )
SELECT
    {tenant:String} AS tenant,
    {bill:String} AS bill,
    {at:DateTime64(6, 'UTC')} AS reconciled_at,
    day,
    provider,
    model,
    service_tier,
    class,
    sum(our_quantity_one) AS our_quantity,
    if(any(scopes.has_quantities), sum(their_quantity_one), NULL) AS their_quantity,
    sum(our_cost_one) AS our_cost_usd,
    if(any(scopes.has_amounts), sum(their_cost_one), NULL) AS their_cost_usd
FROM
(
    SELECT
        day,
        provider,
        model,
        service_tier,
        if(scopes.is_total, 'total', ours.class) AS class,
        ours.quantity AS our_quantity_one,
        toDecimal128(0, 12) AS their_quantity_one,
        ours.cost_usd AS our_cost_one,
        toDecimal128(0, 12) AS their_cost_one
    FROM ours
    INNER JOIN scopes ON scopes.provider = ours.provider
    WHERE day BETWEEN first_day AND last_day
    UNION ALL
    SELECT
        day,
        provider,
        model,
        service_tier,
        class,
        toDecimal128(0, 12),
        ifNull(theirs.quantity, toDecimal128(0, 12)),
        toDecimal128(0, 12),
        ifNull(theirs.amount_usd, toDecimal128(0, 12))
    FROM theirs
) AS both
INNER JOIN scopes ON scopes.provider = both.provider
GROUP BY day, provider, model, service_tier, class
HAVING our_quantity != 0 OR our_cost_usd != 0 OR ifNull(their_quantity, 0) != 0 OR ifNull(their_cost_usd, 0) != 0
