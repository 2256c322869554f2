-- Of the spans on disk: the finer index of traces also for what was there before; until it is done, the coarse one is used for that.
ALTER TABLE spans
    MATERIALIZE INDEX by_trace_id
