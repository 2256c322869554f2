-- One row for each bucket of time and value of a dimension: its calls and cost; all but the dearest values are together as (other).
-- The roll-up is read once: where the dearest values were a question of their own, it was read again for them.
-- by: a dimension, or empty for all calls as one; column: the same, or tenant for empty; roll_up, instant: spend_hourly and hour, or spend_minutely and minute; bucket_s: seconds of a bucket, whole ones of these; since, until: as in spend; top: values that are shown by name; filter_1 to but_4: as in change_segments.
WITH
    costs AS
    (
        SELECT
            toDateTime(intDiv(toUnixTimestamp({instant:Identifier}), {bucket_s:UInt32}) * {bucket_s:UInt32}, 'UTC') AS bucket,
            if({by:String} = '', '', toString({column:Identifier})) AS value,
            sum(roll_up.calls) AS calls,
            sum(roll_up.errors) AS errors,
            sum(roll_up.unpriced_calls) AS unpriced_calls,
            sum(roll_up.cost_usd) AS cost_usd
        FROM {roll_up:Identifier} AS roll_up
        WHERE tenant = {tenant:String}
            AND {instant:Identifier} >= toStartOfHour({since:DateTime('UTC')})
            AND {instant:Identifier} < {until:DateTime('UTC')}
            AND (empty({only_1:Array(String)}) OR has({only_1:Array(String)}, toString({filter_1:Identifier})))
            AND (empty({but_1:Array(String)}) OR NOT has({but_1:Array(String)}, toString({filter_1:Identifier})))
            AND (empty({only_2:Array(String)}) OR has({only_2:Array(String)}, toString({filter_2:Identifier})))
            AND (empty({but_2:Array(String)}) OR NOT has({but_2:Array(String)}, toString({filter_2:Identifier})))
            AND (empty({only_3:Array(String)}) OR has({only_3:Array(String)}, toString({filter_3:Identifier})))
            AND (empty({but_3:Array(String)}) OR NOT has({but_3:Array(String)}, toString({filter_3:Identifier})))
            AND (empty({only_4:Array(String)}) OR has({only_4:Array(String)}, toString({filter_4:Identifier})))
            AND (empty({but_4:Array(String)}) OR NOT has({but_4:Array(String)}, toString({filter_4:Identifier})))
        GROUP BY bucket, value
    )
SELECT
    bucket,
    if(place <= {top:UInt32}, value, '(other)') AS shown,
    sum(placed.calls) AS calls,
    sum(placed.errors) AS errors,
    sum(placed.unpriced_calls) AS unpriced_calls,
    sum(placed.cost_usd) AS cost_usd
FROM
(
    SELECT
        *,
        dense_rank() OVER (ORDER BY value_usd DESC, value) AS place
    FROM
    (
        SELECT
            *,
            sum(costs.cost_usd) OVER (PARTITION BY value) AS value_usd
        FROM costs
    )
) AS placed
GROUP BY bucket, shown
ORDER BY bucket, shown
