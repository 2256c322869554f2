-- One row for each billable call of a tenant from since to until, as the price view reads it, with what was charged for it so far.
-- models: those as recorded; none: all.
SELECT
    recorded.* EXCEPT (cost_usd, cost_basis, price_id, book_at, price_status, unpriced_reason, model),
    recorded.cost_usd AS recorded_usd,
    recorded.price_id AS recorded_price_id,
    recorded.model AS recorded_model,
    attributes['tollbook.run.id'] AS run,
    earlier.amount_usd AS adjusted_usd
FROM
(
    SELECT
        *,
        tollbook_copy_key(tenant, trace_id, span_id, received_at) AS call_key
    FROM spans
    WHERE tenant = {tenant:String}
        AND is_call
        AND started_at >= {since:DateTime('UTC')}
        AND started_at < {until:DateTime('UTC')}
        AND (empty({models:Array(String)}) OR has({models:Array(String)}, model))
        AND call_key NOT IN (SELECT copy_key FROM copies WHERE tenant = {tenant:String})
) AS recorded
LEFT JOIN
(
    SELECT
        call_key,
        sum(adjustments.amount_usd) AS amount_usd
    FROM adjustments
    WHERE tenant = {tenant:String}
        AND call_key != 0
        AND hour >= toStartOfHour({since:DateTime('UTC')})
        AND hour < {until:DateTime('UTC')}
    GROUP BY call_key
) AS earlier ON recorded.call_key = earlier.call_key
