-- One row for each of the canary's spans that is stored: its id and how often it is there.
SELECT
    lower(hex(span_id)) AS id,
    count() AS copies
FROM spans
WHERE tenant = {tenant:String}
    AND started_at >= {since:DateTime('UTC')}
    AND has({ids:Array(String)}, lower(hex(span_id)))
GROUP BY id
