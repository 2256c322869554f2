"""Drift of a word: why answers ended, which model answered, which tools were used."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tollbook_collector.detect.drift import CERTAIN, LIMIT, UNEXPLAINED_MIN, WINDOWS_MIN
from tollbook_collector.detect.mixture import mixture_record, unexplained

# A word that no earlier window had is news from this share of the window on.
UNSEEN_SHARE_MIN: Final = 0.02


@dataclass(frozen=True)
class WordDrift:
    """How a window's words compare with those of the windows before it.

    Attributes:
        score: Above 1 is drift.
        unseen: Words that no earlier window had, with at least UNSEEN_SHARE_MIN of the window.
        largest: The word whose share changed most.
        before: Its share before.
        after: Its share now.
    """

    score: float
    unseen: tuple[str, ...]
    largest: str
    before: float
    after: float


def word_drift(history: Sequence[Mapping[str, int]], current: Mapping[str, int]) -> WordDrift:
    """Return how the words of a window compare with those of earlier windows.

    Args:
        history: Counts by word of at least `WINDOWS_MIN` earlier windows, none empty.
        current: Of the window to judge, not empty.

    Raises:
        ValueError: There are too few windows, or one is empty.

    >>> usual = [{"stop": 90, "length": 10}, {"stop": 88, "length": 12}, {"stop": 91, "length": 9}]
    >>> word_drift(usual, {"stop": 89, "length": 11}).score < 1
    True
    >>> word_drift(usual, {"stop": 60, "content_filter": 40}).unseen
    ('content_filter',)
    """
    if len(history) < WINDOWS_MIN or not sum(current.values()):
        raise ValueError(f"{len(history)} earlier windows; drift needs at least {WINDOWS_MIN}")
    names = sorted({*current, *(name for window in history for name in window)})
    table = np.array([[window.get(name, 0) for name in names] for window in history], dtype=float)
    if not table.sum(1).all():
        raise ValueError("an earlier window is empty")
    now = np.array([current.get(name, 0) for name in names], dtype=float)
    shares, share = table / table.sum(1, keepdims=True), now / now.sum()
    left = unexplained(shares, share) / max(mixture_record(shares), UNEXPLAINED_MIN)
    certainty = math.log(max(same_shares_probability(table.sum(0), now), 1e-300)) / math.log(
        CERTAIN
    )
    unseen = tuple(
        name
        for name, before, after in zip(names, table.sum(0), share, strict=True)
        if before == 0 and after >= UNSEEN_SHARE_MIN
    )
    mean = shares.mean(0)
    most = int(np.abs(share - mean).argmax())
    score = min(left / LIMIT, certainty)
    return WordDrift(
        max(score, min(2.0, certainty)) if unseen else score,
        unseen,
        names[most],
        float(mean[most]),
        float(share[most]),
    )


def same_shares_probability(before: np.ndarray, now: np.ndarray) -> float:
    """Return the p-value of the chi-squared test that two counts have the same shares."""
    from scipy.stats import chi2  # type: ignore[import-untyped,unused-ignore]

    table = np.stack([before, now])[:, (before + now) > 0]
    if table.shape[1] < 2:
        return 1.0
    expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    return float(chi2.sf(((table - expected) ** 2 / expected).sum(), table.shape[1] - 1))
