-- One row for each request that was let in, newest first: when, who, from where, what, and how it was answered.
-- since, until: as in spend; actor: id of a key or person, empty for any; changes: only what may change something; limit: rows at most.
SELECT
    at,
    actor,
    name,
    role,
    address,
    method,
    path,
    detail,
    status,
    times
FROM audit
WHERE tenant = {tenant:String}
    AND at >= {since:DateTime('UTC')} AND at < {until:DateTime('UTC')}
    AND ({actor:String} = '' OR actor = {actor:String})
    AND (NOT {changes:Bool} OR method NOT IN ('GET', 'HEAD'))
ORDER BY at DESC
LIMIT {limit:UInt32}
