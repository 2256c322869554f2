-- One row for each request of a segment while it passes, now with what the door counted of it.
ALTER TABLE landing
    ADD COLUMN IF NOT EXISTS spans UInt64 COMMENT 'Spans that the door let in',
    ADD COLUMN IF NOT EXISTS rejected Array(Tuple(reason String, items Int64)) COMMENT 'Spans that it did not, by reason; a negative number takes some back'
