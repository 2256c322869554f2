"""Finds drift of behaviour, once a day: yesterday against the weeks before it."""

import math
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from tollbook_collector.detect.anomaly import Anomaly, drift_of_a_day
from tollbook_collector.detect.behaviour import (
    NUMBERS,
    WORDS,
    By,
    Window,
    values_of,
    windows_by_day,
)
from tollbook_collector.detect.categories import same_shares_probability, word_drift
from tollbook_collector.detect.drift import CERTAIN, WINDOWS_MIN, numeric_drift
from tollbook_collector.detect.sequential import ALPHA, ranks, wealth
from tollbook_collector.detect.series import Asked

HISTORY_DAYS: Final = 28
# A day is held against so many of the days before it.
WINDOWS_MAX: Final = 14
# Days that a bet must know before it begins.
BET_AFTER: Final = 7
VALUES_MIN: Final = 100
# Values of a dimension that are looked at, those with most calls first.
ENTITIES_MAX: Final = 50
DIMENSIONS: Final[tuple[By, ...]] = ("model", "feature")
# How providers say that an answer was refused or held back.
REFUSALS: Final = frozenset(
    {
        "refusal",
        "content_filter",
        "content_filtered",
        "guardrail_intervened",
        "safety",
        "prohibited_content",
        "blocklist",
        "recitation",
        "spii",
    }
)
# Refusals are news above this multiple of their largest day, and above this share.
REFUSED_FACTOR: Final = 2.0
REFUSED_MIN: Final = 0.02
UNITS: Final = {
    "latency": "ms",
    "first_chunk": "ms",
    "input_tokens": "tokens",
    "output_tokens": "tokens",
}


def drifts(store: Asked, tenant: str, until: datetime) -> list[Anomaly]:
    """Return what drifted on the day before a moment.

    Args:
        store: Holds the behaviour of calls.
        tenant: Whose.
        until: A midnight, UTC.

    Raises:
        StoreUnavailable, StoreRefused: The store did not answer.
    """
    found = []
    for by in DIMENSIONS:
        since = until - timedelta(days=HISTORY_DAYS)
        days = windows_by_day(store, tenant, by, since, until)
        dearest = sorted(days, key=lambda name: (-sum(one.calls for one in days[name]), name))
        for entity in dearest[:ENTITIES_MAX]:
            windows = days[entity]
            if windows[-1].day != (until - timedelta(days=1)).date():
                continue
            found += _numbers(tenant, {by: entity}, windows, until)
            found += _words(tenant, {by: entity}, windows, until)
            found += _refusals(tenant, {by: entity}, windows, until)
    return found


def _numbers(
    tenant: str, dimensions: dict[str, str], windows: list[Window], until: datetime
) -> list[Anomaly]:
    found = []
    for name in NUMBERS:
        values = [values_of(window.numbers[name]) for window in windows]
        values = [one for one in values if len(one) >= VALUES_MIN]
        if len(values) <= WINDOWS_MIN or not sum(windows[-1].numbers[name].values()):
            continue
        history, current = values[:-1], values[-1]
        drift = numeric_drift(history[-WINDOWS_MAX:], current)
        before, after = float(np.median(np.concatenate(history))), float(np.median(current))
        slow = wealth(ranks([float(np.median(one)) for one in values], BET_AFTER))
        slow = max(slow, wealth(ranks([-float(np.median(one)) for one in values], BET_AFTER)))
        if drift.score <= 1 and slow < 1 / ALPHA:
            continue
        text = f"{name.replace('_', ' ')} of {_who(dimensions)} drifted: the median went from"
        text += f" {before:.0f} to {after:.0f} {UNITS[name]}"
        if drift.score <= 1:
            text += ", a little each day"
        evidence = {
            "median_before": round(before, 2),
            "median_after": round(after, 2),
            "p99_before": round(float(np.quantile(np.concatenate(history), 0.99)), 2),
            "p99_after": round(float(np.quantile(current, 0.99)), 2),
            "probability": drift.probability,
            "bet": round(min(slow, 1e12), 3),
        }
        found.append(
            drift_of_a_day(tenant, dimensions, f"drift_{name}", drift.score, text, until, evidence)
        )
    return found


def _words(
    tenant: str, dimensions: dict[str, str], windows: list[Window], until: datetime
) -> list[Anomaly]:
    found = []
    for name in WORDS:
        counts = [window.words[name] for window in windows if sum(window.words[name].values())]
        if len(counts) <= WINDOWS_MIN or not sum(windows[-1].words[name].values()):
            continue
        drift = word_drift(counts[:-1][-WINDOWS_MAX:], counts[-1])
        if drift.score <= 1:
            continue
        text = (
            f"{name.replace('_', ' ')} of {_who(dimensions)} drifted: {drift.largest} went from"
            f" {drift.before:.0%} to {drift.after:.0%}"
        )
        if drift.unseen:
            text += f"; never seen before: {', '.join(drift.unseen)}"
        evidence = {
            "unseen": list(drift.unseen),
            "share_before": round(drift.before, 4),
            "share_after": round(drift.after, 4),
        }
        found.append(
            drift_of_a_day(tenant, dimensions, f"drift_{name}", drift.score, text, until, evidence)
        )
    return found


def _refusals(
    tenant: str, dimensions: dict[str, str], windows: list[Window], until: datetime
) -> list[Anomaly]:
    """Return a finding if more answers were refused than on any day before, by far."""
    counts = [window.words["finish_reason"] for window in windows][-WINDOWS_MAX - 1 :]
    split = [
        np.array(
            [sum(n for word, n in one.items() if word.lower() in REFUSALS), sum(one.values())],
            float,
        )
        for one in counts
        if sum(one.values())
    ]
    if len(split) <= WINDOWS_MIN or not sum(windows[-1].words["finish_reason"].values()):
        return []
    shares = [float(refused / ended) for refused, ended in split]
    largest, share = max(shares[:-1]), shares[-1]
    before = np.sum(split[:-1], axis=0)
    probability = same_shares_probability(
        np.array([before[0], before[1] - before[0]]),
        np.array([split[-1][0], split[-1][1] - split[-1][0]]),
    )
    certainty = math.log(max(probability, 1e-300)) / math.log(CERTAIN)
    score = min(share / max(REFUSED_FACTOR * largest, REFUSED_MIN), certainty)
    if score <= 1:
        return []
    text = (
        f"refused answers of {_who(dimensions)} rose to {share:.1%};"
        f" at most {largest:.1%} on a day before"
    )
    evidence = {"share": round(share, 4), "largest_before": round(largest, 4)}
    return [drift_of_a_day(tenant, dimensions, "drift_refusals", score, text, until, evidence)]


def _who(dimensions: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in dimensions.items())
