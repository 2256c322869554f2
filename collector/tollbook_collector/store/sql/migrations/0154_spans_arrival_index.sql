-- Of the spans on disk: between which instants the spans of a granule arrived, so that a question about some hours of arrival reads those.
ALTER TABLE spans
    ADD INDEX IF NOT EXISTS by_arrival received_at TYPE minmax GRANULARITY 1
