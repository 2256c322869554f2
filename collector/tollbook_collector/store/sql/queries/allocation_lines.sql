-- One row for each cost centre and combination of dimensions of a month: its calls and charge, dearest first.
-- rules: JSON, [[cost centre, [[field, [values]]]]] in order; a charge belongs to the first whose fields all have one of their values.
-- unallocated: the name of what fits none.
WITH JSONExtract({rules:String}, 'Array(Tuple(String, Array(Tuple(String, Array(String)))))') AS rules
SELECT
    cost_centre,
    provider,
    model,
    service,
    team,
    feature,
    customer,
    sum(lines.calls) AS calls,
    sum(lines.cost_usd) AS cost_usd
FROM
(
    SELECT
        arrayFirst(
            rule -> arrayAll(condition -> has(condition.2, fields[condition.1]), rule.2),
            arrayPushBack(rules, ({unallocated:String}, []))).1 AS cost_centre,
        provider,
        model,
        service,
        team,
        feature,
        customer,
        charged.calls AS calls,
        charged.cost_usd AS cost_usd
    FROM
    (
        SELECT
            *,
            CAST(mapConcat(
                map('team', team, 'feature', feature, 'customer', customer, 'service', service, 'environment', environment, 'provider', provider, 'model', model, 'key', key, 'agent', agent, 'run', run, 'user', user_id),
                mapApply((name, value) -> (concat('tags.', name), value), CAST(tags AS Map(String, String)))) AS Map(String, String)) AS fields
        FROM
        (
            SELECT
                toString(provider) AS provider,
                toString(spans.model) AS model,
                toString(service) AS service,
                toString(environment) AS environment,
                toString(team) AS team,
                toString(feature) AS feature,
                toString(customer) AS customer,
                toString(key) AS key,
                toString(agent) AS agent,
                attributes['tollbook.run.id'] AS run,
                user_id,
                tags,
                toInt64(1) AS calls,
                ifNull(spans.cost_usd, toDecimal128(0, 12)) AS cost_usd
            FROM spans
            WHERE tenant = {tenant:String}
                AND is_call
                AND started_at >= toDateTime({period:Date}, 'UTC')
                AND started_at < toDateTime(addMonths({period:Date}, 1), 'UTC')
                AND tollbook_copy_key(tenant, trace_id, span_id, received_at) NOT IN (SELECT copy_key FROM copies)
            UNION ALL
            SELECT
                toString(provider) AS provider,
                toString(adjustments.model) AS model,
                toString(service) AS service,
                toString(environment) AS environment,
                toString(team) AS team,
                toString(feature) AS feature,
                toString(customer) AS customer,
                toString(key) AS key,
                toString(agent) AS agent,
                run,
                user_id,
                -- A late charge has no tags but these.
                if(empty(tags), map('team', toString(team), 'feature', toString(feature), 'customer', toString(customer)), CAST(tags AS Map(String, String))) AS tags,
                adjustments.calls AS calls,
                amount_usd AS cost_usd
            FROM adjustments
            WHERE tenant = {tenant:String} AND period = {period:Date}
        )
    ) AS charged
) AS lines
GROUP BY cost_centre, provider, model, service, team, feature, customer
HAVING calls != 0 OR cost_usd != 0
ORDER BY cost_usd DESC, cost_centre, provider, model, service, team, feature, customer
LIMIT {limit:UInt32}
