"""The rules of STYLE.md that a linter has no name for."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*ROOT.glob("agent/**/*.py"), *ROOT.glob("collector/**/*.py")])
MODULE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
# The collector's rooms in the order of a call's path: a room imports only rooms before it.
ROOMS = ["spool", "intake", "store", "money", "detect", "alert", "answer"]
# The places that join the rooms; they import anything.
JOINTS = {"app", "cli", "commands", "demo", "__main__"}
BANNED_NAMES = {"utils", "helpers", "manager", "base", "common", "core", "misc"}
SQL_START = re.compile(
    r"^\s*(SELECT\s.+\sFROM|INSERT\s+INTO|CREATE\s+(TABLE|OR|MATERIALIZED|VIEW|DATABASE|DICTIONARY)"
    r"|ALTER\s+TABLE|DROP\s+(TABLE|VIEW|DATABASE))\b",
    re.DOTALL,
)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function without its docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_module_says_in_its_first_line_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(parse(path)) or ""

    assert docstring.split("\n")[0].rstrip().endswith((".", ":")), "no sentence on the first line"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_module_is_at_most_500_lines_and_a_function_fits_on_a_screen(path: Path) -> None:
    long_functions = [
        f"{node.name}: {function_lines(node)}"
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and function_lines(node) > FUNCTION_LINES_MAX
    ]

    assert len(path.read_text().splitlines()) <= MODULE_LINES_MAX
    assert long_functions == []


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_no_module_is_named_after_nothing(path: Path) -> None:
    assert not BANNED_NAMES & {path.stem, *path.parent.relative_to(ROOT).parts}


def test_the_agent_never_imports_the_collector() -> None:
    found = [
        f"{relative(path)}: {name}"
        for path in ROOT.glob("agent/**/*.py")
        for name in imports(path)
        if name.startswith("tollbook_collector")
    ]

    assert found == []


def test_the_collector_takes_only_names_on_the_wire_and_classes_of_tokens_from_the_agent() -> None:
    taken = {"tollbook", "tollbook.model_call", "tollbook.model_call.TOKEN_CLASSES"}
    found = [
        f"{relative(path)}: {name}"
        for path in ROOT.glob("collector/**/*.py")
        if path.relative_to(ROOT / "collector/tollbook_collector").parts[0] != "demo"
        for name in imports(path)
        if (name == "tollbook" or name.startswith("tollbook."))
        and not name.startswith("tollbook.attributes")
        and name not in taken
    ]

    assert found == []


def test_a_room_imports_only_rooms_before_it() -> None:
    package = ROOT / "collector/tollbook_collector"
    found = []
    for path in package.glob("**/*.py"):
        room = path.relative_to(package).parts[0].removesuffix(".py")
        if room in JOINTS or room not in ROOMS:
            continue
        allowed = ROOMS[: ROOMS.index(room) + 1]
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "tollbook_collector" and len(parts) > 1:
                other = parts[1]
                if other in JOINTS or (other in ROOMS and other not in allowed):
                    found.append(f"{relative(path)}: {name}")

    assert found == []


def test_only_one_module_knows_the_driver() -> None:
    found = {
        relative(path)
        for path in ROOT.glob("collector/**/*.py")
        for name in imports(path)
        if name.split(".")[0] == "clickhouse_connect"
    }

    assert found <= {"collector/tollbook_collector/store/client.py"}


def test_only_the_embedded_store_imports_the_engine() -> None:
    found = {
        relative(path)
        for path in ROOT.glob("collector/**/*.py")
        for name in imports(path)
        if name.split(".")[0] == "chdb"
    }

    assert all("/store/embedded/" in path for path in found), found


def test_statements_are_files_and_not_strings_in_python() -> None:
    found = [
        f"{relative(path)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and SQL_START.match(node.value)
    ]

    assert found == []


def test_a_sql_file_says_in_its_first_line_what_a_row_or_the_answer_is() -> None:
    files = [path for path in ROOT.glob("collector/**/sql/**/*.sql") if path.name != "schema.sql"]
    found = [relative(path) for path in files if not path.read_text().startswith("-- ")]

    assert files
    assert found == []


def test_an_exception_is_swallowed_only_where_it_is_counted() -> None:
    """`except Exception` stands at the head of a background task and in the SDK's guard alone."""
    found = [
        f"{relative(path)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception"))
        and "count" not in ast.unparse(node)
    ]

    assert found == []


def test_nothing_committed_names_a_registry_or_a_path_of_a_machine() -> None:
    pattern = re.compile(
        "|".join(
            [
                "py" + r"pi\.org",
                "python" + "hosted",
                "registry" + r"\.npmjs",
                "deb" + r"\.debian\.org",
            ]
        )
    )
    found = [
        relative(path)
        for folder in ["agent", "collector", "tests", "docs", "deploy", "examples", "benchmarks"]
        for path in (ROOT / folder).glob("**/*")
        if path.is_file() and path.suffix in {".py", ".md", ".sql", ".toml", ".yml", ".sh"}
        if pattern.search(path.read_text(errors="replace"))
    ]
    found += [name for name in ["requirements.lock"] if pattern.search((ROOT / name).read_text())]

    assert found == []
