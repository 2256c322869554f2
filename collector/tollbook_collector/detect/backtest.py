"""Replays history: what would have been told, had the detectors run then as they are now.

Each row is judged from the rows before it, by the code that judges live, and what alarms teaches
nothing from then on, as live.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tollbook_collector.detect.anomaly import Anomaly
from tollbook_collector.detect.channels import REQUESTS, SPEND
from tollbook_collector.detect.explain import Explainer
from tollbook_collector.detect.false_discovery import accepted
from tollbook_collector.detect.judge import judge
from tollbook_collector.detect.limits import opens_at
from tollbook_collector.detect.root import Related, explained_by
from tollbook_collector.detect.section import DetectSection
from tollbook_collector.detect.series import DAY, HOUR, Asked, Block, TierOf, day_of, read_block

# Series of one combination that a replay looks at, dearest unknown: by their number.
SERIES_MAX: Final = 500
# So many of the findings, dearest first, are explained in full.
EXPLAINED_MAX: Final = 100


def backtest(
    store: Asked, section: DetectSection, tenant: str, since: datetime, until: datetime
) -> list[Anomaly]:
    """Return what would have been told between two moments, oldest first; nothing is kept.

    Only whole hours and days are replayed: minutes are remembered for too short a time.

    Args:
        store: Holds the series.
        section: Which series, and how many false alarms.
        tenant: Whose.
        since: From when on a finding counts; history before it is learned from.
        until: End of the replay.

    Raises:
        StoreUnavailable, StoreRefused: The store did not answer.
    """
    found: list[Anomaly] = []
    for tier in (HOUR, DAY):
        end = day_of(until) if tier is DAY else until.replace(minute=0, second=0, microsecond=0)
        back = (day_of(end) - day_of(since)).days
        longer = replace(tier, history_days=tier.history_days + back)
        blocks = [
            read_block(store, tenant, names, longer, end, limit=SERIES_MAX)
            for names in ((), *section.series)
        ]
        count = sum(len(block.entities) for block in blocks)
        threshold = opens_at(tier.grid, section.false_alarms_per_week, count)
        holes = blocks[0].rows[0, REQUESTS] <= 0 if len(blocks[0].entities) else None
        replayed = _replayed(store, tenant, longer, blocks, threshold, holes, since, end)
        found += _held(replayed, count) if tier is DAY else replayed
    return sorted(found, key=lambda one: (one.started_at, one.id))


def _replayed(
    store: Asked,
    tenant: str,
    tier: TierOf,
    blocks: Sequence[Block],
    threshold: float,
    holes: NDArray[np.bool_] | None,
    since: datetime,
    until: datetime,
) -> list[Anomaly]:
    slot = timedelta(seconds=tier.slot_s)
    anomalies: list[Anomaly] = []
    related: list[Related] = []
    for block in blocks:
        if not len(block.entities):
            continue
        stretches = judge(block.rows, tier.grid, threshold, block.first_rows, holes=holes)
        for stretch in stretches:
            started_at = block.begins_at + stretch.first * slot
            ends_at = min(block.begins_at + (stretch.last + 1) * slot, until)
            if ends_at <= since:
                continue
            anomaly = Anomaly(
                tenant=tenant,
                dimensions=block.dimensions(stretch.series),
                tier=tier.name,  # type: ignore[arg-type]
                channel=stretch.channel,
                started_at=started_at,
                detected_at=block.begins_at + (stretch.opened + 1) * slot,
                score=stretch.score,
                dollars_so_far=Decimal(f"{stretch.excess:.6f}"),
                dollars_projected=None,
                explanation="",
                updated_at=ends_at,
                ended_at=None if stretch.goes_on else ends_at,
            )
            anomalies.append(anomaly)
            size = float(block.rows[stretch.series, SPEND].sum())
            is_slow = stretch.channel == "input_growth"
            related.append(Related(anomaly.id, started_at, size, stretch.excess, None, is_slow))
    parts = explained_by(related, 2 * slot)
    roots = [one for one in anomalies if one.id not in parts]
    roots.sort(key=lambda one: -abs(one.dollars_so_far or Decimal(0)))
    explainer = Explainer(store, tier)
    return [*(explainer.explained(one) for one in roots[:EXPLAINED_MAX]), *roots[EXPLAINED_MAX:]]


def _held(found: Sequence[Anomaly], count: int) -> list[Anomaly]:
    """Return those of daily findings that hold up among the others of their day."""
    by_day: dict[datetime, list[Anomaly]] = {}
    for one in found:
        by_day.setdefault(one.detected_at, []).append(one)
    return [
        one
        for day in by_day.values()
        for one, holds in zip(day, accepted([of.score for of in day], count), strict=True)
        if holds
    ]
