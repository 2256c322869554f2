-- What an assistant is told of the calls in the time of an incident: spend by model and team, dearest first.
SELECT
    model,
    team,
    sum(calls) AS calls,
    sum(errors) AS errors,
    sum(cost_usd) AS cost_usd
FROM spend
WHERE hour >= toStartOfHour(toDateTime('$since')) AND hour <= toDateTime('$until')
GROUP BY model, team
ORDER BY cost_usd DESC
LIMIT 20
