"""F8: SQL of users has one way to the store, and every question of ours names its tenant."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tollbook_collector
from tollbook_collector.store import sql

ROOT = Path(tollbook_collector.__file__).parent
ROOM = ROOT / "answer"
ASKING = ("rows", "formatted", "streamed", "command")
# Where a statement is not the text of a file: SQL of users, and the question of an export, which is
# one of two files.
CHOKE_POINT = "user_sql.py"
CHOSEN = {"focus.py": "export.statement"}
# What has no tenant: how many spans there are, for /health; names of tables and columns; the prices
# that are everybody's; the end of a statement, whose name has its tenant in it; whether the store
# has spans of an older version.
OF_ALL_TENANTS = {"columns", "database_name", "health", "kill_statements", "rate_card"}
OF_ALL_TENANTS |= {"tenant_tables", "traces_added_up"}
MODULES = sorted(ROOM.rglob("*.py"))


def asked(tree: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls that ask a store or a user's SQL for something."""
    for node in ast.walk(tree):
        is_method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if is_method and node.func.attr in ASKING and node.args:
            yield node


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_statement_is_a_file_of_ours_or_has_passed_the_guard(path: Path) -> None:
    tree = ast.parse(path.read_text())

    for node in asked(tree):
        assert isinstance(node.func, ast.Attribute)
        statement, asks = ast.unparse(node.args[0]), ast.unparse(node.func.value)
        is_file = statement.startswith("sql.read(")
        by_guard = asks == "user_sql" or path.name == CHOKE_POINT
        assert is_file or by_guard or statement == CHOSEN.get(path.name), f"{statement} at {asks}"


def test_the_way_of_user_sql_begins_with_the_guard_and_ends_with_the_filters() -> None:
    tree = ast.parse((ROOM / CHOKE_POINT).read_text())
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    ways_out = {
        name: [ast.unparse(node.args[0]) for node in asked(function)]
        for name, function in functions.items()
    }

    free = {name: texts for name, texts in ways_out.items() if any("read" not in t for t in texts)}
    called = {name: ast.unparse(functions[name]) for name in (*free, "confined", "checked")}

    assert free == {
        "run": ["asked.statement"],
        "streamed": ["asked.statement"],
        "checked": ["f'EXPLAIN AST {statement}'", "sql.read('queries/tenant_tables')"],
    }
    assert all("asked = self.confined(tenant, text" in called[name] for name in ("run", "streamed"))
    assert all("asked.parameters, asked.settings" in called[name] for name in ("run", "streamed"))
    assert "self.checked(tenant, guarded(text" in called["confined"]
    assert "check_reading(" in called["checked"]
    assert "**settings" in called["checked"]


def test_only_the_choke_point_writes_a_statement_for_a_user() -> None:
    users = [
        path.relative_to(ROOT).as_posix()
        for path in sorted(ROOT.rglob("*.py"))
        if "guarded"
        in {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
    ]

    assert users == ["answer/user_sql.py"]


def test_a_question_of_the_api_names_its_tenant() -> None:
    named = {
        node.value.removeprefix("queries/")
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and str(node.value).startswith("queries/")
    }
    without = {name for name in named if "{tenant:String}" not in sql.read(f"queries/{name}")}

    assert len(named) > 40
    assert without == OF_ALL_TENANTS
