-- One entry for each provider:model whose rates depend on the hour or the weekday: its windows, as parallel arrays.
CREATE OR REPLACE DICTIONARY windows_by_model
(
    name          String,
    variants      Array(String),
    weekday_masks Array(UInt8),
    start_minutes Array(UInt16),
    end_minutes   Array(UInt16)
)
PRIMARY KEY name
SOURCE(CLICKHOUSE(HOST '127.0.0.1' TABLE 'model_windows'))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(0)
