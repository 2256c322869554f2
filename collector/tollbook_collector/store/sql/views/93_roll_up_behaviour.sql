-- One row for each hour and combination of dimensions in an insert: how its calls behaved, as histograms that add up.
CREATE OR REPLACE MATERIALIZED VIEW roll_up_behaviour TO behaviour_hourly AS
SELECT
    tenant,
    toStartOfHour(toDateTime(started_at, 'UTC')) AS hour,
    service,
    environment,
    model,
    team,
    feature,
    countIf(is_call) AS calls,
    sumMapIf(map(tollbook_bin(spans.duration_ns / 1000000), toUInt64(1)), is_call AND status_code != 2) AS latencies,
    sumMapIf(map(tollbook_bin(ifNull(spans.time_to_first_chunk_ns, 0) / 1000000), toUInt64(1)), is_call AND isNotNull(spans.time_to_first_chunk_ns)) AS first_chunks,
    sumMapIf(map(tollbook_bin(ifNull(spans.input_tokens, 0)), toUInt64(1)), is_call AND isNotNull(spans.input_tokens)) AS inputs,
    sumMapIf(map(tollbook_bin(ifNull(spans.output_tokens, 0)), toUInt64(1)), is_call AND isNotNull(spans.output_tokens)) AS outputs,
    sumMapIf(map(toString(spans.finish_reasons[1]), toUInt64(1)), is_call AND notEmpty(spans.finish_reasons)) AS finish_reasons,
    sumMapIf(map(toString(spans.response_model), toUInt64(1)), is_call AND spans.response_model != '') AS response_models,
    sumMapIf(map(attributes['gen_ai.tool.name'], toUInt64(1)), operation = 'execute_tool') AS tools
FROM spans
WHERE is_call OR operation = 'execute_tool'
GROUP BY tenant, hour, service, environment, model, team, feature
