"""The embedded store: a process that owns chDB and speaks ClickHouse's HTTP interface."""
