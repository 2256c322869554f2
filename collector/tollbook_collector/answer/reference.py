"""Writes the tables that may be asked into docs/sql.md: `make docs`."""

import sys
import tempfile
from itertools import groupby
from pathlib import Path
from typing import Final

from tollbook_collector.answer.guard import TABLES
from tollbook_collector.answer.questions import Answerer
from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse, StoreAddress
from tollbook_collector.store.embedded.process import EmbeddedStore

HEADING: Final = "## Tables\n"


def tables(store: Answerer) -> str:
    """Return a section for each table that users may ask, with its columns."""
    rows = store.rows(sql.read("queries/columns"), {"tables": sorted(TABLES)})
    sections = []
    for table, columns in groupby(rows, key=lambda row: str(row[0])):
        lines = [f"### {table}", "", _sentence(table), "", "| column | type | meaning |"]
        lines.append("|---|---|---|")
        lines += [f"| `{name}` | `{kind}` | {meaning} |" for _, name, kind, meaning in columns]
        sections.append("\n".join(lines) + "\n")
    return "\n".join(sections)


def _sentence(table: str) -> str:
    """Return what a row is, from the first line of the file that makes the table."""
    for folder in ("migrations", "views"):
        for name in sql.names(folder):
            if name.split("/", 1)[1].split("_", 1)[1] == table:
                first = sql.read(name).split("\n", 1)[0]
                return first.removeprefix("-- ")
    return ""


def main(document: Path) -> None:
    """Write the section of a document anew."""
    before = document.read_text(encoding="utf-8").partition(HEADING)[0]
    with tempfile.TemporaryDirectory() as directory, EmbeddedStore(Path(directory)) as store:
        address = store.address
        database = ClickHouse(StoreAddress(address.url, address.user, address.password))
        sql.migrate(database)
        document.write_text(f"{before}{HEADING}\n{tables(database)}", encoding="utf-8")
        database.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
