-- One row for each tenant and dimension that is over its cap today.
SELECT DISTINCT
    tenant,
    dimension
FROM kept_values
WHERE day = toDate(now('UTC')) AND value = ''
