-- The features whose spans carried at least so many vectors in a time, those with most first; empty: no feature.
SELECT toString(feature) AS name
FROM spans
WHERE tenant = {tenant:String}
    AND started_at >= {since:DateTime('UTC')}
    AND started_at < {until:DateTime('UTC')}
    AND spans.attributes[{attribute:String}] != ''
GROUP BY name
HAVING count() >= {vectors_min:UInt32}
ORDER BY count() DESC, name
LIMIT {limit:UInt32}
