"""Finds drift of what users send along, once a day: scores, and vectors of prompts and answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from tollbook.attributes import ANSWER_EMBEDDING, PROMPT_EMBEDDING
from tollbook_collector.detect.anomaly import Anomaly, drift_of_a_day
from tollbook_collector.detect.categories import word_drift
from tollbook_collector.detect.drift import WINDOWS_MIN, numeric_drift
from tollbook_collector.detect.embeddings import embedding_drift, fit_clusters, topics_of
from tollbook_collector.detect.grid import Floats
from tollbook_collector.detect.series import Asked
from tollbook_collector.store import sql

# A day is held against so many of the days before it.
WINDOWS_MAX: Final = 14
# A day with fewer scores or vectors says nothing.
SCORES_MIN: Final = 50
VECTORS_MIN: Final = 100
# So many stand for a day, and so many names or features are looked at, those with most first.
VALUES_MAX: Final = 1_000
VECTORS_MAX: Final = 200
ENTITIES_MAX: Final = 20
# Scores with so few different values are words: thumbs, stars.
STEPS_MAX: Final = 12
# Scores are spread over this range, so that a hundredth of theirs is a change.
RANGE: Final = 100.0
VECTORS: Final = {"prompts": PROMPT_EMBEDDING, "answers": ANSWER_EMBEDDING}


def outcome_drifts(store: Asked, tenant: str, until: datetime) -> list[Anomaly]:
    """Return the scores and vectors that drifted on the day before a moment.

    Args:
        store: Holds the spans.
        tenant: Whose.
        until: A midnight, UTC.

    Raises:
        StoreUnavailable, StoreRefused: The store did not answer.
    """
    found = []
    for name, values, labels in _scores(store, tenant, until):
        found += _number(tenant, name, values, until) if values else []
        found += _label(tenant, name, labels, until) if labels else []
    for what, attribute in VECTORS.items():
        for feature in _features(store, tenant, attribute, until):
            days = _vectors(store, tenant, attribute, feature, until)
            found += _topics(tenant, what, feature, days, until)
    return found


def _number(tenant: str, name: str, days: Sequence[Floats], until: datetime) -> list[Anomaly]:
    history, current = days[:-1][-WINDOWS_MAX:], days[-1]
    known = np.concatenate(history)
    before, after = float(known.mean()), float(current.mean())
    if len(np.unique(known)) <= STEPS_MAX:
        score = word_drift([_steps(one) for one in history], _steps(current)).score
    else:
        low, width = float(known.min()), float(np.ptp(known))
        spread = [np.maximum((one - low) * RANGE / width, 0.0) for one in (*history, current)]
        score = numeric_drift(spread[:-1], spread[-1]).score
    if score <= 1:
        return []
    text = f"scores of {name} drifted: the mean went from {before:.3g} to {after:.3g}"
    evidence = {"mean_before": round(before, 6), "mean_after": round(after, 6)}
    return [drift_of_a_day(tenant, {"outcome": name}, "drift_score", score, text, until, evidence)]


def _label(
    tenant: str, name: str, days: Sequence[Mapping[str, int]], until: datetime
) -> list[Anomaly]:
    drift = word_drift(days[:-1][-WINDOWS_MAX:], days[-1])
    if drift.score <= 1:
        return []
    text = (
        f"labels of {name} drifted: {drift.largest} went from {drift.before:.0%}"
        f" to {drift.after:.0%}"
    )
    evidence = {"share_before": round(drift.before, 4), "share_after": round(drift.after, 4)}
    return [
        drift_of_a_day(tenant, {"outcome": name}, "drift_label", drift.score, text, until, evidence)
    ]


def _topics(
    tenant: str, what: str, feature: str, days: Sequence[Floats], until: datetime
) -> list[Anomaly]:
    if len(days) <= WINDOWS_MIN:
        return []
    history, current = days[:-1], days[-1]
    clusters = fit_clusters(np.concatenate(history))
    known, now = [topics_of(clusters, one) for one in history], topics_of(clusters, current)
    score = embedding_drift(known, now)
    if score <= 1:
        return []
    of = f" of feature {feature}" if feature else ""
    text = f"{what}{of} are about something that they were not in the {len(history)} days before"
    text += f": {now.far_share:.0%} of them are far from all that is known"
    evidence = {"far_share": round(now.far_share, 4), "vectors": len(current)}
    dimensions = {"feature": feature} if feature else {}
    return [drift_of_a_day(tenant, dimensions, f"drift_{what}", score, text, until, evidence)]


def _scores(
    store: Asked, tenant: str, until: datetime
) -> list[tuple[str, list[Floats], list[dict[str, int]]]]:
    """Return each score with the values of its days and the labels of its days; empty: too few."""
    parameters = {**_days(tenant, until), "values_max": VALUES_MAX, "scores_min": SCORES_MIN}
    by_name: dict[str, dict[Any, tuple[Floats, dict[str, int]]]] = {}
    for name, day, values, labels in store.rows(sql.read("queries/outcome_days"), parameters):
        by_name.setdefault(str(name), {})[day] = (np.asarray(values, dtype=np.float64), labels)
    yesterday = (until - timedelta(days=1)).date()
    found = []
    for name, days in by_name.items():
        if yesterday not in days:
            continue
        values = [one for one, _ in days.values() if len(one) >= SCORES_MIN]
        labels = [one for _, one in days.values() if sum(one.values()) >= SCORES_MIN]
        has_values = len(values) > WINDOWS_MIN and len(days[yesterday][0]) >= SCORES_MIN
        has_labels = len(labels) > WINDOWS_MIN and labels[-1] is days[yesterday][1]
        found.append((name, values if has_values else [], labels if has_labels else []))
    return found[:ENTITIES_MAX]


def _features(store: Asked, tenant: str, attribute: str, until: datetime) -> list[str]:
    """Return the features that sent enough vectors on the last day, those with most first."""
    parameters = {
        "tenant": tenant,
        "attribute": attribute,
        "since": f"{until - timedelta(days=1):%Y-%m-%d %H:%M:%S}",
        "until": f"{until:%Y-%m-%d %H:%M:%S}",
        "vectors_min": VECTORS_MIN,
        "limit": ENTITIES_MAX,
    }
    rows = store.rows(sql.read("queries/embedding_features"), parameters)
    return [str(feature) for (feature,) in rows]


def _vectors(
    store: Asked, tenant: str, attribute: str, feature: str, until: datetime
) -> list[Floats]:
    """Return the vectors of each day with enough of them, all of the newest's length."""
    parameters = {
        **_days(tenant, until),
        "attribute": attribute,
        "feature": feature,
        "sample": VECTORS_MAX,
    }
    rows = store.rows(sql.read("queries/embedding_days"), parameters)
    length = len(rows[-1][1][0]) if rows else 0
    days = [[one for one in vectors if len(one) == length] for _, vectors in rows]
    return [np.asarray(one, dtype=np.float64) for one in days if len(one) >= VECTORS_MIN]


def _steps(values: Floats) -> dict[str, int]:
    steps, counts = np.unique(values, return_counts=True)
    return {f"{step:g}": int(count) for step, count in zip(steps, counts, strict=True)}


def _days(tenant: str, until: datetime) -> dict[str, Any]:
    since = until - timedelta(days=WINDOWS_MAX + 1)
    return {
        "tenant": tenant,
        "since": f"{since:%Y-%m-%d %H:%M:%S}",
        "until": f"{until:%Y-%m-%d %H:%M:%S}",
    }
