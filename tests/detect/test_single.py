"""A lone metric: an episode is told at its first row, and only there."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tollbook_collector.detect.grid import Floats
from tollbook_collector.detect.single import single_alarms, single_scores

DAY = 24
WARMUP = 14 * DAY


def metric(days: int = 40, seed: int = 5) -> Floats:
    generator = np.random.default_rng(seed)
    hour = np.arange(days * DAY)
    return 10 + 4 * np.sin(hour % DAY / DAY * 2 * np.pi) + 0.2 * generator.normal(size=len(hour))


def alarms(values: Floats) -> list[int]:
    told = single_alarms(values, single_scores(values, WARMUP, DAY))
    return [int(row) for row in np.flatnonzero(told[WARMUP:]) + WARMUP]


def test_a_spike_above_everything_is_told_once_at_its_first_row() -> None:
    values = metric()
    values[700:706] += 20

    assert [row for row in alarms(values) if 690 <= row < 800] == [700]


def test_a_level_that_is_ordinary_by_day_is_told_at_night() -> None:
    values = metric()
    night = 30 * DAY + 18
    values[night : night + 4] = 12.0

    assert [row for row in alarms(values) if night <= row < night + 4]


def test_a_constant_metric_is_never_told() -> None:
    assert alarms(np.full(40 * DAY, 3.0)) == []


def test_a_metric_shorter_than_a_day_has_scores() -> None:
    assert single_scores(np.array([1.0, 2.0]), 1, DAY).shape == (2,)


def test_the_rows_of_an_incident_outrank_ordinary_rows() -> None:
    values = metric()
    values[700:712] += 6

    scores = single_scores(values, WARMUP, DAY)

    ordinary = np.concatenate([scores[WARMUP:690], scores[730:]])
    assert scores[701:712].min() > np.quantile(ordinary, 0.99)


@settings(max_examples=20, deadline=None)
@given(cut=st.integers(WARMUP, 35 * DAY), seed=st.integers(0, 1000))
def test_what_comes_later_changes_no_score(cut: int, seed: int) -> None:
    values = metric(days=36, seed=seed)

    np.testing.assert_allclose(
        single_scores(values[:cut], WARMUP, DAY),
        single_scores(values, WARMUP, DAY)[:cut],
        rtol=1e-6,
        atol=1e-9,
    )


@settings(max_examples=20, deadline=None)
@given(exponent=st.integers(-8, 8), seed=st.integers(0, 1000))
def test_another_unit_changes_no_score(exponent: int, seed: int) -> None:
    values = metric(days=20, seed=seed)

    np.testing.assert_allclose(
        single_scores(values * 2.0**exponent, WARMUP, DAY),
        single_scores(values, WARMUP, DAY),
        rtol=1e-3,
        atol=1e-6,
    )
