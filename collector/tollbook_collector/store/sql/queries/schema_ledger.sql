-- One row for each SQL file that was applied: its name and checksum.
SELECT
    file,
    sha256
FROM schema_ledger FINAL
ORDER BY file
