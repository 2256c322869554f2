"""A series that is days old, judged by its share of all: on arrays."""

from datetime import UTC, datetime

import numpy as np
from detect.series import DAY, traffic, with_extra_calls

from tollbook_collector.detect.channels import REQUESTS
from tollbook_collector.detect.grid import Floats, grid_of
from tollbook_collector.detect.judge import judge
from tollbook_collector.detect.limits import OPENS_AT
from tollbook_collector.detect.series import Block
from tollbook_collector.detect.young import STRICTER, lend

DAYS = 35


def young(rows: Floats, days: int) -> Block:
    """Return a tenth of all, of which only the last days were there."""
    own = 0.1 * rows
    first = (DAYS - days) * DAY
    own[..., :first] = 0.0
    return Block(("team",), (("new",),), own, datetime(2026, 10, 1, tzinfo=UTC), (first,))


def told(block: Block, whole: Floats) -> list[int]:
    """Return the first rows of what is told of a series."""
    lent = lend(block, whole, DAY)
    found = judge(lent.block.rows, grid_of(DAY), STRICTER * OPENS_AT, lent.block.first_rows)
    return [one.first for one in found if one.first >= lent.own_from[one.series]]


def test_a_series_of_four_days_has_the_weeks_of_its_share() -> None:
    rows = traffic(days=DAYS)

    lent = lend(young(rows, 4), rows[0], DAY)

    expected = 0.1 * rows[0, REQUESTS, : 31 * DAY]
    assert np.allclose(lent.block.rows[0, REQUESTS, : 31 * DAY], expected)
    assert lent.own_from.tolist() == [32 * DAY]


def test_a_loop_of_a_series_of_four_days_is_found_and_its_ordinary_days_are_not() -> None:
    rows = traffic(days=DAYS)
    block = young(rows, 4)
    start = DAYS * DAY - 3
    looping = Block(
        block.names,
        block.entities,
        with_extra_calls(block.rows, slice(start, start + 3), 900),
        block.begins_at,
        block.first_rows,
    )

    assert told(block, rows[0]) == []
    assert told(looping, rows[0]) == [start]


def test_a_series_of_a_day_and_one_of_a_young_tenant_are_lent_nothing() -> None:
    rows = traffic(days=DAYS)
    of_a_day = lend(young(rows, 1), rows[0], DAY)
    new_tenant = rows[0].copy()
    new_tenant[:, : 28 * DAY] = 0.0

    assert of_a_day.own_from.tolist() == [0]
    assert lend(young(rows, 4), new_tenant, DAY).own_from.tolist() == [0]
