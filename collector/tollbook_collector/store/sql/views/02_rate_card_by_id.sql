-- One entry for each rate card: what a token of each class costs. It stands apart from how a card is found, because a look-up of
-- each attribute costs a pass over the whole key, and this one is short.
CREATE OR REPLACE DICTIONARY rate_card_by_id
(
    price_id           String,
    book_at            DateTime64(3, 'UTC'),
    input_known        Bool,
    output_known       Bool,
    input_usd          Decimal(38, 12),
    cache_read_usd     Decimal(38, 12),
    cache_write_usd    Decimal(38, 12),
    cache_write_1h_usd Decimal(38, 12),
    input_audio_usd    Decimal(38, 12),
    input_image_usd    Decimal(38, 12),
    output_usd         Decimal(38, 12),
    reasoning_usd      Decimal(38, 12),
    output_audio_usd   Decimal(38, 12),
    output_image_usd   Decimal(38, 12),
    millisecond_usd    Decimal(38, 12),
    remarks            UInt8
)
PRIMARY KEY price_id
SOURCE(CLICKHOUSE(HOST '127.0.0.1' TABLE 'rate_cards'))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(0)
