-- One row for each value that a tenant keeps today, one with the empty value for each dimension that is over its cap, and one without a dimension for each tenant that has such a one.
CREATE OR REPLACE VIEW kept_today AS
SELECT
    concat(tenant, '\0', dimension, '\0', value) AS name,
    tenant,
    dimension,
    value,
    day
FROM kept_values
WHERE day = toDate(now('UTC'))
UNION ALL
SELECT DISTINCT
    concat(tenant, '\0\0') AS name,
    tenant,
    '' AS dimension,
    '' AS value,
    day
FROM kept_values
WHERE day = toDate(now('UTC'))
