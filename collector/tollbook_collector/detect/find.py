"""Finds the anomalies of all tenants: one round of the duty `detect anomalies`.

Nothing is remembered between rounds but which row was the last. What a series did, what was found
and what people said of it are tables, so a round after a crash says what the one before it would
have said, under the same ids. Rows are judged by when their calls were made, not by when they came:
a backlog is judged as if it had come in time, and a stretch without any data is no silence.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final

from tollbook_collector.detect import series as reading
from tollbook_collector.detect.anomaly import Anomaly, Reporter
from tollbook_collector.detect.channels import REQUESTS, SPEND
from tollbook_collector.detect.drift_watch import drifts
from tollbook_collector.detect.explain import Explainer, projected
from tollbook_collector.detect.false_discovery import accepted
from tollbook_collector.detect.grid import Floats
from tollbook_collector.detect.judge import Stretch, judge
from tollbook_collector.detect.known import Known, known_anomalies, learned_rows
from tollbook_collector.detect.limits import opens_at
from tollbook_collector.detect.outcome_drift import outcome_drifts
from tollbook_collector.detect.portfolio import shift
from tollbook_collector.detect.root import SLOW_APART, Related, explained_by
from tollbook_collector.detect.section import DetectSection
from tollbook_collector.detect.series import DAY, HOUR, MINUTE, Block, Tables, TierOf
from tollbook_collector.detect.sweep import sweep, sweep_runs
from tollbook_collector.detect.young import STRICTER, lend
from tollbook_collector.duties import each_alone
from tollbook_collector.store import sql

# Between two rounds; one without a new minute, hour or day costs a query for each tenant.
EVERY_S: Final = 15.0
# Calls come so late that a row is judged only then.
LATE: Final = timedelta(minutes=2)
# Series that are judged together; 200 of 57 days by the hour take some 130 MB.
SERIES_TOGETHER: Final = 200
CALLS_OF_A_HOLE: Final = 0.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Suspect:
    """A stretch of a series with what is known of it."""

    anomaly: Anomaly
    known: Known | None
    size: float
    excess: float


class Finder:
    """Finds anomalies, tier by tier.

    Args:
        store: Returns the store; may raise StoreUnavailable.
        section: Returns what is watched, as the file says now.
        keep: Keeps every anomaly, also those that are part of another.
        reporters: Told of those that are not, and that nobody has called expected or planned.
        clock: The time, UTC.
    """

    def __init__(
        self,
        store: Callable[[], Tables],
        section: Callable[[], DetectSection],
        keep: Callable[[Tables], Reporter],
        reporters: Sequence[Reporter] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._section = section
        self._keep = keep
        self._reporters = reporters
        self._clock = clock
        self._judged_until: dict[tuple[str, str], datetime] = {}
        self.series_left_out = 0

    def run(self) -> None:
        """Look at what came since the last round.

        Raises:
            StoreUnavailable: The store is away; the next round does it all.
            SomeFailed: It failed for some tenants, and the others were looked at.
        """
        if not self._section().enabled:
            return
        now = self._clock()
        store = self._store()
        since = {"since": f"{now - timedelta(days=3):%Y-%m-%d %H:%M:%S}"}
        tenants = [str(row[0]) for row in store.rows(sql.read("queries/series_tenants"), since)]
        each_alone(tenants, self.run_for)

    def run_for(self, tenant: str) -> None:
        """Look at what came of a tenant since the last round; raises as `run`."""
        now, store = self._clock(), self._store()

        def runs() -> None:
            # A run that is out of hand waits for no minute to end.
            self._tell(store, sweep_runs(store, self._section(), tenant, now))

        # What ends one of them must not hide what the others would find.
        steps: dict[str, Callable[[], None]] = {
            "runs": runs,
            **{
                tier.name: partial(self._run_tier, store, tenant, tier, now)
                for tier in (MINUTE, HOUR, DAY)
            },
        }
        each_alone(steps, lambda name: steps[name]())

    def _run_tier(self, store: Tables, tenant: str, tier: TierOf, now: datetime) -> None:
        until = self._due(store, tenant, tier, now)
        if until is None:
            return
        self.look(store, tenant, tier, until)
        if tier is DAY:
            self._tell(store, drifts(store, tenant, until))
            self._tell(store, outcome_drifts(store, tenant, until))
        else:
            self._tell(store, sweep(store, tenant, until, tier is HOUR))
        self._judged_until[tenant, tier.name] = until

    def look(self, store: Tables, tenant: str, tier: TierOf, until: datetime) -> list[Anomaly]:
        """Judge the series of a tenant until a moment, and return and report what is news.

        Args:
            store: Holds the series.
            tenant: Whose.
            tier: How long a row is.
            until: End of the newest row; cut rows only in the minute tier.
        """
        suspects: list[Suspect] = []
        closed: list[Anomaly] = []
        whole: Floats | None = None
        section = self._section()
        combinations: list[tuple[str, ...]] = [(), *section.series]
        screened = self._screen(store, tenant, tier, until, combinations)
        count = sum(n for n, _ in screened.values())
        threshold = opens_at(tier.grid, section.false_alarms_per_week, count)
        threshold += shift(store, section, tenant, reading.day_of(until), count)
        for names in combinations:
            since = reading.day_of(until) - timedelta(days=tier.history_days)
            known = known_anomalies(store, tenant, names, tier, since)
            is_open = [one.number for one in known if one.ended_at is None]
            chosen = sorted({*screened[names][1], *is_open}) if names else []
            if names and not chosen:
                continue
            for first in range(0, max(len(chosen), 1), SERIES_TOGETHER):
                some = chosen[first : first + SERIES_TOGETHER]
                block = reading.read_block(store, tenant, names, tier, until, some)
                if not block.entities:  # of a tenant whose first row has not ended yet
                    continue
                if not names:
                    whole = block.rows[0].copy()
                found, over = self._judge(block, known, tenant, tier, until, threshold, whole)
                suspects += found
                closed += over
        if tier is DAY:
            holds = accepted([one.anomaly.score for one in suspects], count)
            suspects = [one for one, held in zip(suspects, holds, strict=True) if held or one.known]
        return self._report(store, suspects, closed, tier)

    def _tell(self, store: Tables, found: Sequence[Anomaly]) -> None:
        keep = self._keep(store)
        for anomaly in found:
            keep.report(anomaly)
            for reporter in self._reporters:
                reporter.report(anomaly)

    def _screen(
        self,
        store: Tables,
        tenant: str,
        tier: TierOf,
        until: datetime,
        combinations: Sequence[tuple[str, ...]],
    ) -> dict[tuple[str, ...], tuple[int, list[int]]]:
        """Return how many series each combination has, and which of them may be news."""
        day = reading.day_of(until)
        written = reading.profiled(store, tenant, day)
        screened = {}
        for names in combinations:
            if ",".join(names) not in written:
                reading.profile(store, tenant, names, day)
            limit = self._section().series_max
            if tier is DAY:
                numbers = reading.all_series(store, tenant, names, day, limit + 1)
            else:
                numbers = reading.candidates(store, tenant, names, tier, until, limit + 1)
            if len(numbers) > limit:
                self.series_left_out += len(numbers) - limit
                log.warning("more than %d series of %s; the rest is not judged", limit, names)
            count = len(reading.all_series(store, tenant, names, day, limit))
            screened[names] = (count, numbers[:limit])
        return screened

    def _judge(
        self,
        block: Block,
        known: Sequence[Known],
        tenant: str,
        tier: TierOf,
        until: datetime,
        threshold: float,
        whole: Floats | None,
    ) -> tuple[list[Suspect], list[Anomaly]]:
        holes = None if whole is None else whole[REQUESTS] <= CALLS_OF_A_HOLE
        lent = lend(block, block.rows[0] if whole is None else whole, tier.grid.rows_per_day)
        stretches = judge(
            lent.block.rows,
            tier.grid,
            threshold,
            lent.block.first_rows,
            learn=learned_rows(block, known, timedelta(seconds=tier.slot_s)),
            holes=holes,
            is_last_cut=int((until - block.begins_at).total_seconds()) % tier.slot_s != 0,
        )
        gap = timedelta(seconds=tier.slot_s * max(1, tier.grid.rows_per_day // 4))
        suspects: list[Suspect] = []
        seen: set[str] = set()
        for stretch in stretches:
            if (own_from := lent.own_from[stretch.series]) and (
                stretch.first < own_from or stretch.score < STRICTER * threshold
            ):
                continue
            dimensions = block.dimensions(stretch.series)
            times = _times(block, stretch, tier, until)
            same = [
                one
                for one in known
                if one.dimensions == dimensions and one.meets(times[0], times[1], gap)
            ]
            if times[1] < until - tier.judged and not same:
                continue
            seen |= {one.id for one in same}
            anomaly = _anomaly(tenant, tier, dimensions, stretch, times, same[:1])
            usual = _expected_before(known, dimensions, anomaly, same)
            if usual or (same and same[0].ended_at == anomaly.ended_at is not None):
                continue
            size = float(block.rows[stretch.series, SPEND].sum())
            suspects.append(Suspect(anomaly, same[0] if same else None, size, stretch.excess))
        present = {frozenset(block.dimensions(k).items()) for k in range(len(block.entities))}
        over = [
            _closed(tenant, tier, one)
            for one in known
            if one.ended_at is None
            and one.id not in seen
            and frozenset(one.dimensions.items()) in present
        ]
        return suspects, over

    def _report(
        self,
        store: Tables,
        suspects: Sequence[Suspect],
        closed: Sequence[Anomaly],
        tier: TierOf,
    ) -> list[Anomaly]:
        """Keep all, tell the reporters of the roots, and return those."""
        keep = self._keep(store)
        explainer = Explainer(store, tier)
        parts = explained_by(
            [
                Related(
                    one.anomaly.id,
                    one.anomaly.started_at,
                    one.size,
                    one.excess,
                    one.known.explained_by if one.known else None,
                    one.anomaly.channel == "input_growth",
                )
                for one in suspects
            ],
            timedelta(seconds=2 * tier.slot_s),
        )
        parts |= _growth_told(store, suspects, tier)
        told = []
        for suspect in suspects:
            anomaly = suspect.anomaly
            root = parts.get(anomaly.id, "")
            muted = suspect.known is not None and suspect.known.verdict in ("expected", "planned")
            said = {"explained_by": root} if root else {"muted": True} if muted else {}
            anomaly = replace(anomaly, evidence={**anomaly.evidence, **said})
            anomaly = anomaly if root else explainer.explained(anomaly)
            keep.report(anomaly)
            if not said:
                told.append(anomaly)
        for anomaly in closed:
            keep.report(explainer.explained(anomaly))
            told.append(anomaly)
        for anomaly in told:
            for reporter in self._reporters:
                reporter.report(anomaly)
        return told

    def _due(self, store: Tables, tenant: str, tier: TierOf, now: datetime) -> datetime | None:
        """Return until when a tier is to be judged now; None: nothing new is complete."""
        parameters = {
            "tenant": tenant,
            "since": f"{now - timedelta(days=3):%Y-%m-%d %H:%M:%S}",
            "until": f"{now + timedelta(minutes=1):%Y-%m-%d %H:%M:%S}",
        }
        ((newest,),) = store.rows(sql.read("queries/series_newest_minute"), parameters)
        newest_end = newest.replace(tzinfo=UTC) + timedelta(minutes=1)
        step = timedelta(minutes=1) if tier is MINUTE else timedelta(seconds=tier.slot_s)
        # Whole rows are waited for; in the minute tier what came of a row already says enough.
        complete = now if tier is MINUTE else now - LATE
        until = _floor(complete, step)
        if newest_end < until:
            until = _floor(newest_end + step - timedelta(seconds=1), step)
        before = self._judged_until.get((tenant, tier.name))
        return None if before is not None and until <= before else until


def _floor(moment: datetime, step: timedelta) -> datetime:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return moment - (moment.astimezone(UTC) - epoch) % step


def _times(
    block: Block, stretch: Stretch, tier: TierOf, until: datetime
) -> tuple[datetime, datetime]:
    """Return start and end of a stretch."""
    slot = timedelta(seconds=tier.slot_s)
    return (
        block.begins_at + stretch.first * slot,
        min(block.begins_at + (stretch.last + 1) * slot, until),
    )


def _anomaly(
    tenant: str,
    tier: TierOf,
    dimensions: dict[str, str],
    stretch: Stretch,
    times: tuple[datetime, datetime],
    same: Sequence[Known],
) -> Anomaly:
    """Return the anomaly of a stretch, under the name of the known one that it continues."""
    slot = timedelta(seconds=tier.slot_s)
    started_at, ends_at = times
    so_far = Decimal(f"{stretch.excess:.6f}")
    known = same[0] if same else None
    ended_at = None if stretch.goes_on else ends_at
    seen_at = started_at + (stretch.opened - stretch.first + 1) * slot
    return Anomaly(
        tenant=tenant,
        dimensions=dimensions,
        tier=tier.name,  # type: ignore[arg-type]
        channel=known.channel if known else stretch.channel,
        started_at=known.started_at if known else started_at,
        detected_at=known.detected_at if known else min(seen_at, ends_at),
        score=max(stretch.score, known.score if known else 0.0),
        dollars_so_far=so_far,
        dollars_projected=projected(so_far, started_at, ends_at, goes_on=stretch.goes_on),
        explanation="",
        updated_at=ends_at,
        evidence={"expected_calls": round(stretch.expected_calls, 3)},
        ended_at=ended_at,
    )


def _expected_before(
    known: Sequence[Known],
    dimensions: dict[str, str],
    anomaly: Anomaly,
    same: Sequence[Known],
) -> bool:
    """Return whether a person expects this: an earlier one like it comes back."""
    return not same and any(
        one.dimensions == dimensions
        and one.comes_back(anomaly.started_at, float(anomaly.dollars_so_far or 0))
        for one in known
    )


def _growth_told(store: Tables, suspects: Sequence[Suspect], tier: TierOf) -> dict[str, str]:
    """Return for growth that the other of hours and days has told the id under which it did."""
    other = DAY if tier is HOUR else HOUR
    roots = {}
    for suspect in suspects:
        one = suspect.anomaly
        if one.channel != "input_growth" or suspect.known is not None:
            continue
        since = one.started_at - timedelta(days=other.history_days)
        for known in known_anomalies(store, one.tenant, tuple(one.dimensions), other, since):
            if (
                known.channel == one.channel
                and known.dimensions == one.dimensions
                and known.meets(one.started_at, one.updated_at, SLOW_APART)
            ):
                roots[one.id] = known.explained_by or known.id
    return roots


def _closed(tenant: str, tier: TierOf, known: Known) -> Anomaly:
    """Return a known anomaly that is over."""
    return Anomaly(
        tenant=tenant,
        dimensions=known.dimensions,
        tier=tier.name,  # type: ignore[arg-type]
        channel=known.channel,
        started_at=known.started_at,
        detected_at=known.detected_at,
        score=known.score,
        dollars_so_far=None,
        dollars_projected=None,
        explanation="",
        updated_at=known.updated_at,
        ended_at=known.updated_at,
        evidence={"explained_by": known.explained_by} if known.explained_by else {},
    )
