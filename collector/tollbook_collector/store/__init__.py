"""Room 3, store: segments become rows of ClickHouse."""
