"""Tollbook's collector: OTLP in, priced calls in ClickHouse, answers and alerts out."""
