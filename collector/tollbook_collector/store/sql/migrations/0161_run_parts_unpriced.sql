-- Of each part of an agent's run: how many of its calls used tokens at an unknown cost.
ALTER TABLE run_parts
    ADD COLUMN IF NOT EXISTS unpriced_calls SimpleAggregateFunction(sum, Int64) COMMENT 'Calls that used tokens at an unknown cost; not counted before the column was there' AFTER errors
