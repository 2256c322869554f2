"""Room 1, spool: requests on disk before they are acknowledged. Knows bytes, nothing else."""
