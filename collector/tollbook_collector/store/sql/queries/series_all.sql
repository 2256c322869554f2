-- The numbers of the series of some dimensions that had a call in the 28 days before a day, at most limit.
SELECT series
FROM series_profiles FINAL
WHERE tenant = {tenant:String} AND built_on = {day:Date} AND dimensions = {names:String}
ORDER BY series
LIMIT {limit:UInt32}
