-- Of each part of an agent's run: counts that a row may take back, as for a copy of a call.
ALTER TABLE run_parts
    MODIFY COLUMN calls         SimpleAggregateFunction(sum, Int64) COMMENT 'Model calls, each response once',
    MODIFY COLUMN errors        SimpleAggregateFunction(sum, Int64) COMMENT 'Calls that failed',
    MODIFY COLUMN input_tokens  SimpleAggregateFunction(sum, Int64) COMMENT 'All input, cached and written to a cache included',
    MODIFY COLUMN output_tokens SimpleAggregateFunction(sum, Int64) COMMENT 'All output, reasoning included'
