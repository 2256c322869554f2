-- Of each value that a dimension ever had: calls that a row may take back, as for a copy of a call.
ALTER TABLE entities
    MODIFY COLUMN calls SimpleAggregateFunction(sum, Int64) COMMENT 'Model calls, each response once'
