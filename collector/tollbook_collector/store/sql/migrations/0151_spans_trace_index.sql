-- Of the spans on disk: which granules may have a trace, each by itself and with one mistake in a thousand, in place of four together with one in a hundred.
ALTER TABLE spans
    ADD INDEX IF NOT EXISTS by_trace_id trace_id TYPE bloom_filter(0.001) GRANULARITY 1
