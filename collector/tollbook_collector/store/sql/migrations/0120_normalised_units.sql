-- Of each span while it passes: what is billed beside tokens.
ALTER TABLE normalised
    ADD COLUMN IF NOT EXISTS units Map(LowCardinality(String), UInt64) AFTER output_image_tokens
