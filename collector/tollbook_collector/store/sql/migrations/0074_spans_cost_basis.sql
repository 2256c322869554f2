-- Of each span that was accepted: where its cost comes from, and the version of the price book.
ALTER TABLE spans
    ADD COLUMN IF NOT EXISTS cost_basis LowCardinality(String) COMMENT 'computed: usage times rates; reported: no rate is known, and the provider said what it charged; amortised: time of a machine of one''s own; estimated: from usage that was estimated; empty: no cost' AFTER cost_usd,
    ADD COLUMN IF NOT EXISTS book_at Nullable(DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)) COMMENT 'Version of the price book that it was priced with; NULL: with none' AFTER price_id
