"""Statements by which people got out of SQL guards: none may pass ours, however it is dressed.

From what was tried on chDB and on other products' SQL endpoints, with FILE, OUT and URL for a file
that must not be read, a file that must not be written and an address that must not be called.
"""

from collections.abc import Iterator

SOURCES = [
    "file('FILE', 'LineAsString')",
    "url('URL', 'CSV', 'a String')",
    "urlCluster('default', 'URL', 'CSV', 'a String')",
    "s3('URL', 'CSV', 'a String')",
    "gcs('URL', 'CSV', 'a String')",
    "azureBlobStorage('URL', 'c', 'b', 'CSV')",
    "hdfs('hdfs://127.0.0.1:1/x', 'CSV', 'a Int8')",
    "remote('127.0.0.1', currentDatabase(), 'spans')",
    "remoteSecure('127.0.0.1', currentDatabase(), 'spans')",
    "cluster('default', currentDatabase(), 'spans')",
    "clusterAllReplicas('default', currentDatabase(), 'spans')",
    "merge(currentDatabase(), '^spans$')",
    "merge('.*', '.*')",
    "mergeTreeIndex(currentDatabase(), 'spans')",
    "mergeTreeProjection(currentDatabase(), 'spans', 'p')",
    "mergeTreeAnalyzeIndexes(currentDatabase(), 'spans')",
    "loop(spans)",
    "dictionary('rate_card_by_call')",
    "view(SELECT * FROM spans)",
    "fileCluster('default', 'FILE', 'LineAsString')",
    "executable('id', 'TSV', 'a String')",
    "python(secrets)",
    "mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "mongodb('127.0.0.1:1', 'a', 'b', 'c', 'd', 'x Int8')",
    "redis('127.0.0.1:1', 'k', 'k String')",
    "sqlite('FILE', 't')",
    "jdbc('x', 'y', 'z')",
    "odbc('x', 'y', 'z')",
    "icebergLocal('FILE')",
    "deltaLakeLocal('FILE')",
    "hudi('URL')",
    "filesystem('FILE')",
    "input('a Int8')",
    "format(JSONEachRow, '{\"a\": 1}')",
    "generateRandom('a Int8')",
    "numbers(100000000000)",
    "zeros(10)",
    "values('a Int8', 1)",
    "null('a Int8')",
    "fuzzJSON('x')",
    "keys",
    "schema_ledger",
    "anomaly_versions",
    "system.tables",
    "system.processes",
    "system.parts_columns",
    "system.environment_variables",
    "system.settings",
    "information_schema.tables",
    "INFORMATION_SCHEMA.COLUMNS",
    "default.spans",
    "tollbook.spans",
    "`tollbook`.`spans`",
]
EXPRESSIONS = [
    "file('FILE')",
    "extract(file('FILE'), '.*')",
    "dictGet('rate_card_by_call', 'price_id', 1)",
    "dictGetOrDefault('original_of_copy', 'dedup_of', 1, 2)",
    "joinGet('a', 'b', 1)",
    "getSetting('additional_table_filters')",
    "getServerSetting('path')",
    "currentUser()",
    "hostName()",
    "FQDN()",
    "serverUUID()",
    "tcpPort()",
    "showCertificate()",
    "filesystemAvailable()",
    "hasColumnInTable('tollbook', 'keys', 'digest')",
    "sleep(3)",
    "sleepEachRow(3)",
    "addressToSymbol(1)",
    "demangle('x')",
    "catboostEvaluate('FILE', 1)",
    "reverseDNSQuery('127.0.0.1')",
    "aiGenerate('x')",
    "encrypt('aes-128-ecb', 'a', 'b')",
    "decrypt('aes-128-ecb', 'a', 'b')",
    "throwIf(tenant != '')",
    "runningAccumulate(1)",
    "initializeAggregation('sumState', 1)",
    "finalizeAggregation(1)",
    "evalMLMethod(1)",
    "queryID()",
    "transactionID()",
    "formatQuery('SELECT 1')",
    "repeat('a', 1000000000)",
    "leftPad('a', 1000000000)",
    "range(1000000000)",
    "{name:Identifier}",
    "COLUMNS('.*')",
    "tollbook_cost_usd(1)",
]
STATEMENTS = [
    "SELECT 1 INTO OUTFILE 'OUT'",
    "SELECT 'evil' INTO OUTFILE 'OUT' TRUNCATE",
    "SELECT 1 INTO OUTFILE 'OUT' APPEND FORMAT CSV",
    "INSERT INTO FUNCTION file('OUT', 'CSV', 'a Int8') VALUES (1)",
    "INSERT INTO spans SELECT * FROM spans",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE spans",
    "SELECT * FROM spans SETTINGS additional_table_filters = {}",
    "SELECT * FROM spans SETTINGS readonly = 0",
    "SELECT 1 FORMAT Null",
    "SELECT * FROM spans FINAL",
    "SELECT * FROM spans SAMPLE 1/2",
    "SELECT * APPLY(file) FROM (SELECT 'FILE' AS path)",
    "SELECT path APPLY(file) FROM (SELECT 'FILE' AS path)",
    "SELECT * REPLACE(file('FILE') AS team) FROM calls",
    "SELECT arrayMap(x -> file(x), ['FILE'])",
    "WITH keys AS (SELECT * FROM keys) SELECT * FROM keys",
    "SELECT * FROM keys, (WITH keys AS (SELECT 1) SELECT * FROM keys) AS x",
    "WITH calls AS (SELECT 1) SELECT * FROM calls",
    "WITH file('FILE') AS f SELECT f",
    "SELECT 1 WHERE 'x' IN keys",
    "SELECT 1 WHERE 'x' GLOBAL IN system.tables",
    "SELECT * FROM {name:Identifier}",
    "EXPLAIN SELECT 1",
    "EXPLAIN QUERY TREE SELECT file('FILE')",
    "EXPLAIN AST SELECT 1",
    "SHOW TABLES",
    "SHOW CREATE TABLE spans",
    "SHOW PROCESSLIST",
    "DESCRIBE TABLE spans",
    "EXISTS TABLE keys",
    "CHECK TABLE spans",
    "CREATE TABLE t (a Int8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE t (a Int8)",
    "CREATE FUNCTION f AS x -> x",
    "CREATE NAMED COLLECTION c AS a = 1",
    "CREATE VIEW v AS SELECT 1",
    "ALTER TABLE spans DELETE WHERE 1",
    "DELETE FROM spans WHERE 1",
    "UPDATE spans SET team = '' WHERE 1",
    "DROP TABLE spans",
    "TRUNCATE TABLE spans",
    "OPTIMIZE TABLE spans",
    "RENAME TABLE spans TO x",
    "ATTACH TABLE x",
    "DETACH TABLE spans",
    "BACKUP TABLE spans TO Disk('default', 'x')",
    "RESTORE TABLE spans FROM Disk('default', 'x')",
    "KILL QUERY WHERE 1",
    "USE system",
    "SET readonly = 0",
    "SYSTEM SHUTDOWN",
    "SYSTEM FLUSH LOGS",
    "GRANT ALL ON *.* TO default",
    "EXECUTE AS default SELECT 1",
    "BEGIN TRANSACTION",
    "SELECT 1 PARALLEL WITH SELECT 2",
    "SELECT 1 UNION ALL SELECT file('FILE')",
]


def escapes() -> list[str]:
    """Return each statement of the corpus once, plain."""
    return [
        *(f"SELECT * FROM {source}" for source in SOURCES),
        *(f"SELECT {expression} FROM calls" for expression in EXPRESSIONS),
        *STATEMENTS,
    ]


def variants() -> Iterator[str]:
    """Yield each in other clothes: in subqueries, WITH, UNION, joins, conditions, comments."""
    for source in SOURCES:
        yield f"SELECT * FROM (SELECT * FROM {source}) AS x"
        yield f"WITH x AS (SELECT * FROM {source}) SELECT * FROM x"
        yield f"SELECT 1 FROM calls UNION ALL SELECT 1 FROM {source}"
        yield f"SELECT 1 FROM calls AS a JOIN {source} AS b ON 1 = 1"
        yield f"SELECT 1 FROM calls, {source} AS b"
        yield f"SELECT 1 FROM calls WHERE 1 IN (SELECT 1 FROM {source})"
        yield f"SELECT (SELECT count() FROM {source}) AS n"
        yield f"SELECT/**/* /* x */ FROM -- y\n {source}"
        yield f"FROM {source} SELECT *"
    for expression in EXPRESSIONS:
        yield f"SELECT 1 FROM calls WHERE {expression} = 1"
        yield f"SELECT 1 FROM calls ORDER BY {expression}"
        yield f"SELECT count() FROM calls GROUP BY {expression}"
        yield f"SELECT count() FROM calls GROUP BY model HAVING {expression} = 1"
        yield f"SELECT arrayMap(x -> {expression}, [1])"
        yield f"SELECT if(1, {expression}, 2)"
        yield f"WITH {expression} AS x SELECT x"
        yield f"SELECT sum(1) OVER (PARTITION BY {expression}) FROM calls"
        yield f"SELECT/**/{expression}"
        name, opened, rest = expression.partition("(")
        if opened:
            yield f"SELECT `{name}`({rest}"
            yield f'SELECT "{name}"({rest}'
            yield f"SELECT {name.upper()} ({rest}"
            yield f"SELECT {name}/* */({rest}"
    for statement in STATEMENTS:
        yield f"/* SELECT */ {statement}"
        yield f"-- SELECT\n{statement}"
        yield f"{statement} -- "
        yield f"({statement})"
        yield statement.lower() if "{" not in statement else statement
