"""Finds what changed: cost anomalies and drift, on arrays and without I/O."""
