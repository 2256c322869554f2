-- Of each minute and combination of dimensions: counts that a row may take back, and how many copies of calls were taken back.
ALTER TABLE spend_minutely
    MODIFY COLUMN calls              Int64 COMMENT 'Model calls, each response once',
    MODIFY COLUMN errors             Int64 COMMENT 'Calls that failed',
    MODIFY COLUMN unpriced_calls     Int64 COMMENT 'Calls that used tokens at a cost that is unknown, and so not in cost_usd',
    MODIFY COLUMN input_tokens       Int64 COMMENT 'All input, cached and written to a cache included',
    MODIFY COLUMN cache_read_tokens  Int64 COMMENT 'Of the input',
    MODIFY COLUMN cache_write_tokens Int64 COMMENT 'Of the input',
    MODIFY COLUMN output_tokens      Int64 COMMENT 'All output, reasoning included',
    MODIFY COLUMN reasoning_tokens   Int64 COMMENT 'Of the output',
    MODIFY COLUMN duration_ns        Int64 COMMENT 'Of all calls together',
    ADD COLUMN IF NOT EXISTS copies Int64 COMMENT 'Copies of calls that were seen more than once and so are in none of the other columns' AFTER duration_ns
