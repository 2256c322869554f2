"""Drift of the data themselves: calls without a price, without usage, or with usage that is wrong.

A share of them that grows makes every other number smaller than it is, and looks like a saving.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from tollbook_collector.detect.anomaly import Anomaly
from tollbook_collector.detect.series import Tables
from tollbook_collector.store import sql

WINDOW: Final = timedelta(hours=6)
# A share is news so far above its largest day in 28, with so many such calls.
RISE_MIN: Final = 0.05
CALLS_MIN: Final = 20
SCORE: Final = 3.0
WORDS: Final = {
    "unpriced_share": "have no known price, so their cost is missing",
    "estimated_share": "came without their whole usage",
    "fixed_share": "reported usage that cannot be right",
}


def quality_drift(store: Tables, tenant: str, until: datetime) -> list[Anomaly]:
    """Return an anomaly for each model of which such a share is beyond its largest day.

    Raises:
        StoreUnavailable, StoreRefused: The store did not answer.
    """
    parameters = {
        "tenant": tenant,
        "since": f"{until - WINDOW:%Y-%m-%d %H:%M:%S}",
        "until": f"{until:%Y-%m-%d %H:%M:%S}",
        "rise_min": RISE_MIN,
        "calls_min": CALLS_MIN,
    }
    return [
        Anomaly(
            tenant=tenant,
            dimensions={"model": str(model)},
            tier="hour",
            channel=str(channel),
            started_at=_utc(first_hour),
            detected_at=_utc(first_hour) + timedelta(hours=1),
            score=SCORE,
            dollars_so_far=None,
            dollars_projected=None,
            explanation=(
                f"model {model}: {share:.0%} of calls {WORDS[str(channel)]};"
                f" at most {before:.0%} on a day before"
            ),
            updated_at=_utc(last_hour),
            evidence={"share": round(share, 4), "largest_before": round(before, 4)},
        )
        for model, channel, share, before, first_hour, last_hour in store.rows(
            sql.read("queries/quality_drift"), parameters
        )
    ]


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
