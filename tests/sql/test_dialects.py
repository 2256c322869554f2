"""Every dialect becomes the same canonical call: spans as libraries send them, and their rows.

The fixtures say where their spans come from: `run` is a library that was run against
`dialects/capture/server.py`, `constants` are spans written down from a library's own names.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from otlp_requests import Span

from tollbook_collector.store.client import ClickHouse

FIXTURES = sorted((Path(__file__).parent / "dialects").glob("*.json"))
MONEY = ("cost_usd", "reported_cost_usd")


def spans(path: Path) -> list[tuple[Span, dict[str, Any]]]:
    """Return the spans of a fixture, each with the columns that its row must have."""
    return [
        (
            Span(
                item["attributes"],
                name=item["name"],
                kind=item["kind"],
                scope=item["scope"],
                span_id=number.to_bytes(8, "big"),
            ),
            item["expected"],
        )
        for number, item in enumerate(json.loads(path.read_text())["spans"], start=1)
    ]


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_the_spans_of_a_dialect_become_the_canonical_row(
    priced: ClickHouse, insert: Any, tenant: str, path: Path
) -> None:
    given = spans(path)

    insert(priced, [span for span, _ in given])

    for number, (span, expected) in enumerate(given, start=1):
        wanted = {
            column: Decimal(value) if column in MONEY and value is not None else value
            for column, value in expected.items()
        }
        (found,) = priced.rows(
            f"SELECT {', '.join(wanted)} FROM spans WHERE tenant = {{tenant:String}}"
            " AND span_id = unhex({span_id:String})",
            {"tenant": tenant, "span_id": f"{number:016x}"},
        )
        values = dict(zip(wanted, found, strict=True))
        if "tags" in wanted:
            values["tags"] = {key: values["tags"][key] for key in wanted["tags"]}
        assert values == wanted, span.name


def test_every_dialect_has_a_fixture() -> None:
    sources = {json.loads(path.read_text())["source"].split(":")[0] for path in FIXTURES}

    assert len(FIXTURES) >= 22
    assert sources == {"run", "constants"}
