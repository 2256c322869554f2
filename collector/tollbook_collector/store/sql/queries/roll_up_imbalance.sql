-- One row for each tenant and roll-up that is not what the calls of an hour add up to: how many calls and USD too much; below 0: too few.
WITH {hour:DateTime('UTC')} >= (SELECT max(roll_up_begins.whole_from) FROM roll_up_begins WHERE roll_up = 'trace_parts') AS traces_are_whole
SELECT
    roll_up,
    tenant,
    sum(had_calls) AS calls,
    sum(had_usd) AS usd
FROM
(
    SELECT
        'spend_hourly' AS roll_up,
        tenant,
        sum(spend_hourly.calls) AS had_calls,
        sum(spend_hourly.cost_usd) AS had_usd
    FROM spend_hourly
    WHERE hour >= {hour:DateTime('UTC')} AND hour < {hour:DateTime('UTC')} + INTERVAL 1 HOUR
    GROUP BY tenant
    UNION ALL
    SELECT
        'spend_minutely' AS roll_up,
        tenant,
        sum(spend_minutely.calls) AS had_calls,
        sum(spend_minutely.cost_usd) AS had_usd
    FROM spend_minutely
    WHERE minute >= {hour:DateTime('UTC')} AND minute < {hour:DateTime('UTC')} + INTERVAL 1 HOUR
    GROUP BY tenant
    UNION ALL
    SELECT
        'series_hourly' AS roll_up,
        tenant,
        sum(series_hourly.calls) AS had_calls,
        sum(series_hourly.cost_usd) AS had_usd
    FROM series_hourly
    WHERE hour >= {hour:DateTime('UTC')} AND hour < {hour:DateTime('UTC')} + INTERVAL 1 HOUR
    GROUP BY tenant
    UNION ALL
    SELECT
        'trace_parts' AS roll_up,
        tenant,
        sum(trace_parts.calls) AS had_calls,
        sum(trace_parts.cost_usd) AS had_usd
    FROM trace_parts
    -- Of before they were kept some are missing, and that is no fault.
    WHERE hour = {hour:DateTime('UTC')} AND traces_are_whole
    GROUP BY tenant
    UNION ALL
    SELECT
        arrayJoin(arrayConcat(['spend_hourly', 'spend_minutely', 'series_hourly'], if(traces_are_whole, ['trace_parts'], []))) AS roll_up,
        tenant,
        -toInt64(count()) AS had_calls,
        -sum(ifNull(spans.cost_usd, toDecimal128(0, 12))) AS had_usd
    FROM spans
    WHERE is_call
        AND started_at >= {hour:DateTime('UTC')}
        AND started_at < {hour:DateTime('UTC')} + INTERVAL 1 HOUR
        AND tollbook_copy_key(tenant, trace_id, span_id, received_at) NOT IN
        (
            SELECT copy_key FROM copies WHERE started_at >= {hour:DateTime('UTC')} AND started_at < {hour:DateTime('UTC')} + INTERVAL 1 HOUR
        )
    GROUP BY tenant
)
GROUP BY roll_up, tenant
HAVING calls != 0 OR usd != 0
ORDER BY roll_up, tenant
