-- Of each hour and combination of dimensions: counts that a row may take back, as for a copy of a call.
ALTER TABLE series_hourly
    MODIFY COLUMN calls              Int64 COMMENT 'Model calls, each response once',
    MODIFY COLUMN errors             Int64 COMMENT 'Calls that failed',
    MODIFY COLUMN retries            Int64 COMMENT 'Times that calls were sent again, as far as their spans say so',
    MODIFY COLUMN unpriced_calls     Int64 COMMENT 'Calls that used tokens at a cost that is unknown, and so not in cost_usd',
    MODIFY COLUMN estimated_calls    Int64 COMMENT 'Calls whose usage was not reported in full',
    MODIFY COLUMN fixed_calls        Int64 COMMENT 'Calls whose reported usage had something wrong that was left out or repaired',
    MODIFY COLUMN input_tokens       Int64 COMMENT 'All input, cached and written to a cache included',
    MODIFY COLUMN cache_read_tokens  Int64 COMMENT 'Of the input',
    MODIFY COLUMN cache_write_tokens Int64 COMMENT 'Of the input',
    MODIFY COLUMN output_tokens      Int64 COMMENT 'All output, reasoning included',
    MODIFY COLUMN reasoning_tokens   Int64 COMMENT 'Of the output',
    MODIFY COLUMN duration_ns        Int64 COMMENT 'Of all calls together'
