"""Drift of what users send along: scores, refusals, and vectors of prompts."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
from detect.stored import NOW
from otlp_requests import Span

import tollbook.testing
from tollbook.attributes import (
    EVALUATION_NAME,
    EVALUATION_SCORE_LABEL,
    EVALUATION_SCORE_VALUE,
    PROMPT_EMBEDDING,
)
from tollbook_collector.detect.outcome_drift import outcome_drifts
from tollbook_collector.detect.series import day_of
from tollbook_collector.store.client import ClickHouse

MIDNIGHT = day_of(NOW)
DAYS = 10
Insert = Callable[..., None]


def spans_of_day(back: int, attributes: list[dict[str, object]]) -> list[Span]:
    # The same ids each time: they order the vectors, and a window in twenty drifts by chance.
    at = MIDNIGHT - timedelta(days=back) + timedelta(hours=9)
    return [
        Span(
            one,
            at=at + timedelta(seconds=k),
            name="step",
            trace_id=(1000 * back + k).to_bytes(16, "big"),
            span_id=(k + 1).to_bytes(8, "big"),
        )
        for k, one in enumerate(attributes)
    ]


def scores(mean: float, random: np.random.Generator) -> list[dict[str, object]]:
    values = np.clip(random.normal(mean, 0.1, 120), 0, 1)
    return [
        {
            EVALUATION_NAME: "answer-quality",
            EVALUATION_SCORE_VALUE: float(value),
            EVALUATION_SCORE_LABEL: "good" if value > 0.5 else "bad",
        }
        for value in values
    ]


def vectors(topics: list[int], random: np.random.Generator) -> list[dict[str, object]]:
    return [
        {
            PROMPT_EMBEDDING: [
                round(float(x), 4) for x in random.normal(0, 0.1, 8) + 3 * (np.arange(8) == topic)
            ],
            "tollbook.tags.feature": "question",
        }
        for topic in topics
    ]


def test_scores_that_fell_are_told_with_their_means(
    priced: ClickHouse, insert: Insert, tenant: str
) -> None:
    random = np.random.default_rng(7)
    days = [
        spans_of_day(back, scores(0.8 if back > 1 else 0.5, random)) for back in range(DAYS, 0, -1)
    ]
    insert(priced, [span for day in days for span in day])

    found = {one.channel: one for one in outcome_drifts(priced, tenant, MIDNIGHT)}
    day_before = outcome_drifts(priced, tenant, MIDNIGHT - timedelta(days=1))

    assert set(found) == {"drift_score", "drift_label"}
    assert found["drift_score"].dimensions == {"outcome": "answer-quality"}
    assert found["drift_score"].evidence["mean_after"] < 0.6
    assert day_before == []


def sent_by_the_sdk(spans: list[dict[str, object]]) -> list[dict[str, object]]:
    """The attributes of these vectors on the spans that the SDK makes of them."""
    with tollbook.testing.captured() as calls:
        for one in spans:
            with tollbook.tags(feature=one["tollbook.tags.feature"]):
                tollbook.embedding(prompt=one[PROMPT_EMBEDDING])  # type: ignore[arg-type]
        steps = calls.steps
    return [
        {
            **{name: list(vector) for name, vector in step.attributes.items()},  # type: ignore[call-overload]
            "tollbook.tags.feature": step.tags["feature"],
        }
        for step in steps
    ]


def test_prompts_about_something_new_are_told_by_the_vectors_that_users_send(
    priced: ClickHouse, insert: Insert, tenant: str
) -> None:
    random = np.random.default_rng(7)
    usual = [k % 4 for k in range(120)]
    days = [spans_of_day(back, vectors(usual, random)) for back in range(DAYS, 1, -1)]
    days.append(spans_of_day(1, sent_by_the_sdk(vectors([*usual[:100], *[5] * 20], random))))
    insert(priced, [span for day in days for span in day])

    (found,) = outcome_drifts(priced, tenant, MIDNIGHT)
    day_before = outcome_drifts(priced, tenant, MIDNIGHT - timedelta(days=1))

    assert (found.channel, found.dimensions) == ("drift_prompts", {"feature": "question"})
    assert found.evidence["far_share"] > 0.1
    assert day_before == []
