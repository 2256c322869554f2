-- One row for each day, team, feature and customer: calls, tokens and cost.
CREATE OR REPLACE VIEW teams
(
    tenant LowCardinality(String) COMMENT 'Whose data it is',
    day Date COMMENT 'Day on which the calls started, UTC',
    team LowCardinality(String) COMMENT 'Tag team; empty: none',
    feature LowCardinality(String) COMMENT 'Tag feature; empty: none',
    customer LowCardinality(String) COMMENT 'Tag customer; empty: none',
    calls Int64 COMMENT 'Model calls',
    errors Int64 COMMENT 'Of them, those that failed',
    unpriced_calls Int64 COMMENT 'Of them, those that used tokens at an unknown cost',
    input_tokens Int64 COMMENT 'Cached ones included',
    output_tokens Int64 COMMENT 'Reasoning included',
    cost_usd Nullable(Decimal(38, 12)) COMMENT 'USD of the priced calls; NULL: none of the calls has a known price'
)
AS SELECT
    tenant,
    toDate(hour) AS day,
    team,
    feature,
    customer,
    sum(spend.calls) AS calls,
    sum(spend.errors) AS errors,
    sum(spend.unpriced_calls) AS unpriced_calls,
    sum(spend.input_tokens) AS input_tokens,
    sum(spend.output_tokens) AS output_tokens,
    sum(spend.cost_usd) AS cost_usd
FROM spend
GROUP BY tenant, day, team, feature, customer
