-- One row for each hour, model and reason for which calls that used tokens have no cost.
CREATE OR REPLACE VIEW unpriced_calls AS
SELECT
    tenant,
    toStartOfHour(toDateTime(started_at, 'UTC')) AS hour,
    service,
    team,
    provider,
    model,
    unpriced_reason,
    count() AS calls,
    sum(ifNull(spans.input_tokens, 0)) AS input_tokens,
    sum(ifNull(spans.output_tokens, 0)) AS output_tokens
FROM spans
WHERE is_call AND price_status = 'unpriced' AND unpriced_reason != 'failed'
GROUP BY tenant, hour, service, team, provider, model, unpriced_reason
