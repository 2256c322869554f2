"""Prompts that grew and stayed: found among days that differ anyway, and told of no others."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
from detect import stored
from detect.series import DAY, SPEND, traffic
from detect.stored import BEGINS_AT, COLUMNS, row

from tollbook_collector.detect.anomaly import Anomaly
from tollbook_collector.detect.channels import SCORED, TOKENS_CACHED, TOKENS_INPUT, TOKENS_OUTPUT
from tollbook_collector.detect.combine import strengths
from tollbook_collector.detect.find import Finder
from tollbook_collector.detect.findings import Findings
from tollbook_collector.detect.grid import Floats, grid_of
from tollbook_collector.detect.hysteresis import alarms
from tollbook_collector.detect.limits import CLOSES_AT, OPENS_AT, tails_of
from tollbook_collector.detect.section import DetectSection
from tollbook_collector.detect.series import DAY as DAYS
from tollbook_collector.detect.watch import score_history
from tollbook_collector.store.client import ClickHouse

HOURLY = grid_of(DAY)
GROWTH = SCORED.index("input_growth")
TEAMS = DetectSection(series=(("team",),))
# 35 days of traffic lie before it.
NIGHT = datetime(2026, 11, 18, tzinfo=UTC)
JUDGED = 28 * DAY
GROWS_FROM = NIGHT - timedelta(days=4)


class Told:
    """Remembers what was reported."""

    def __init__(self, anomalies: list[Anomaly]) -> None:
        self._anomalies = anomalies

    def report(self, anomaly: Anomaly) -> None:
        self._anomalies.append(anomaly)


def with_input(rows: Floats, factors: Floats) -> Floats:
    """Return rows whose calls read so many times as much, by hour; half of it is cached."""
    changed = rows.copy()
    changed[:, [TOKENS_INPUT, TOKENS_CACHED]] *= factors
    uncached = changed[:, TOKENS_INPUT] - 0.9 * changed[:, TOKENS_CACHED]
    changed[:, SPEND] = (uncached * 3 + changed[:, TOKENS_OUTPUT] * 15) / 1e6
    changed[:, -1] = changed[:, SPEND]
    return changed


def of_two_kinds(days: int = 49) -> Floats:
    """Return by how much each hour's calls read: some days twice as much, each weekday both."""
    day = np.arange(days)
    return np.asarray(np.where((day * 5 + 2 * (day // 7)) % 3 == 0, 2.0, 1.0).repeat(DAY))


def alarm_rows(rows: Floats) -> list[int]:
    strength = strengths(score_history(rows, HOURLY)[0], HOURLY, tails_of(HOURLY))[1]
    return [int(x) for x in np.flatnonzero(alarms(strength, OPENS_AT, CLOSES_AT)[0])]


def test_a_prompt_that_grew_by_a_third_is_found_among_days_of_twice_as_much() -> None:
    start = JUDGED + 3 * DAY
    grew = of_two_kinds()
    grew[start:] *= 1.33

    rows = with_input(traffic(days=49), grew)
    found = alarm_rows(rows)

    assert start <= found[0] < start + 4 * DAY
    assert score_history(rows, HOURLY)[0][0, GROWTH, found].max() > 1


def test_days_of_two_kinds_are_no_growth() -> None:
    rows = with_input(traffic(days=49), of_two_kinds())

    assert alarm_rows(rows) == []


def test_one_day_that_was_never_seen_is_no_growth() -> None:
    odd = np.ones(49 * DAY)
    odd[JUDGED + 5 * DAY : JUDGED + 6 * DAY] = 1.4

    scores = score_history(with_input(traffic(days=49), odd), HOURLY)[0]

    assert scores[0, GROWTH, JUDGED:].max() < tails_of(HOURLY)[GROWTH].common


def test_days_that_always_wander_must_grow_by_more() -> None:
    factors = np.exp(np.random.default_rng(5).normal(0, 0.2, 49)).repeat(DAY)
    start = JUDGED + 3 * DAY
    grew = np.where(np.arange(49 * DAY) >= start, 1.2, 1.0)

    calm = score_history(with_input(traffic(days=49), grew), HOURLY)[0][0, GROWTH]
    wild = score_history(with_input(traffic(days=49), factors * grew), HOURLY)[0][0, GROWTH]

    assert calm[start : start + 5 * DAY].max() > tails_of(HOURLY)[GROWTH].rare
    assert wild[start : start + 5 * DAY].max() < tails_of(HOURLY)[GROWTH].common


def growing(tenant: str) -> list[list[object]]:
    """Return 35 days of two teams, of which search reads a third more from GROWS_FROM on.

    One week of four read twice as much, so a third more is within the range of four weeks.
    """
    rows = []
    for hours in range(35 * 24):
        at = BEGINS_AT + timedelta(hours=hours)
        for team in ("search", "sales"):
            one = row(tenant, at, 100, {"team": team})
            reads = 2000 if (NIGHT - at).days // 7 == 2 else 1000
            grew = team == "search" and at >= GROWS_FROM
            tokens = 100 * reads * (4 if grew else 3) // 3
            one[COLUMNS.index("input_tokens")] = tokens
            one[COLUMNS.index("cost_usd")] = Decimal(tokens) * 2 / 1_000_000
            rows.append(one)
    return rows


def test_growth_within_the_range_of_days_passes_the_screen_and_is_told(
    priced: ClickHouse, tenant: str
) -> None:
    stored.store(priced, growing(tenant))

    told: list[Anomaly] = []
    finder = Finder(
        lambda: priced, lambda: TEAMS, Findings, [Told(told)], lambda: NIGHT + timedelta(minutes=3)
    )
    finder.run_for(tenant)

    assert [(one.dimensions, one.channel) for one in told] == [({"team": "search"}, "input_growth")]
    # It is dated from the first of the days on which the calls read more.
    assert told[0].started_at == GROWS_FROM
    assert "team search: tokens per call rose from" in told[0].explanation


def test_growth_that_the_hours_have_told_is_not_told_again_by_the_days(
    priced: ClickHouse, tenant: str
) -> None:
    stored.store(priced, growing(tenant))
    hourly = Anomaly(
        tenant=tenant,
        dimensions={"team": "search"},
        tier="hour",
        channel="input_growth",
        started_at=GROWS_FROM + timedelta(days=1),
        detected_at=NIGHT,
        score=4.0,
        dollars_so_far=None,
        dollars_projected=None,
        explanation="",
        updated_at=NIGHT,
    )
    Findings(priced).report(hourly)

    told = Finder(lambda: priced, lambda: TEAMS, Findings).look(priced, tenant, DAYS, NIGHT)

    assert told == []
    statement = (
        "SELECT JSONExtractString(evidence, 'explained_by') FROM anomalies FINAL"
        " WHERE tenant = {tenant:String} AND tier = 'day' AND channel = 'input_growth'"
    )
    assert hourly.id in {row[0] for row in priced.rows(statement, {"tenant": tenant})}
