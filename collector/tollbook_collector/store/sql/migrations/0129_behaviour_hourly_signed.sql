-- Of each hour and combination of dimensions: counts that a row may take back, as for a copy of a call.
ALTER TABLE behaviour_hourly
    MODIFY COLUMN calls           SimpleAggregateFunction(sum, Int64) COMMENT 'Model calls, each response once',
    MODIFY COLUMN latencies       SimpleAggregateFunction(sumMap, Map(UInt16, Int64)) COMMENT 'Successful calls by bin of their duration in milliseconds',
    MODIFY COLUMN first_chunks    SimpleAggregateFunction(sumMap, Map(UInt16, Int64)) COMMENT 'Streamed calls by bin of the milliseconds to their first chunk',
    MODIFY COLUMN inputs          SimpleAggregateFunction(sumMap, Map(UInt16, Int64)) COMMENT 'Calls by bin of their input tokens',
    MODIFY COLUMN outputs         SimpleAggregateFunction(sumMap, Map(UInt16, Int64)) COMMENT 'Calls by bin of their output tokens',
    MODIFY COLUMN finish_reasons  SimpleAggregateFunction(sumMap, Map(String, Int64)) COMMENT 'Answers by the reason why they ended',
    MODIFY COLUMN response_models SimpleAggregateFunction(sumMap, Map(String, Int64)) COMMENT 'Calls by the model that answered',
    MODIFY COLUMN tools           SimpleAggregateFunction(sumMap, Map(String, Int64)) COMMENT 'Executions of tools by name'
