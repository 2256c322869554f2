-- One row for each of two values of a dimension: how many calls it had in a period, and means and variances of what they cost, took and said.
-- by: model, version, prompt, feature, team, service, environment or service_tier; column: the same, or tenant for version and prompt; a, b: the values; feature: of the calls, empty for any.
SELECT
    value,
    count() AS calls,
    countIf(status_code = 2) AS errors,
    countIf(isNotNull(spans.cost_usd)) AS priced,
    sum(ifNull(spans.cost_usd, toDecimal128(0, 12))) AS cost_usd,
    avgIf(toFloat64(assumeNotNull(spans.cost_usd)), isNotNull(spans.cost_usd)) AS cost_mean,
    varSampIf(toFloat64(assumeNotNull(spans.cost_usd)), isNotNull(spans.cost_usd)) AS cost_variance,
    countIf(status_code != 2 AND isNotNull(spans.output_tokens)) AS counted,
    avgIf(assumeNotNull(spans.output_tokens), status_code != 2 AND isNotNull(spans.output_tokens)) AS output_mean,
    varSampIf(assumeNotNull(spans.output_tokens), status_code != 2 AND isNotNull(spans.output_tokens)) AS output_variance,
    avgIf(assumeNotNull(spans.input_tokens), status_code != 2 AND isNotNull(spans.input_tokens)) AS input_mean,
    varSampIf(assumeNotNull(spans.input_tokens), status_code != 2 AND isNotNull(spans.input_tokens)) AS input_variance,
    countIf(status_code != 2 AND spans.duration_ns > 0) AS timed,
    avgIf(log(spans.duration_ns), status_code != 2 AND spans.duration_ns > 0) AS log_duration_mean,
    varSampIf(log(spans.duration_ns), status_code != 2 AND spans.duration_ns > 0) AS log_duration_variance,
    quantileIf(0.5)(spans.duration_ns, status_code != 2) / 1000000 AS p50_ms,
    quantileIf(0.95)(spans.duration_ns, status_code != 2) / 1000000 AS p95_ms,
    countIf(has(spans.finish_reasons, 'length') OR has(spans.finish_reasons, 'max_tokens')) AS cut_off,
    sum(spans.cache_read_tokens) / greatest(sum(ifNull(spans.input_tokens, 0)), 1) AS cached
FROM
(
    SELECT
        *,
        -- Written with if, so that the maps are read only where they are asked for, and a column of few values stays one.
        if({by:String} = 'version', toLowCardinality(resource['service.version']), if({by:String} = 'prompt', toLowCardinality(tags['prompt']), {column:Identifier})) AS value
    FROM spans
    WHERE tenant = {tenant:String}
        AND is_call
        AND started_at >= {since:DateTime('UTC')}
        AND started_at < {until:DateTime('UTC')}
        AND ({feature:String} = '' OR feature = {feature:String})
        AND ({by:String} != 'model' OR model IN ({a:String}, {b:String}))
        AND ((SELECT count() = 0 FROM copies WHERE tenant = {tenant:String}) OR tollbook_copy_key(tenant, trace_id, span_id, received_at) NOT IN (SELECT copy_key FROM copies))
) AS spans
WHERE value IN ({a:String}, {b:String})
GROUP BY value
