-- One entry for each rate card with rates beside those of tokens.
CREATE OR REPLACE DICTIONARY unit_rates_by_card
(
    price_id  String,
    meters    Array(String),
    rates_usd Array(Decimal(38, 12))
)
PRIMARY KEY price_id
SOURCE(CLICKHOUSE(HOST '127.0.0.1' TABLE 'unit_rates'))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(0)
