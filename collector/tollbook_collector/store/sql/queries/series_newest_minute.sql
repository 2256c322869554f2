-- The newest minute with a call of a tenant, of those since a time; 1970: none.
SELECT max(minute) AS newest_minute
FROM series_minutely
WHERE tenant = {tenant:String} AND minute >= {since:DateTime('UTC')} AND minute < {until:DateTime('UTC')}
