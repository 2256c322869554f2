-- One row for each known change in a period, oldest first: a release, a model's new version, a new price book.
-- service: of the releases, empty: of all; what a tenant had from its first day is no change.
SELECT
    multiIf(entities.kind = 'version', 'release', 'model version') AS kind,
    entity AS what,
    entities.of AS of,
    min(first_call) AS at
FROM entities
WHERE tenant = {tenant:String}
    AND entities.kind IN ('version', 'response_model')
    AND ({service:String} = '' OR entities.kind != 'version' OR entities.of = {service:String})
GROUP BY entities.kind, entity, entities.of
HAVING at >= {since:DateTime('UTC')}
    AND at < {until:DateTime('UTC')}
    AND at > (SELECT min(first_call) FROM entities WHERE tenant = {tenant:String}) + toIntervalDay(1)
UNION ALL
SELECT
    'price book' AS kind,
    formatDateTime(book_at, '%Y-%m-%d %H:%i') AS what,
    source AS of,
    toDateTime(book_at, 'UTC') AS at
FROM price_books
WHERE book_at >= {since:DateTime('UTC')}
    AND book_at < {until:DateTime('UTC')}
ORDER BY at, kind, what
