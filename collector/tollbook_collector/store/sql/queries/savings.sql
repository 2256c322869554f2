-- One row for each way in which calls would have cost less, as the newest whole search found it, the largest difference first; and one of kind all for all calls.
SELECT
    kind,
    service,
    feature,
    provider,
    model,
    instead,
    calls,
    cost_usd,
    would_usd,
    facts,
    examples,
    since,
    until,
    found_at
FROM savings FINAL
WHERE tenant = {tenant:String}
    AND found_at = (SELECT max(savings.found_at) FROM savings WHERE tenant = {tenant:String} AND kind = 'all')
ORDER BY savings.cost_usd - savings.would_usd DESC, kind, service, feature, provider, model
LIMIT {limit:UInt32}
