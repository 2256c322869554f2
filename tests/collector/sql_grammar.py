"""Statements that a grammar of ClickHouse's SQL makes up: honest ones, hostile ones, and mixtures.

Most parts are allowed ones, so that a statement with one hostile part comes past the checks of the
others. What is drawn is plain text: quoting, comments and case are put on at the end.
"""

from collections.abc import Callable

from hypothesis import strategies as st

# Texts that each of the tables has.
COLUMNS = ("team", "model", "tenant", "service", "customer", "provider", "operation", "feature")
TABLES = ("calls", "spans", "spend", "spend_hourly", "spend_minutely", "charges")
FORBIDDEN_TABLES = (
    *("keys", "schema_ledger", "series_hourly", "normalised", "audit", "saved_views", "landing"),
    *("system.tables", "system.query_log", "information_schema.tables", "default.spans"),
    *("system.one", "with_calls", "with_x"),
)
TABLE_FUNCTIONS = (
    "merge(currentDatabase(), '^spans$')",
    "merge(currentDatabase(), 'keys')",
    "remote('127.0.0.1', currentDatabase(), 'spans')",
    "cluster('default', currentDatabase(), 'spans')",
    "mergeTreeIndex(currentDatabase(), 'spans')",
    "file('SECRET', 'LineAsString')",
    "view(SELECT * FROM spans)",
    "loop(spans)",
    "dictionary('original_of_copy')",
    "numbers(3)",
    "values('a String', 'x')",
    "viewIfPermitted(SELECT * FROM keys ELSE null('a Int8'))",
)
FUNCTIONS = ("toString", "lower", "upper", "hex", "toTypeName")
OTHER_FUNCTIONS = ("file", "sleep", "throwIf")
COMPARISONS = ("=", "!=", "LIKE", ">=")
AGGREGATES = ("count", "any", "max", "uniqExact", "min", "anyLast")
FORBIDDEN_CALLS = (
    "file('SECRET')",
    "getSetting('additional_table_filters')",
    "dictGet('original_of_copy', 'dedup_of', toUInt64(1))",
    "joinGet('keys', 'digest', 1)",
    "hasColumnInTable(currentDatabase(), 'keys', 'digest')",
    "COLUMNS('.*')",
    "currentUser()",
    "{tenant:Identifier}",
    "{other:String}",
    "toString({tenant:String})",
    "evalMLMethod(1)",
    "tollbook_cost_usd(1)",
)
LITERALS = ("'x'", "''", "'own'", "'gpt-4o'", "'--'", "'/*'", "'\\\\'", "'it''s'")
ODD_LITERALS = ("1", "NULL", "true", "1.5", "[1, 2]", "('a', 'b')", "-7", "0x1F", "$x$ $x$")
LISTS = ("('own', 'x')", "('gpt-4o')")
NAMES_AS_LISTS = ("keys", "spans", "system.one", "x", "`keys`")
CONNECTIVES = ("AND", "OR", "AND NOT", "XOR")
SET_OPERATORS = ("UNION ALL", "UNION DISTINCT", "INTERSECT", "EXCEPT")
JOINS = ("JOIN", "LEFT JOIN", "CROSS JOIN", "ANY LEFT JOIN", "SEMI JOIN", "ASOF JOIN", ",")
TAILS = (
    " SETTINGS additional_table_filters = {}",
    " SETTINGS readonly = 0",
    " FORMAT Native",
    " INTO OUTFILE 'OUT'",
    "; SELECT * FROM spans",
    " FOR UPDATE",
    " SETTINGS max_threads = 1 FORMAT JSON",
)
# In place of a blank, where the engine may read something else than the guard.
BLANKS = (
    " ",
    "\n",
    "\t",
    "/**/",
    " /* x */ ",
    "--\n",
    "-- '\n",
    "#!\n",
    " /* /* */ */ ",
    "\u00a0",
    "\f",
)
NAMES_OF_WITH = ("x", "y", "calls", "keys", "spans", "with_x", "tenant")
HONEST_OF_TEN = 9


@st.composite
def statements(draw: st.DrawFn) -> str:
    """Draw a statement, most often one that could be allowed."""
    text = _query(draw, 3, ())
    if _rarely(draw):
        text += draw(st.sampled_from(TAILS))
    if _rarely(draw):
        text = (
            draw(st.sampled_from(("EXPLAIN ", "DESCRIBE ", "(", "INSERT INTO spans ", "FROM x ")))
            + text
        )
    return _dressed(draw, text)


def _rarely(draw: st.DrawFn) -> bool:
    return draw(st.integers(0, 9)) >= HONEST_OF_TEN


def _one(draw: st.DrawFn, honest: tuple[str, ...], hostile: tuple[str, ...]) -> str:
    return draw(st.sampled_from(hostile if _rarely(draw) and _rarely(draw) else honest))


def _query(draw: st.DrawFn, depth: int, named: tuple[str, ...], shape: str = "many columns") -> str:
    text, inner = "", named
    if depth and draw(st.integers(0, 3)) == 0:
        name = _one(draw, ("x", "y", "z"), NAMES_OF_WITH)
        recursive = "RECURSIVE " if _rarely(draw) else ""
        if draw(st.integers(0, 3)):
            rows = _query(draw, depth - 1, named, "a table")
            text = f"WITH {recursive}{_quoted(draw, name)} AS ({rows}) "
            inner = (*named, name)
        else:
            text = f"WITH {_expression(draw, depth - 1, named)} AS {_quoted(draw, name)} "
    text += _select(draw, depth, inner, shape)
    if depth and shape != "one value" and draw(st.integers(0, 5)) == 0:
        text += f" {draw(st.sampled_from(SET_OPERATORS))} {_select(draw, depth - 1, inner, shape)}"
    return text


def _select(draw: st.DrawFn, depth: int, named: tuple[str, ...], shape: str) -> str:
    hostile = ("* APPLY(toString)", "* REPLACE(file('SECRET') AS team)", "_part", "*, keys.*")
    many, tail = False, ""
    if shape == "a table":
        columns = _one(draw, ("*", ", ".join(COLUMNS)), hostile)
    elif shape == "one value":
        columns = f"{draw(st.sampled_from(AGGREGATES))}({_expression(draw, 0, named)})"
    elif shape == "one column":
        columns = _expression(draw, depth, named)
    else:
        many = True
        columns = ", ".join(_selected(draw, depth, named) for _ in range(draw(st.integers(1, 3))))
    text = f"SELECT {'DISTINCT ' if many and _rarely(draw) else ''}{columns}"
    if not _rarely(draw):
        text += f" FROM {_source(draw, depth, named)}"
    if draw(st.integers(0, 2)) == 0:
        where = _one(draw, ("WHERE",), ("PREWHERE", "WHERE 1 = 1 OR", "QUALIFY"))
        text += f" {where} {_condition(draw, depth, named)}"
    if many:
        tail = _one(
            draw, (" GROUP BY ALL",), (" GROUP BY GROUPING SETS ((team), ())", " GROUP BY 1")
        )
        if draw(st.integers(0, 4)) == 0:
            tail += f" ORDER BY {_one(draw, ('ALL', '1'), ('1 WITH FILL', *FORBIDDEN_CALLS))}"
    return text + tail


def _selected(draw: st.DrawFn, depth: int, named: tuple[str, ...]) -> str:
    if draw(st.integers(0, 3)) == 0:
        return (
            f"{draw(st.sampled_from(AGGREGATES))}({_quoted(draw, draw(st.sampled_from(COLUMNS)))})"
        )
    alias = _one(draw, ("", "", " AS a"), (" AS calls", " AS tenant", " AS `keys`"))
    return _expression(draw, depth, named) + alias


def _expression(draw: st.DrawFn, depth: int, named: tuple[str, ...]) -> str:
    kind = draw(st.integers(0, 8)) if depth else draw(st.integers(0, 2))
    inner = depth - 1
    made: list[Callable[[], str]] = [
        lambda: _quoted(draw, draw(st.sampled_from(COLUMNS))),
        lambda: _one(draw, LITERALS, ODD_LITERALS),
        lambda: _one(draw, COLUMNS, FORBIDDEN_CALLS),
        lambda: f"{_one(draw, FUNCTIONS, OTHER_FUNCTIONS)}({_expression(draw, inner, named)})",
        lambda: f"({_query(draw, inner, named, 'one value')})",
        lambda: f"if({_condition(draw, inner, named)}, {_expression(draw, inner, named)}, 'n')",
        lambda: f"arrayMap(i -> {_expression(draw, inner, named)}, [1])[1]",
        lambda: (
            f"CAST({_expression(draw, inner, named)} AS {_one(draw, ('String',), ('Dynamic',))})"
        ),
        lambda: f"CASE WHEN {_condition(draw, inner, named)} THEN 'one' ELSE 'two' END",
    ]
    return made[kind]()


def _condition(draw: st.DrawFn, depth: int, named: tuple[str, ...]) -> str:
    left = _expression(draw, max(depth - 1, 0), named)
    kind = draw(st.integers(0, 4)) if depth else 0
    if kind == 1:
        within = draw(st.sampled_from(("IN", "NOT IN", "GLOBAL IN")))
        return f"{left} {within} ({_query(draw, depth - 1, named, 'one column')})"
    if kind == 2:
        return f"{left} IN {_one(draw, LISTS, NAMES_AS_LISTS)}"
    if kind == 3:
        right = _condition(draw, depth - 1, named)
        return f"{left} = 'own' {draw(st.sampled_from(CONNECTIVES))} {right}"
    if kind == 4:
        return f"EXISTS ({_query(draw, depth - 1, named, 'one column')})"
    return f"{left} {draw(st.sampled_from(COMPARISONS))} {draw(st.sampled_from(LITERALS))}"


def _source(draw: st.DrawFn, depth: int, named: tuple[str, ...]) -> str:
    kind = draw(st.integers(0, 5))
    if depth and kind == 0:
        source = f"({_query(draw, depth - 1, named, 'a table')}) AS t"
    elif kind == 1 and _rarely(draw):
        source = draw(st.sampled_from(TABLE_FUNCTIONS))
    elif kind == 2 and named:
        source = _quoted(draw, draw(st.sampled_from(named)))
    else:
        source = _quoted(draw, _one(draw, TABLES, FORBIDDEN_TABLES))
        source += _one(draw, ("", " AS t"), (" FINAL", " SAMPLE 1/2", " AS keys", " AS calls"))
    if depth and draw(st.integers(0, 6)) == 0:
        join = draw(st.sampled_from(JOINS))
        right = _source(draw, 0, named)
        on = "" if join in ("CROSS JOIN", ",") else " USING (team)"
        source += f"{join if join == ',' else ' ' + join} {right}{on}"
    if _rarely(draw):
        source += " ARRAY JOIN [1, 2] AS j"
    return source


def _quoted(draw: st.DrawFn, name: str) -> str:
    if not _rarely(draw):
        return name
    parts = name.split(".")
    return draw(
        st.sampled_from(
            [
                ".".join(f"`{part}`" for part in parts),
                ".".join(f'"{part}"' for part in parts),
                f"currentDatabase().{name}",
                f"`{name}`",
                name.upper(),
                name.replace("s", "\uff53", 1),
                name.replace("a", "\u0430", 1),
            ]
        )
    )


def _dressed(draw: st.DrawFn, text: str) -> str:
    """Return a text with other blanks here and there, and now and then in other letters."""
    if draw(st.integers(0, 2)):
        return text
    pieces = text.split(" ")
    blank = draw(st.sampled_from(BLANKS))
    every = draw(st.integers(1, 7))
    dressed = pieces[0] + "".join(
        (blank if number % every == 0 else " ") + piece for number, piece in enumerate(pieces[1:])
    )
    return dressed.swapcase() if _rarely(draw) and _rarely(draw) else dressed
