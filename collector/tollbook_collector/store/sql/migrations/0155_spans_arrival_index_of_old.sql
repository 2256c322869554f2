-- Of the spans on disk: between which instants the spans of a granule arrived also for what was there before; until it is done, that is read as a whole.
ALTER TABLE spans
    MATERIALIZE INDEX by_arrival
