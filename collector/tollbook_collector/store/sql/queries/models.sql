-- One row for each model, dearest first: what its calls cost, how long they took and how often they failed, in the hours from since to until; copies of calls are left out.
-- Of up to exact_max calls the times are those of each call; of more they come from histograms, whose bins are a fifth of a doubling wide and know no provider: a model that several serve is read call by call all the same.
WITH
    (
        SELECT sum(spend_hourly.calls)
        FROM spend_hourly
        WHERE tenant = {tenant:String} AND hour >= toStartOfHour({since:DateTime('UTC')}) AND hour < {until:DateTime('UTC')}
    ) <= {exact_max:UInt64} AS few,
    (
        SELECT groupArray(several.model)
        FROM
        (
            SELECT model
            FROM
            (
                SELECT provider, model
                FROM spend_hourly
                WHERE tenant = {tenant:String} AND hour >= toStartOfHour({since:DateTime('UTC')}) AND hour < {until:DateTime('UTC')}
                GROUP BY provider, model
                HAVING sum(spend_hourly.calls) > 0
            )
            GROUP BY model
            HAVING count() > 1
        ) AS several
    ) AS of_several
SELECT
    used.provider,
    used.model,
    used.calls,
    used.errors,
    used.unpriced_calls,
    used.input_tokens,
    used.cache_read_tokens,
    used.output_tokens,
    used.cost_usd,
    if(NOT timed.is_known, tollbook_quantile_of_bins(binned.latencies, 0.5), timed.p50_ms) AS p50_ms,
    if(NOT timed.is_known, tollbook_quantile_of_bins(binned.latencies, 0.95), timed.p95_ms) AS p95_ms,
    if(NOT timed.is_known, tollbook_quantile_of_bins(binned.first_chunks, 0.5), timed.first_chunk_p50_ms) AS first_chunk_p50_ms,
    used.output_tokens / nullIf(if(NOT timed.is_known, arraySum((bin, calls) -> calls * exp2((bin + 0.5) / 5), mapKeys(binned.latencies), mapValues(binned.latencies)), timed.successful_ms) / 1000, 0) AS output_tokens_per_s
FROM
(
    SELECT
        provider,
        model,
        sum(spend_hourly.calls) AS calls,
        sum(spend_hourly.errors) AS errors,
        sum(spend_hourly.unpriced_calls) AS unpriced_calls,
        sum(spend_hourly.input_tokens) AS input_tokens,
        sum(spend_hourly.cache_read_tokens) AS cache_read_tokens,
        sum(spend_hourly.output_tokens) AS output_tokens,
        sum(spend_hourly.cost_usd) AS cost_usd
    FROM spend_hourly
    WHERE tenant = {tenant:String} AND hour >= toStartOfHour({since:DateTime('UTC')}) AND hour < {until:DateTime('UTC')}
    GROUP BY provider, model
    HAVING calls > 0
) AS used
LEFT JOIN
(
    SELECT
        provider,
        model,
        true AS is_known,
        quantileIf(0.5)(duration_ns, status_code != 2) / 1000000 AS p50_ms,
        quantileIf(0.95)(duration_ns, status_code != 2) / 1000000 AS p95_ms,
        quantileIf(0.5)(assumeNotNull(time_to_first_chunk_ns), isNotNull(time_to_first_chunk_ns)) / 1000000 AS first_chunk_p50_ms,
        sumIf(duration_ns, status_code != 2) / 1000000 AS successful_ms
    FROM spans
    WHERE tenant = {tenant:String}
        AND is_call
        AND (few OR (notEmpty(of_several) AND has(of_several, model)))
        AND started_at >= toStartOfHour({since:DateTime('UTC')})
        AND started_at < {until:DateTime('UTC')}
        AND ((SELECT count() = 0 FROM copies WHERE tenant = {tenant:String}) OR tollbook_copy_key(tenant, trace_id, span_id, received_at) NOT IN (SELECT copy_key FROM copies))
    GROUP BY provider, model
) AS timed ON timed.provider = used.provider AND timed.model = used.model
LEFT JOIN
(
    SELECT
        model,
        mapFilter((bin, calls) -> calls > 0, sumMap(behaviour_hourly.latencies)) AS latencies,
        mapFilter((bin, calls) -> calls > 0, sumMap(behaviour_hourly.first_chunks)) AS first_chunks
    FROM behaviour_hourly
    WHERE NOT few AND tenant = {tenant:String} AND hour >= toStartOfHour({since:DateTime('UTC')}) AND hour < {until:DateTime('UTC')}
    GROUP BY model
) AS binned ON binned.model = used.model
ORDER BY used.cost_usd DESC, used.calls DESC, used.provider, used.model
LIMIT {limit:UInt32}
