"""The guard of user SQL: parse, allow, and re-emit with the tenant's own rows in place of tables.

The text of a user never reaches the engine: what reaches it is written anew from the parsed tree.
Only one SELECT passes, over the views named here, with functions named here; a function or a view
that a newer engine brings is refused until it is listed. Behind this guard stand the engine's
`readonly` and limits, and the operating system's sandbox.
"""

import logging
import re
from importlib.resources import files
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

QUERY_CHARACTERS_MAX: Final = 65_536
QUERY_NODES_MAX: Final = 5_000
TABLES: Final = frozenset(
    {
        "alert_attempts",
        "alerts",
        "adjustments",
        "anomalies",
        "books",
        "budgets",
        "incident_history",
        "incidents",
        "calls",
        "key_usage",
        "latency",
        "models",
        "prices",
        "sessions",
        "teams",
        "log_records",
        "metric_points",
        "charges",
        "copies",
        "cost_differences",
        "outcomes",
        "price_books",
        "rate_cards",
        "reconciliations",
        "roll_up_differences",
        "runs",
        "savings",
        "spans",
        "spend",
        "spend_hourly",
        "spend_minutely",
        "token_charges",
        "unpriced_calls",
    }
)
# The prices are everybody's; the other tables have a tenant.
SHARED_TABLES: Final = frozenset({"rate_cards", "price_books", "prices"})
ENGINE_SETTINGS: Final = {
    "max_execution_time": 10,
    "max_memory_usage": 500_000_000,
    "max_result_rows": 100_000,
    "max_result_bytes": 100_000_000,
    # Money is text in JSON: a number would be read as a float by most.
    "output_format_json_quote_decimals": 1,
    # How many rows were read would tell of rows that are not one's own.
    "output_format_write_statistics": 0,
    # The tenant's condition is always judged first. Otherwise the engine may judge a user's first,
    # on everybody's rows, and tell of them in its errors: toInt64(team) names the team.
    "optimize_move_to_prewhere": 0,
    "query_plan_merge_filters": 0,
    "short_circuit_function_evaluation": "force_enable",
    "result_overflow_mode": "throw",
    "timeout_overflow_mode": "throw",
    "max_ast_elements": 50_000,
    "max_subquery_depth": 20,
    "allow_ddl": 0,
    "allow_introspection_functions": 0,
    "readonly": 1,
}

# What WITH names is renamed to this, so that it is never taken for a table of that name.
NAMED_IN_WITH: Final = "with_"
# What tools may ask of the catalog: the tables that there are for users, and their columns.
CATALOG: Final = {
    "databases": ("name", "engine", "comment"),
    "tables": ("database", "name", "engine", "engine_full", "comment", "is_temporary"),
    "columns": (
        "database",
        "table",
        "name",
        "type",
        "position",
        "default_kind",
        "default_expression",
        "comment",
        "is_in_partition_key",
        "is_in_sorting_key",
        "is_in_primary_key",
    ),
    # Nothing can be set, so all have their defaults.
    "settings": ("name", '"default" AS value', "toUInt8(1) AS readonly"),
}
CATALOG_FUNCTIONS: Final = frozenset({"version", "timezone", "currentdatabase", "current_database"})

FUNCTIONS: Final = frozenset(
    files(__package__).joinpath("functions.txt").read_text(encoding="utf-8").split()
)
_CALL = re.compile(r"""^[`"]?(?P<name>[^\s`"(]+)[`"]?\(""")
# Nodes that are not part of reading: they write, reach outside, or change how the engine behaves.
_REFUSED_NODES: Final = (
    exp.Apply,
    exp.DDL,
    exp.DML,
    exp.Command,
    exp.Final,
    exp.Into,
    exp.Parameter,
    exp.Placeholder,
    exp.Lock,
    exp.QueryOption,
    exp.SessionParameter,
    exp.TableSample,
    exp.Values,
)


# It warns of what it does not know, with the text: that is refused anyhow, and no matter for a log.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


class SqlRefused(Exception):
    """A statement is not one that users may run; the message says what and what else to do."""


def guarded(text: str, tenant_parameter: str = "tenant", database: str = "") -> str:
    """Return the statement that may be run for `text`, with a parameter for the tenant.

    Args:
        text: SQL of a user.
        tenant_parameter: Name of the parameter, of type String, that the statement will need.
        database: Name of the database, for tools: they read the names of tables and columns as
            well, and write the name of the database before them. Empty: that is refused.

    Raises:
        SqlRefused: It is not one SELECT over the tables and functions that are allowed.
    """
    if len(text) > QUERY_CHARACTERS_MAX:
        raise SqlRefused(
            f"the statement has {len(text)} characters, the limit is {QUERY_CHARACTERS_MAX}"
        )
    query = _parsed(text)
    nodes = list(query.walk())
    if len(nodes) > QUERY_NODES_MAX:
        raise SqlRefused(f"the statement has {len(nodes)} parts, the limit is {QUERY_NODES_MAX}")
    functions = FUNCTIONS | CATALOG_FUNCTIONS if database else FUNCTIONS
    for node in nodes:
        _check(node, functions)
    _confine(query, tenant_parameter, _rename(query), database)
    return query.sql(dialect="clickhouse", comments=False)


def _parsed(text: str) -> exp.Query:
    try:
        statements = sqlglot.parse(text, dialect="clickhouse")
    except (SqlglotError, RecursionError) as error:
        message = str(error).split("\n")[0] or "it nests too deep"
        raise SqlRefused(f"the statement cannot be read: {message}") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Select | exp.SetOperation):
        raise SqlRefused("one SELECT is allowed here, and nothing else")
    return statements[0]


def _check(node: exp.Expr, functions: frozenset[str]) -> None:
    if isinstance(node, _REFUSED_NODES):
        raise SqlRefused(f"{node.sql(dialect='clickhouse')[:80]} is not allowed here")
    if isinstance(node, exp.Select) and not node.expressions:
        raise SqlRefused("SELECT without anything to select")
    if isinstance(node, exp.Query) and (node.args.get("settings") or node.args.get("format")):
        raise SqlRefused("SETTINGS and FORMAT are not allowed here; ask for a format outside")
    if isinstance(node, exp.In) and isinstance(node.args.get("field"), exp.Expr):
        # ClickHouse reads `x IN name` as the table of that name.
        raise SqlRefused(
            "IN takes a list or a subquery here, not a name; for arrays there is has()"
        )
    if isinstance(node, exp.Func | exp.AggFunc | exp.Anonymous):
        written = node.sql(dialect="clickhouse", comments=False)
        match = _CALL.match(written)
        if match and match["name"].lower() not in functions:
            raise SqlRefused(f"the function {match['name']} is not allowed here")


def _rename(query: exp.Query) -> frozenset[str]:
    """Give what WITH names another name, and return those names.

    `WITH keys AS (SELECT * FROM keys) …` reads the table `keys` in its inside: renamed, a name that
    is not what WITH named can only be a table, and has to be one of TABLES.
    """
    named = {cte.alias for cte in query.find_all(exp.CTE) if not cte.args.get("scalar")}
    if shadowed := named & TABLES:
        raise SqlRefused(f"WITH may not name {', '.join(sorted(shadowed))}: that is a table")
    meant = [
        table
        for table in query.find_all(exp.Table)
        if isinstance(table.this, exp.Identifier) and not table.db and _means_with(table)
    ]
    for cte in query.find_all(exp.CTE):
        if not cte.args.get("scalar"):
            cte.args["alias"].set("this", exp.to_identifier(NAMED_IN_WITH + cte.alias, quoted=True))
    for table in meant:
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
        table.set("this", exp.to_identifier(NAMED_IN_WITH + table.name, quoted=True))
    return frozenset(NAMED_IN_WITH + name for name in named)


def _means_with(table: exp.Table) -> bool:
    """Return whether a name means what a WITH around it named, and not a table."""
    within: exp.Expr | None = None
    node = table.parent
    while node is not None:
        if isinstance(node, exp.CTE):
            within = node
        if isinstance(node, exp.Query):
            seen = _seen_from(within, list(node.ctes))
            if any(cte.alias == table.name and not cte.args.get("scalar") for cte in seen):
                return True
        node = node.parent
    return False


def _seen_from(within: exp.Expr | None, ctes: list[exp.CTE]) -> list[exp.CTE]:
    """Return what WITH named before the place that is asked, and that place itself if RECURSIVE."""
    for number, cte in enumerate(ctes):
        if cte is within:
            recursive = bool(cte.parent and cte.parent.args.get("recursive"))
            return ctes[: number + recursive]
    return ctes


def _confine(query: exp.Query, tenant_parameter: str, named: frozenset[str], database: str) -> None:
    """Put a subquery of the tenant's own rows in place of each table."""
    for table in list(query.find_all(exp.Table)):
        if not isinstance(table.this, exp.Identifier):
            raise SqlRefused(
                f"{table.sql(dialect='clickhouse')[:80]} is a table function; none is allowed"
            )
        if database and table.db == "system" and table.name in CATALOG and not table.catalog:
            _replace(table, _catalog_rows(table.name))
            continue
        if database and table.db == database:
            table.set("db", None)
        if table.db or table.catalog or table.args.get("final"):
            raise SqlRefused(
                f"{table.sql(dialect='clickhouse')} names another database, or more than a table"
            )
        if table.name in named:
            continue
        if table.name not in TABLES:
            raise SqlRefused(
                f"there is no table {table.name} here; there are {', '.join(sorted(TABLES))}"
            )
        rows = exp.select("*").from_(exp.to_table(table.name))
        if table.name not in SHARED_TABLES:
            rows = rows.where(f"tenant = {{{tenant_parameter}: String}}", dialect="clickhouse")
        _replace(table, rows)


def _replace(table: exp.Table, rows: exp.Select) -> None:
    subquery = rows.subquery(table.alias or table.name, copy=False)
    subquery.set("joins", table.args.get("joins"))
    table.replace(subquery)


def _catalog_rows(name: str) -> exp.Select:
    """Return the part of a table of the catalog that is about the tables of users."""
    rows = exp.select(*CATALOG[name]).from_(exp.to_table(f"system.{name}"))
    if name == "settings":
        return rows
    if name == "databases":
        return rows.where("name = currentDatabase()", dialect="clickhouse")
    listed = ", ".join(f"'{table}'" for table in sorted(TABLES))
    which = "name" if name == "tables" else "table"
    return rows.where(
        f"database = currentDatabase() AND {which} IN ({listed})", dialect="clickhouse"
    )
