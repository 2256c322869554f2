-- One entry for each rate card, found by model, tier and context step at an instant.
-- The host is written as a number, so that the engine finds itself without a resolver; the port is its own.
CREATE OR REPLACE DICTIONARY rate_card_by_call
(
    provider           String,
    model              String,
    service_tier       String,
    context_over       UInt64,
    variant            String,
    valid_from         DateTime('UTC'),
    last_second        DateTime('UTC'),
    price_id           String
)
PRIMARY KEY provider, model, service_tier, context_over, variant
SOURCE(CLICKHOUSE(HOST '127.0.0.1' TABLE 'rate_cards'))
LAYOUT(COMPLEX_KEY_RANGE_HASHED())
RANGE(MIN valid_from MAX last_second)
LIFETIME(0)
