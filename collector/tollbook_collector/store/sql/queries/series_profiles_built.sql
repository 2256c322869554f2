-- One row for each combination of dimensions whose records of a day are there.
SELECT DISTINCT dimensions
FROM series_profiles
WHERE tenant = {tenant:String} AND built_on = {day:Date}
