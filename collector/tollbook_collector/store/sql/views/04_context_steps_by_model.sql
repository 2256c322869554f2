-- One entry for each provider:model with context steps: input lengths above which the whole call has another rate.
CREATE OR REPLACE DICTIONARY context_steps_by_model
(
    name  String,
    steps Array(UInt64)
)
PRIMARY KEY name
SOURCE(CLICKHOUSE(HOST '127.0.0.1' TABLE 'context_steps'))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(0)
