"""What is measured is what is lived: a replay says what was told hour by hour."""

from datetime import timedelta

import numpy as np
from detect import stored
from detect.series import DAY, traffic, with_extra_calls
from detect.stored import NOW, row
from detect.stored import traffic as usual

from tollbook_collector.detect.anomaly import Anomaly
from tollbook_collector.detect.backtest import backtest
from tollbook_collector.detect.find import Finder
from tollbook_collector.detect.findings import Findings
from tollbook_collector.detect.follow import follow
from tollbook_collector.detect.grid import grid_of
from tollbook_collector.detect.section import DetectSection
from tollbook_collector.detect.series import HOUR
from tollbook_collector.store.client import ClickHouse

SECTION = DetectSection(series=(("team",),))
AN_HOUR = timedelta(hours=1)


def test_what_was_told_hour_by_hour_is_what_a_replay_says(priced: ClickHouse, tenant: str) -> None:
    sales = {"team": "sales", "model": "claude-sonnet-5-5", "response_model": "claude-sonnet-5-5"}
    loops = [
        row(tenant, begins_at + k * timedelta(minutes=10), 600)
        for begins_at in (NOW - 126 * AN_HOUR, NOW - 2 * AN_HOUR)
        for k in range(12)
    ]
    rows = [*usual(tenant), *usual(tenant, dimensions=sales, share=0.5), *loops]
    stored.store(priced, rows)
    finder = Finder(lambda: priced, lambda: SECTION, Findings)
    told: dict[str, Anomaly] = {}

    for back in (125, 124, 1, 0):
        found = finder.look(priced, tenant, HOUR, NOW - back * AN_HOUR)
        told |= {one.id: one for one in found}
    replayed = backtest(priced, SECTION, tenant, NOW - timedelta(days=7), NOW)

    lived = sorted(told.values(), key=lambda one: one.started_at)
    again = [one for one in replayed if one.tier == "hour"]
    assert [one.started_at for one in lived] == [NOW - 126 * AN_HOUR, NOW - 2 * AN_HOUR]
    assert [_said(one) for one in lived] == [_said(one) for one in again]


def test_what_alarmed_is_not_learned_on_the_way() -> None:
    loop = slice(36 * DAY + 8, 36 * DAY + 12)
    rows = with_extra_calls(traffic(), loop, 4_000.0)
    again = slice(38 * DAY + 8, 38 * DAY + 12)
    rows = with_extra_calls(rows, again, 4_000.0)
    learn = np.ones((1, rows.shape[-1]), dtype=bool)

    lived = follow(rows, grid_of(24))
    learned = follow(rows, grid_of(24), learn=learn)

    assert lived.opened[0, loop.start]
    assert lived.opened[0, again.start]
    assert lived.strength[0, again].max() > learned.strength[0, again].max()


def _said(one: Anomaly) -> tuple[object, ...]:
    # Without the channel: live it keeps the name under which it was first told.
    return (
        one.dimensions,
        one.started_at,
        one.detected_at,
        round(one.score, 6),
        one.dollars_so_far,
    )
