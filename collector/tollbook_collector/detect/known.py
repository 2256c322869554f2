"""What is known already: the anomalies of a tier, what people said of them, and what they unteach.

Rows inside an anomaly must not become the next expectation, or a leak would be found once and then
be usual. After ACCEPTED_DAYS a new level is taken for what it is, unless a person called it a
fault.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tollbook_collector.detect.series import Block, Tables, TierOf
from tollbook_collector.store import sql

# A change that lasts so long is the new level.
ACCEPTED_DAYS: Final = 14
VERDICTS: Final = ("expected", "planned", "real")
# What was expected once may come back a little larger.
EXPECTED_AGAIN: Final = 1.5


class WrongVerdict(ValueError):
    """A verdict is not one of VERDICTS."""


@dataclass(frozen=True)
class Known:
    """An anomaly that was reported before.

    Attributes:
        id: Of the anomaly.
        dimensions: The series.
        channel: What went wrong.
        started_at: UTC.
        detected_at: UTC.
        updated_at: Start of the newest row that it was seen in, UTC.
        ended_at: UTC; None: it goes on.
        score: Decades of rarity.
        excess: Dollars beyond what was expected.
        explained_by: Id of the anomaly that it is a part of; empty: none.
        verdict: One of VERDICTS; empty: nobody said anything.
        number: Of the series, as the screen counts them.
    """

    id: str
    dimensions: Mapping[str, str]
    channel: str
    started_at: datetime
    detected_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    score: float
    excess: float
    explained_by: str
    verdict: str
    number: int

    def meets(self, begins_at: datetime, ends_at: datetime, gap: timedelta) -> bool:
        """Return whether it and a stretch of time are one: they overlap or nearly do."""
        return self.started_at <= ends_at + gap and self._ends_at >= begins_at - gap

    def comes_back(self, begins_at: datetime, excess: float) -> bool:
        """Return whether an expected one explains another: a weekly or monthly occasion."""
        if self.verdict != "expected" or abs(excess) > EXPECTED_AGAIN * abs(self.excess):
            return False
        apart = (begins_at - self.started_at) % timedelta(days=7)
        weekly = min(apart, timedelta(days=7) - apart) <= timedelta(hours=2)
        return weekly or _days_to_month_end(begins_at) == _days_to_month_end(self.started_at)

    @property
    def _ends_at(self) -> datetime:
        return self.ended_at or self.updated_at


def known_anomalies(
    store: Tables, tenant: str, names: tuple[str, ...], tier: TierOf, since: datetime
) -> list[Known]:
    """Return the anomalies of a tier's series of some dimensions, oldest first."""
    first, second, third = (*names, "", "", "")[:3]
    parameters = {
        "tenant": tenant,
        "tier": tier.name,
        "first": first,
        "second": second,
        "third": third,
        "since": since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
    }
    return [
        Known(
            id=str(number_id),
            dimensions=dict(series),
            channel=str(channel),
            started_at=_utc(started),
            detected_at=_utc(detected),
            updated_at=_utc(updated),
            ended_at=None if ended is None else _utc(ended),
            score=float(score),
            excess=float(excess),
            explained_by=str(explained_by),
            verdict=str(verdict),
            number=int(number),
        )
        for (
            number_id,
            series,
            _,
            channel,
            started,
            detected,
            updated,
            ended,
            score,
            excess,
            explained_by,
            verdict,
            number,
        ) in store.rows(sql.read("queries/anomalies_known"), parameters)
    ]


def learned_rows(block: Block, known: Sequence[Known], slot: timedelta) -> NDArray[np.bool_]:
    """Return which rows of which series teach, shape (series, rows); a row lasts a slot."""
    learn = np.ones((len(block.entities), block.rows.shape[-1]), dtype=bool)
    at = {frozenset(block.dimensions(k).items()): k for k in range(len(block.entities))}
    for one in known:
        series = at.get(frozenset(one.dimensions.items()))
        if series is None or one.verdict == "expected":
            continue
        ends_at = one.ended_at or one.updated_at
        if one.verdict != "real":
            ends_at = min(ends_at, one.started_at + timedelta(days=ACCEPTED_DAYS))
        # What began before it was seen has taught already.
        first = (max(one.started_at, one.detected_at - slot) - block.begins_at) // slot
        last = (ends_at - timedelta(seconds=1) - block.begins_at) // slot
        learn[series, max(0, first) : max(0, last + 1)] = False
    return learn


def give_feedback(
    store: Tables, tenant: str, anomaly_id: str, verdict: str, author: str = "", note: str = ""
) -> None:
    """Keep what a person says of an anomaly; it holds from the next round on.

    Args:
        store: Where to.
        tenant: Whose anomaly.
        anomaly_id: Its id.
        verdict: expected (usual from now on, also when it comes back), planned (meant, once: never
            learned from) or real (a fault: never learned from, however long it lasts).
        author: Who says so.
        note: Why.

    Raises:
        WrongVerdict: The verdict is none of these.
    """
    if verdict not in VERDICTS:
        raise WrongVerdict(f"{verdict!r} is not a verdict; {', '.join(VERDICTS)} are")
    columns = ("tenant", "anomaly_id", "verdict", "author", "note", "given_at")
    row = [tenant, anomaly_id, verdict, author, note, datetime.now(UTC)]
    store.insert("anomaly_feedback", columns, [row])


def _days_to_month_end(moment: datetime) -> int:
    following = (moment.replace(day=1) + timedelta(days=32)).replace(day=1)
    return (following.date() - moment.date()).days


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
