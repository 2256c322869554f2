"""Roll-ups: what their views write needs no adding up before it is a part."""

from collections.abc import Iterator

import sqlglot
from sqlglot import exp

from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse

# What merges rows of one sorting key, and does not do so when a segment is inserted
# (`optimize_on_insert` of SEGMENT_SETTINGS): only a merge, or a FINAL, would see two of an insert.
ADDING_UP = """
SELECT name, splitByString(', ', sorting_key)
FROM system.tables
WHERE database = currentDatabase() AND engine IN ('SummingMergeTree', 'AggregatingMergeTree')
"""


def roll_ups() -> Iterator[tuple[str, str, set[str]]]:
    """Yield each view that groups what is inserted: its name, its table, one value a row."""
    for name in sql.names("views"):
        text = sql.read(name)
        if "CREATE OR REPLACE MATERIALIZED VIEW" in text and "\nGROUP BY" in text:
            view = sqlglot.parse_one(text, read="clickhouse")
            (target,) = view.find_all(exp.ToTableProperty)
            query = view.expression
            grouped = {column.name for column in query.args["group"].expressions}
            constant = {
                column.alias
                for column in query.selects
                if isinstance(column.unalias(), exp.Literal)
            }
            yield name, target.this.name, grouped | constant


def test_views_group_by_the_whole_sorting_key_of_what_adds_up_only_in_merges(
    migrated: ClickHouse,
) -> None:
    sorting = {str(table): set(columns) for table, columns in migrated.rows(ADDING_UP)}

    seen = list(roll_ups())

    assert {table for _, table, _ in seen} >= sorting.keys() - {"roll_up_begins"}
    assert {name: sorting[table] - one for name, table, one in seen if sorting[table] - one} == {}
