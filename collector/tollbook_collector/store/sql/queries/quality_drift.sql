-- One row for each model and kind of doubtful call whose share in a period is beyond its largest day of the 28 before.
SELECT
    model_name,
    doubt.1 AS channel,
    sumIf(doubt.2, hour >= {since:DateTime('UTC')}) / sumIf(calls, hour >= {since:DateTime('UTC')}) AS share,
    arrayMax(arrayMap(
        (day, doubtful) -> doubtful / greatest(calls_by_day[day], 1),
        mapKeys(sumMapIf(map(toDate(hour), doubt.2), hour < {since:DateTime('UTC')}) AS doubtful_by_day),
        mapValues(doubtful_by_day))) AS largest_before,
    minIf(hour, hour >= {since:DateTime('UTC')} AND doubt.2 > 0) AS first_hour,
    maxIf(hour, hour >= {since:DateTime('UTC')} AND doubt.2 > 0) AS last_hour
FROM
(
    SELECT
        toString(model) AS model_name,
        hour,
        sum(series_hourly.calls) AS calls,
        sum(series_hourly.unpriced_calls) AS unpriced,
        sum(series_hourly.estimated_calls) AS estimated,
        sum(series_hourly.fixed_calls) AS fixed
    FROM series_hourly
    WHERE tenant = {tenant:String}
        AND hour >= {since:DateTime('UTC')} - toIntervalDay(28)
        AND hour < {until:DateTime('UTC')}
    GROUP BY model_name, hour
)
ARRAY JOIN [('unpriced_share', unpriced), ('estimated_share', estimated), ('fixed_share', fixed)] AS doubt
GROUP BY model_name, channel
HAVING sumIf(doubt.2, hour >= {since:DateTime('UTC')}) >= {calls_min:UInt32}
    AND share > largest_before + {rise_min:Float64}
    AND (sumMapIf(map(toDate(hour), calls), hour < {since:DateTime('UTC')}) AS calls_by_day) != map()
ORDER BY model_name, channel
