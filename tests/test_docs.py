"""The documents and the program say the same."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from tollbook.settings import Settings as SdkSettings
from tollbook_collector.answer.questions import DIMENSIONS, TIMES
from tollbook_collector.cli import app
from tollbook_collector.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
# Read by the agent, before the command line of the collector.
OF_THE_SDK = {"run"}
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])


def test_every_setting_of_the_collector_is_in_the_readme() -> None:
    documented_elsewhere = {"clickhouse_user", "clickhouse_password"}
    names = set(Settings.model_fields) - documented_elsewhere

    assert [n for n in sorted(names) if f"`TOLLBOOK_{n.upper()}`" not in README] == []
    assert "TOLLBOOK_CLICKHOUSE_USER" in README
    assert "TOLLBOOK_CLICKHOUSE_PASSWORD" in README


def test_every_variable_that_the_sdk_reads_is_in_the_readme() -> None:
    source = (ROOT / "agent/tollbook/settings.py").read_text()
    variables = set(re.findall(r"\bTOLLBOOK_[A-Z_]+\b", source))

    assert variables
    assert len(fields(SdkSettings)) > 0
    assert [name for name in sorted(variables) if name not in README] == []


def test_the_defaults_in_the_readme_are_those_of_the_program() -> None:
    defaults = Settings()

    for value in (
        defaults.otlp_http,
        defaults.otlp_grpc,
        defaults.api,
        defaults.clickhouse_database,
    ):
        assert f"`{value}`" in README
    assert defaults.spool_bytes_max == 4 * 1024**3
    assert "| 4 GiB |" in README


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", document.read_text())

    missing = [link for link in links if not (document.parent / link).exists()]

    assert missing == []


def test_every_command_that_a_document_or_a_page_names_is_one() -> None:
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    pages = (ROOT / "collector/tollbook_collector/answer/pages/templates").glob("*.html")

    unknown = []
    for document in [*DOCUMENTS, *pages]:
        for first, second in re.findall(
            r"(?:^|`|<code>)tollbook ([a-z]+)(?: ([a-z]+))?", document.read_text(), re.MULTILINE
        ):
            group = root.commands.get(first)
            inner = group.commands if isinstance(group, TyperGroup) else {}
            is_one = inner.get(second) if inner and second else group
            if is_one is None and first not in OF_THE_SDK:
                unknown.append((document.name, first, second))

    assert unknown == []


def test_every_file_that_the_architecture_names_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    named = re.findall(r"`((?:agent|collector|tests|benchmarks)/[^`\s]+)`", text)

    missing = [
        name for name in named if not (ROOT / name.replace("…", "tollbook_collector")).exists()
    ]

    assert named
    assert missing == []


def test_every_file_of_tests_that_the_security_model_names_exists() -> None:
    named = re.findall(r"`(tests/[^`\s]+)`", (ROOT / "SECURITY.md").read_text())

    assert len(named) > 5
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_decisions_are_numbered_without_a_gap() -> None:
    names = sorted(path.name for path in (ROOT / "docs/decisions").iterdir())
    numbers = [int(name[:4]) for name in names]

    assert numbers == list(range(1, len(numbers) + 1))


def test_what_spend_can_be_asked_by_is_in_its_query() -> None:
    query = (ROOT / "collector/tollbook_collector/store/sql/queries/spend.sql").read_text()

    columns = [name for name in DIMENSIONS if name not in TIMES]
    assert [name for name in columns if f"{{{name}:Identifier}} AS by_{name}" not in query] == []


def test_every_test_that_the_catalogue_of_reliability_names_exists() -> None:
    text = (ROOT / "docs/reliability.md").read_text()

    named = re.findall(r"`(\w+/test_\w+\.py)(?:::(test_\w+))?`", text)

    assert len(named) > 50
    missing = [
        f"{file}::{name}"
        for file, name in named
        if f"def {name}" not in (ROOT / "tests" / file).read_text()
    ]
    assert missing == []
