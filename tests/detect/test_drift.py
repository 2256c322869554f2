"""Drift of numbers: what is one, and what is only Tuesday."""

import numpy as np
import pytest

from tollbook_collector.detect.certainty import tail_probability, two_sample_probability
from tollbook_collector.detect.drift import numeric_drift
from tollbook_collector.detect.grid import Floats
from tollbook_collector.detect.mixture import unexplained

WINDOW = 1000


def lengths(generator: np.random.Generator, chats: float, count: int = WINDOW) -> Floats:
    """Return token counts of a mixture: short chats, and long documents."""
    chat = np.exp(generator.normal(5.0, 0.6, count))
    document = np.exp(generator.normal(8.0, 0.4, count))
    return np.round(np.where(generator.random(count) < chats, chat, document))


def week(seed: int) -> tuple[list[Floats], np.random.Generator]:
    """Return seven windows whose share of chats wanders between 0.5 and 0.8."""
    generator = np.random.default_rng(seed)
    return [lengths(generator, share) for share in generator.uniform(0.5, 0.8, 7)], generator


def test_a_mixture_that_wanders_within_its_past_is_no_drift() -> None:
    alarms = 0

    for seed in range(30):
        history, generator = week(seed)
        current = lengths(generator, generator.uniform(0.55, 0.75))
        alarms += numeric_drift(history, current).score > 1

    assert alarms <= 1


def test_prompts_that_grew_by_three_tenths_are_drift() -> None:
    found = 0

    for seed in range(10):
        history, generator = week(seed)
        found += numeric_drift(history, 1.3 * lengths(generator, 0.65)).score > 1

    assert found == 10


def test_one_call_in_twenty_that_is_four_times_as_long_is_drift_of_the_tail() -> None:
    generator = np.random.default_rng(3)
    history = [lengths(generator, chats=1.0) for _ in range(7)]
    current = lengths(generator, chats=1.0)
    current[: WINDOW // 20] *= 4

    drift = numeric_drift(history, current)

    assert drift.score > 1
    assert drift.outside > 0


def test_a_window_too_small_to_be_certain_is_no_drift() -> None:
    history, generator = week(4)

    assert numeric_drift(history, 1.3 * lengths(generator, 0.65, count=12)).score < 1


def test_equal_windows_of_one_value_are_no_drift() -> None:
    history = [np.full(100, 7.0)] * 7

    assert numeric_drift(history, np.full(100, 7.0)).score < 1e-6


def test_the_same_windows_give_the_same_score() -> None:
    history, generator = week(5)
    current = lengths(generator, 0.4, count=300)

    assert numeric_drift(history, current) == numeric_drift(history, current)


def test_too_little_history_is_refused_with_what_is_needed() -> None:
    with pytest.raises(ValueError, match="2 earlier windows and 5 values; drift needs at least 3"):
        numeric_drift([np.ones(5), np.ones(5)], np.ones(5))


def test_a_window_among_its_neighbours_is_explained_by_their_mixture() -> None:
    shares = np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])

    assert unexplained(shares, np.array([0.4, 0.2, 0.4])) < 0.01
    assert unexplained(shares, np.array([0.2, 0.6, 0.2])) > 0.2


def test_probabilities_of_unchanged_samples_are_spread_evenly() -> None:
    generator = np.random.default_rng(0)
    pairs = [(generator.normal(size=700), generator.normal(size=200)) for _ in range(300)]

    shape = np.array([two_sample_probability(*pair) for pair in pairs])
    tail = np.array([tail_probability(*pair) for pair in pairs])

    assert 0.02 <= (shape < 0.05).mean() <= 0.08
    assert (tail < 0.01).mean() <= 0.05
