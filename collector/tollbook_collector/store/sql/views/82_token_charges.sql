-- One row for each hour, dimensions, rate card and class of usage that cost something or could: quantity, unit prices, and list, contracted and effective cost.
-- The classes are disjoint, so quantities and costs add up: effective_cost_usd of all rows is cost_usd of all calls, to the last digit.
-- A call is laid out by the version of its card that makes its cost; one whose cost is not made of rates (said by the provider, or a gateway's cache) is a row of class request.
-- contracted_cost_usd is at the rates agreed, list_cost_usd at those before a contract; billed_cost_usd is 0 for time of a machine of one's own, which another bill has.
CREATE OR REPLACE VIEW token_charges AS
SELECT
    tenant,
    hour,
    service,
    environment,
    team,
    feature,
    customer,
    provider,
    model,
    operation,
    service_tier,
    price_id,
    line.1 AS class,
    line.2 AS quantity,
    line.3 AS unit_price_usd,
    line.4 AS list_unit_price_usd,
    line.5 AS effective_cost_usd,
    line.5 AS contracted_cost_usd,
    line.6 AS list_cost_usd,
    if(class = 'millisecond', toDecimal128(0, 12), effective_cost_usd) AS billed_cost_usd,
    calls
FROM
(
    SELECT
        tenant,
        hour,
        service,
        environment,
        team,
        feature,
        customer,
        provider,
        model,
        operation,
        service_tier,
        price_id,
        calls,
        arrayJoin(
            if(version = 0,
               [tuple('request', calls, CAST(NULL, 'Nullable(Decimal(38, 12))'), CAST(NULL, 'Nullable(Decimal(38, 12))'), cost_usd, cost_usd)],
               arrayFilter(one -> one.2 > 0, arrayMap(
                   (class_name, quantity_one, rate_usd, listed_usd) -> tuple(class_name, toUInt64(quantity_one), CAST(rate_usd, 'Nullable(Decimal(38, 12))'), CAST(listed_usd, 'Nullable(Decimal(38, 12))'), quantity_one * rate_usd, quantity_one * listed_usd),
                   classes,
                   quantities,
                   rates_usd,
                   list_usd)))) AS line
    FROM
    (
        SELECT
            tenant,
            hour,
            service,
            environment,
            team,
            feature,
            customer,
            provider,
            model,
            operation,
            service_tier,
            price_id,
            version,
            classes,
            rates_usd,
            list_usd,
            sumForEach(call_quantities) AS quantities,
            sum(call_cost_usd) AS cost_usd,
            count() AS calls
        FROM
        (
            SELECT
                *,
                -- The units beside tokens are those of each version of the card.
                arrayMap(classes_one -> arrayConcat(call_token_quantities, arrayMap(quantity_one -> toInt64(quantity_one), tollbook_unit_quantities(units, arraySlice(classes_one, 12), has_tokens))), classes_versions) AS quantities_versions,
                arrayFirstIndex(
                    (quantities_one, rates_usd_one) -> arraySum(arrayMap((quantity_one, rate_usd) -> quantity_one * rate_usd, quantities_one, rates_usd_one)) = call_cost_usd,
                    quantities_versions,
                    rates_usd_versions) AS version,
                quantities_versions[version] AS call_quantities,
                classes_versions[version] AS classes,
                rates_usd_versions[version] AS rates_usd,
                list_usd_versions[version] AS list_usd
            FROM
            (
                SELECT
                    tenant,
                    toStartOfHour(toDateTime(started_at, 'UTC')) AS hour,
                    service,
                    environment,
                    team,
                    feature,
                    customer,
                    provider,
                    model,
                    operation,
                    service_tier,
                    calls.price_id AS price_id,
                    assumeNotNull(calls.cost_usd) AS call_cost_usd,
                    [
                        toInt64(ifNull(calls.input_tokens, 0) - calls.cache_read_tokens - calls.cache_write_tokens - calls.input_audio_tokens - calls.input_image_tokens),
                        toInt64(calls.cache_read_tokens),
                        toInt64(calls.cache_write_tokens - calls.cache_write_1h_tokens),
                        toInt64(calls.cache_write_1h_tokens),
                        toInt64(calls.input_audio_tokens),
                        toInt64(calls.input_image_tokens),
                        toInt64(ifNull(calls.output_tokens, 0) - calls.reasoning_tokens - calls.output_audio_tokens - calls.output_image_tokens),
                        toInt64(calls.reasoning_tokens),
                        toInt64(calls.output_audio_tokens),
                        toInt64(calls.output_image_tokens),
                        toInt64(intDiv(calls.duration_ns, 1000000))
                    ] AS token_quantities,
                    -- The time of a call is a quantity only where time is what is paid for.
                    if(endsWith(calls.price_id, '/hosted'), arrayConcat(arrayMap(one -> toInt64(0), arraySlice(token_quantities, 1, 10)), [token_quantities[11]]), arrayConcat(arraySlice(token_quantities, 1, 10), [toInt64(0)])) AS call_token_quantities,
                    calls.units AS units,
                    isNotNull(calls.input_tokens) OR isNotNull(calls.output_tokens) AS has_tokens,
                    price_cards.classes_versions AS classes_versions,
                    price_cards.rates_usd_versions AS rates_usd_versions,
                    price_cards.list_usd_versions AS list_usd_versions
                FROM calls
                LEFT JOIN price_cards ON price_cards.price_id = calls.price_id
                WHERE isNotNull(calls.cost_usd)
            )
        )
        GROUP BY tenant, hour, service, environment, team, feature, customer, provider, model, operation, service_tier, price_id, version, classes, rates_usd, list_usd
    )
)
