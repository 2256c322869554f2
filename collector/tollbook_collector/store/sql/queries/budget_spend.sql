-- One row for each value of a budget's dimension, dearest first: what its calls cost in the period so far, and in four windows that end now.
-- each: the dimension, empty: one row for all; column: the same, or tenant for empty. service to service_tier: values that count, empty: any.
-- The period is whole hours, and minutes at its start where a zone's midnight is not on an hour of UTC.
SELECT
    value,
    sum(spent_usd) AS spent,
    sum(spent_calls) AS calls,
    sum(spent_unpriced) AS unpriced_calls,
    sum(fast_usd) AS fast,
    sum(fast_recent_usd) AS fast_recent,
    sum(slow_usd) AS slow,
    sum(slow_recent_usd) AS slow_recent
FROM
(
    SELECT
        if({each:String} = '', '', toString({column:Identifier})) AS value,
        sum(spend_hourly.cost_usd) AS spent_usd,
        sum(spend_hourly.calls) AS spent_calls,
        sum(spend_hourly.unpriced_calls) AS spent_unpriced,
        toDecimal128(0, 12) AS fast_usd,
        toDecimal128(0, 12) AS fast_recent_usd,
        toDecimal128(0, 12) AS slow_usd,
        toDecimal128(0, 12) AS slow_recent_usd
    FROM spend_hourly
    WHERE tenant = {tenant:String}
        AND hour >= {first_hour:DateTime('UTC')}
        AND hour < {last_hour:DateTime('UTC')}
        AND (empty({service:Array(String)}) OR has({service:Array(String)}, service))
        AND (empty({environment:Array(String)}) OR has({environment:Array(String)}, environment))
        AND (empty({provider:Array(String)}) OR has({provider:Array(String)}, provider))
        AND (empty({model:Array(String)}) OR has({model:Array(String)}, model))
        AND (empty({operation:Array(String)}) OR has({operation:Array(String)}, operation))
        AND (empty({team:Array(String)}) OR has({team:Array(String)}, team))
        AND (empty({feature:Array(String)}) OR has({feature:Array(String)}, feature))
        AND (empty({customer:Array(String)}) OR has({customer:Array(String)}, customer))
        AND (empty({service_tier:Array(String)}) OR has({service_tier:Array(String)}, service_tier))
    GROUP BY value
    UNION ALL
    SELECT
        if({each:String} = '', '', toString({column:Identifier})) AS value,
        sumIf(minutes.cost_usd, in_period) AS spent_usd,
        sumIf(minutes.calls, in_period) AS spent_calls,
        sumIf(minutes.unpriced_calls, in_period) AS spent_unpriced,
        sumIf(minutes.cost_usd, minute >= {fast_since:DateTime('UTC')}) AS fast_usd,
        sumIf(minutes.cost_usd, minute >= {fast_recent_since:DateTime('UTC')}) AS fast_recent_usd,
        sumIf(minutes.cost_usd, minute >= {slow_since:DateTime('UTC')}) AS slow_usd,
        sumIf(minutes.cost_usd, minute >= {slow_recent_since:DateTime('UTC')}) AS slow_recent_usd
    FROM
    (
        SELECT
            *,
            (minute >= {starts_at:DateTime('UTC')} AND minute < {first_hour:DateTime('UTC')})
                OR (minute >= {last_hour:DateTime('UTC')} AND minute < {ends_at:DateTime('UTC')}) AS in_period
        FROM spend_minutely
        WHERE tenant = {tenant:String}
            AND (minute >= {slow_since:DateTime('UTC')} OR in_period)
            AND minute < {ends_at:DateTime('UTC')}
    ) AS minutes
    WHERE (empty({service:Array(String)}) OR has({service:Array(String)}, service))
        AND (empty({environment:Array(String)}) OR has({environment:Array(String)}, environment))
        AND (empty({provider:Array(String)}) OR has({provider:Array(String)}, provider))
        AND (empty({model:Array(String)}) OR has({model:Array(String)}, model))
        AND (empty({operation:Array(String)}) OR has({operation:Array(String)}, operation))
        AND (empty({team:Array(String)}) OR has({team:Array(String)}, team))
        AND (empty({feature:Array(String)}) OR has({feature:Array(String)}, feature))
        AND (empty({customer:Array(String)}) OR has({customer:Array(String)}, customer))
        AND (empty({service_tier:Array(String)}) OR has({service_tier:Array(String)}, service_tier))
    GROUP BY value
)
GROUP BY value
ORDER BY spent DESC, value
LIMIT {limit:UInt32}
