"""Behaviour by day: how long, how fast, how calls ended, as windows in which drift shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, Literal

import numpy as np

from tollbook_collector.detect.grid import Floats
from tollbook_collector.detect.series import Asked
from tollbook_collector.store import sql

By = Literal["service", "model", "team", "feature"]
NUMBERS: Final = ("latency", "first_chunk", "input_tokens", "output_tokens")
WORDS: Final = ("finish_reason", "response_model", "tool")
# A day with fewer calls says nothing about how calls behave.
CALLS_MIN: Final = 100
ROWS_MAX: Final = 20_000
# Bins are fifths of a doubling; see the function tollbook_bin in SQL.
BINS_A_DOUBLING: Final = 5
# So many values stand for a window, however many calls it had.
VALUES_MAX: Final = 2_000


@dataclass(frozen=True)
class Window:
    """A stretch of calls.

    Attributes:
        day: Its first day.
        calls: Model calls.
        numbers: For each of NUMBERS, calls by bin.
        words: For each of WORDS, calls by word.
    """

    day: date
    calls: int
    numbers: Mapping[str, Mapping[int, int]]
    words: Mapping[str, Mapping[str, int]]


def windows_by_day(
    store: Asked,
    tenant: str,
    by: By,
    since: datetime,
    until: datetime,
    calls_min: int = CALLS_MIN,
) -> dict[str, list[Window]]:
    """Return the days of each value of a dimension, in order.

    Raises:
        StoreUnavailable, StoreRefused: The store did not answer.
    """
    parameters = {
        "tenant": tenant,
        "by": by,
        "since": since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "until": until.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "calls_min": calls_min,
        "limit": ROWS_MAX,
    }
    days: dict[str, list[Window]] = {}
    for entity, day, calls, *maps in store.rows(sql.read("queries/behaviour_days"), parameters):
        numbers = dict(zip(NUMBERS, maps[: len(NUMBERS)], strict=True))
        words = dict(zip(WORDS, maps[len(NUMBERS) :], strict=True))
        days.setdefault(str(entity), []).append(Window(day, int(calls), numbers, words))
    return days


def pooled(windows: Sequence[Window]) -> Window:
    """Return several windows, at least one, as one."""
    return Window(
        windows[0].day,
        sum(window.calls for window in windows),
        {name: _sums([window.numbers[name] for window in windows]) for name in NUMBERS},
        {name: _sums([window.words[name] for window in windows]) for name in WORDS},
    )


def values_of(bins: Mapping[int, int]) -> Floats:
    """Return values that have the histogram, at most about VALUES_MAX, spread within their bins.

    >>> values_of({0: 1, 10: 2}).round(2).tolist()
    [1.07, 4.14, 4.44]
    """
    total = sum(bins.values())
    share = min(1.0, VALUES_MAX / max(total, 1))
    parts = []
    for number in sorted(bins):
        count = max(1, round(bins[number] * share)) if bins[number] else 0
        within = (np.arange(count) + 0.5) / max(count, 1)
        parts.append(2.0 ** ((number + within) / BINS_A_DOUBLING))
    return np.concatenate(parts) if parts else np.zeros(0)


def _sums(maps: Sequence[Mapping[Any, int]]) -> dict[Any, int]:
    together: dict[Any, int] = {}
    for one in maps:
        for name, count in one.items():
            together[name] = together.get(name, 0) + int(count)
    return together
