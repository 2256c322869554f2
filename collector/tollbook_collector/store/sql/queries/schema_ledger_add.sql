-- Records that a SQL file was applied.
INSERT INTO schema_ledger (file, sha256)
SELECT
    {file:String},
    {sha256:String}
