-- Tenant, dimension and value, joined by zero bytes: one text is looked up once for each that is in a block.
-- One entry for each value that a tenant keeps today, one with the empty value for each dimension that is over its cap, and one without a dimension for each tenant that has such a one.
CREATE OR REPLACE DICTIONARY kept_value
(
    name String,
    day  Date
)
PRIMARY KEY name
SOURCE(CLICKHOUSE(HOST '127.0.0.1' TABLE 'kept_today'))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(0)
