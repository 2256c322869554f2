-- Records that SQL files were applied.
-- files, sha256s: their names and what their texts hash to, in the same order.
INSERT INTO schema_ledger (file, sha256)
SELECT
    file,
    sha256
FROM (SELECT {files:Array(String)} AS file, {sha256s:Array(String)} AS sha256)
ARRAY JOIN file, sha256
