-- Of each rate of a price book: where or when it holds.
ALTER TABLE rates
    ADD COLUMN IF NOT EXISTS variant LowCardinality(String) COMMENT 'region:us, window:peak, …: holds there or then; empty: else' AFTER context_over
