"""What the pages draw: series of numbers over time, as the script of the pages reads them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tollbook_collector.answer.questions import Period
from tollbook_collector.answer.series import HOUR_S, Series


def spend_chart(series: Series, period: Period, name_of_nothing: str) -> dict[str, Any]:
    """Return spend over time as stacked areas, the dearest value lowest.

    Args:
        series: What was spent; buckets without calls are drawn as zero.
        period: From where to where the axis goes.
        name_of_nothing: What an empty value of the dimension is called.
    """
    start = int(period.since.timestamp()) // series.bucket_s * series.bucket_s
    now = min(period.until, datetime.now(UTC))
    buckets = list(range(start, int(now.timestamp()) + 1, series.bucket_s))
    place = {at: index for index, at in enumerate(buckets)}
    lines: dict[str, list[float]] = {}
    totals: dict[str, Decimal] = {}
    for point in series.points:
        at = place.get(int(point.bucket.replace(tzinfo=UTC).timestamp()))
        if at is None:
            continue
        line = lines.setdefault(point.value, [0.0] * len(buckets))
        # A pixel needs no more digits than a float has; every number in words is the decimal.
        line[at] += float(point.cost_usd)
        totals[point.value] = totals.get(point.value, Decimal(0)) + point.cost_usd
    names = sorted(lines, key=lambda name: (name == "(other)", -totals[name], name))
    return {
        "x": buckets,
        "unit": "usd",
        "bucket_s": series.bucket_s,
        "series": [
            {"label": name or name_of_nothing, "values": lines[name], "other": name == "(other)"}
            for name in names
        ],
    }


def history_chart(
    hours: Sequence[float],
    since: datetime,
    marks: Sequence[tuple[datetime, str]],
    label: str,
) -> dict[str, Any]:
    """Return hourly spend as bars, with instants marked on them.

    Args:
        hours: USD of each hour.
        since: Start of the first one.
        marks: Instants, and the word that stands at each.
        label: What is drawn.
    """
    start = int(since.timestamp()) // HOUR_S * HOUR_S
    return {
        "x": [start + HOUR_S * at for at in range(len(hours))],
        "unit": "usd",
        "bucket_s": HOUR_S,
        "series": [{"label": label, "values": list(hours), "other": False}],
        "marks": [{"x": int(at.timestamp()), "label": word} for at, word in marks],
    }
