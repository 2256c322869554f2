-- Adds the row that says what all calls cost that were looked at; it is written last, so that a search counts when it is whole.
INSERT INTO savings (tenant, found_at, since, until, kind, calls, cost_usd, would_usd, facts)
SELECT
    {tenant:String},
    {found_at:DateTime64(3, 'UTC')},
    {since:DateTime('UTC')},
    {until:DateTime('UTC')},
    'all',
    sum(spend_hourly.calls),
    sum(spend_hourly.cost_usd),
    sum(spend_hourly.cost_usd),
    map('with_digest', toFloat64((SELECT count() FROM spans WHERE tenant = {tenant:String} AND is_call AND started_at >= {until:DateTime('UTC')} - toIntervalDay(1) AND started_at < {until:DateTime('UTC')} AND attributes['tollbook.prompt.digest'] != '')))
FROM spend_hourly
WHERE tenant = {tenant:String}
    AND hour >= {since:DateTime('UTC')}
    AND hour < {until:DateTime('UTC')}
