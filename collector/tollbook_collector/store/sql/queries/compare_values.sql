-- One row for each value of a dimension that had calls in a period, most called first: what can be compared.
-- column: model, version, feature, team, service or environment.
SELECT
    {column:Identifier} AS value,
    sum(series_hourly.calls) AS calls
FROM series_hourly
WHERE tenant = {tenant:String}
    AND hour >= toStartOfHour({since:DateTime('UTC')})
    AND hour < {until:DateTime('UTC')}
    AND value != ''
GROUP BY value
ORDER BY calls DESC, value
LIMIT {limit:UInt32}
