-- One row for each roll-up that began after there were spans: from which arrival on every span is in it; of several rows the latest counts.
CREATE TABLE IF NOT EXISTS roll_up_begins
(
    roll_up    LowCardinality(String) COMMENT 'The table',
    whole_from SimpleAggregateFunction(max, DateTime('UTC')) COMMENT 'Spans that arrived before may be missing from it; 1970: none is'
)
ENGINE = AggregatingMergeTree
ORDER BY roll_up
