-- One row for each key, model, team or model version whose first call lies in a period, of a tenant that is older than that.
SELECT
    kind,
    entity,
    of,
    first_at,
    last_at,
    entity_calls,
    spent.cost_usd AS cost_usd
FROM
(
    SELECT
        entities.kind AS kind,
        entities.entity AS entity,
        entities.of AS of,
        min(first_call) AS first_at,
        max(last_call) AS last_at,
        sum(entities.calls) AS entity_calls
    FROM entities
    WHERE tenant = {tenant:String} AND entities.kind IN ('key', 'model', 'team', 'response_model')
    GROUP BY entities.kind, entities.entity, entities.of
    HAVING first_at >= {since:DateTime('UTC')} AND first_at < {until:DateTime('UTC')}
) AS new
LEFT JOIN
(
    SELECT
        named.1 AS kind,
        named.2 AS entity,
        sum(series_minutely.cost_usd) AS cost_usd
    FROM series_minutely
    ARRAY JOIN [
        ('key', toString(key)),
        ('model', toString(model)),
        ('team', toString(team)),
        ('response_model', toString(response_model))
    ] AS named
    WHERE tenant = {tenant:String} AND minute >= {since:DateTime('UTC')} AND minute < {until:DateTime('UTC')}
    GROUP BY kind, entity
) AS spent ON spent.kind = new.kind AND spent.entity = new.entity
WHERE (
    SELECT min(first_call)
    FROM entities
    WHERE tenant = {tenant:String}
) < {until:DateTime('UTC')} - toIntervalDay({known_days:UInt8})
    AND (kind != 'response_model' OR of IN (
        SELECT entity
        FROM entities
        WHERE tenant = {tenant:String} AND entities.kind = 'model'
        GROUP BY entity
        HAVING min(first_call) < {since:DateTime('UTC')}
    ))
ORDER BY first_at, kind, entity
