"""The strength at which a tenant's alarms open, by its own last weeks.

The limits that come with the product say how rare a strength is among series of others. A tenant
whose series are wilder would be told too often, one whose series are calm too little. So a sample
of its own series is replayed once a day, and the opening strength is moved to where they would have
kept to its false-alarm budget; the fewer there are, the less it moves.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from tollbook_collector.detect import series as reading
from tollbook_collector.detect.channels import REQUESTS
from tollbook_collector.detect.judge import judge
from tollbook_collector.detect.known import known_anomalies, learned_rows
from tollbook_collector.detect.limits import TIERS, opens_at
from tollbook_collector.detect.section import DetectSection
from tollbook_collector.detect.series import HOUR, Tables
from tollbook_collector.detect.watch import DAYS_MIN
from tollbook_collector.store import sql

# Series of one combination that are replayed: half a second for 24.
SAMPLE_MAX: Final = 24
# Below it a replay collects no alarms, so nothing opens there.
OPENS_MIN: Final = 2.6
# A tenant's own weeks may move the strength so far.
SHIFT_MAX: Final = 1.2
# So many series-weeks of a tenant's own count as much as what comes with the product.
PRIOR_WEEKS: Final = 100.0
TABLE: Final = "alarm_shifts"
COLUMNS: Final = ("tenant", "built_on", "shift", "series", "series_weeks", "alarms")


def shift_of(peaks: Sequence[float], usual: float, allowed: float, series_weeks: float) -> float:
    """Return by how much the strength at which alarms open is moved.

    Args:
        peaks: Strongest moment of each alarm that a replay at OPENS_MIN raised.
        usual: The strength by the limits that come with the product.
        allowed: Alarms that the replay may have raised.
        series_weeks: What was replayed.

    >>> shift_of([9.0, 4.5, 4.4, 4.3, 2.7], usual=3.0, allowed=2.0, series_weeks=300.0)
    0.9
    >>> shift_of([], usual=3.0, allowed=2.0, series_weeks=100.0)
    -0.2
    """
    beyond = sorted(peaks, reverse=True)[int(allowed) :]
    own = beyond[0] if beyond else OPENS_MIN
    trusted = series_weeks / (series_weeks + PRIOR_WEEKS)
    return round(trusted * min(max(own - usual, -SHIFT_MAX), SHIFT_MAX), 6)


def shift(store: Tables, section: DetectSection, tenant: str, day: datetime, count: int) -> float:
    """Return the shift of a day, which is worked out once and then kept.

    Args:
        store: Holds the series.
        section: Which series, and the budget.
        tenant: Whose.
        day: A midnight, UTC; what was before it is replayed.
        count: Series of the tenant.

    Raises:
        StoreUnavailable, StoreRefused: The store did not answer.
    """
    asked = {"tenant": tenant, "day": f"{day:%Y-%m-%d}"}
    for (kept,) in store.rows(sql.read("queries/alarm_shift"), asked):
        return float(kept)
    peaks, series, weeks = _replayed(store, section, tenant, day)
    usual = opens_at(HOUR.grid, section.false_alarms_per_week, count)
    # Of the budget, what falls to one tier and to the sample.
    per_week = section.false_alarms_per_week / TIERS / max(count, 1)
    made = shift_of(peaks, usual, per_week * weeks, weeks)
    store.insert(TABLE, COLUMNS, [[tenant, day.date(), made, series, weeks, len(peaks)]])
    return made


def _replayed(
    store: Tables, section: DetectSection, tenant: str, day: datetime
) -> tuple[list[float], int, float]:
    """Return the peaks of all alarms of a sample, how many series it has, and their weeks."""
    peaks: list[float] = []
    series, weeks = 0, 0.0
    since = day - timedelta(days=HOUR.history_days)
    for names in ((), *section.series):
        # Numbers are hashes, so the first of them are a sample.
        some = reading.all_series(store, tenant, names, day, SAMPLE_MAX) if names else []
        if names and not some:
            continue
        block = reading.read_block(store, tenant, names, HOUR, day, some)
        if not len(block.entities):
            continue
        known = known_anomalies(store, tenant, names, HOUR, since)
        faults = [one for one in known if one.verdict in ("real", "planned")]
        learn = learned_rows(block, known, timedelta(hours=1))
        holes = block.rows[0, REQUESTS] <= 0 if not names else None
        for one in judge(
            block.rows, HOUR.grid, OPENS_MIN, block.first_rows, learn=learn, holes=holes
        ):
            begins_at = block.begins_at + timedelta(hours=one.first)
            if not any(
                fault.dimensions == block.dimensions(one.series)
                and fault.meets(begins_at, begins_at + timedelta(hours=1), timedelta(hours=6))
                for fault in faults
            ):
                peaks.append(one.score)
        rows = sum(block.rows.shape[-1] - first for first in block.first_rows)
        series += len(block.entities)
        weeks += max(0.0, rows / 24 / 7 - len(block.entities) * DAYS_MIN / 7)
    return peaks, series, weeks
