"""Cost anomalies: what the detector says of seeded traffic, and what it must never do."""

import numpy as np
import pytest
from detect.series import (
    DAY,
    ERRORS,
    REQUESTS,
    SPEND,
    TOKENS_CACHED,
    priced,
    scaled_calls,
    traffic,
    with_extra_calls,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tollbook_collector.detect.channels import COLUMNS, SCORED, TOKENS_OUTPUT
from tollbook_collector.detect.combine import strengths
from tollbook_collector.detect.grid import Floats, grid_of
from tollbook_collector.detect.hysteresis import alarms
from tollbook_collector.detect.limits import CLOSES_AT, OPENS_AT, tails_of
from tollbook_collector.detect.watch import begin, close_day, replay, score_history, score_rows

HOURLY = grid_of(DAY)
# The fifth week begins here: everything is known of each hour of the week.
JUDGED = 28 * DAY


def scores_of(rows: Floats) -> Floats:
    return score_history(rows, HOURLY)[0]


def alarm_rows(rows: Floats, series: int = 0) -> list[int]:
    strength = strengths(scores_of(rows), HOURLY, tails_of(HOURLY))[1]
    return [int(x) for x in np.flatnonzero(alarms(strength, OPENS_AT, CLOSES_AT)[series])]


def strongest_at(rows: Floats, row: int) -> str:
    return SCORED[int(strengths(scores_of(rows), HOURLY, tails_of(HOURLY))[0][0, :, row].argmax())]


def test_ordinary_traffic_raises_no_alarm() -> None:
    rows = traffic(days=56, series=4)

    strength = strengths(scores_of(rows), HOURLY, tails_of(HOURLY))[1]

    assert not alarms(strength, OPENS_AT, CLOSES_AT).any()


def test_a_runaway_loop_is_found_in_its_first_hour() -> None:
    start = JUDGED + 3 * DAY + 11
    rows = with_extra_calls(traffic(), slice(start, start + 4), 4000)

    found = alarm_rows(rows)

    assert found[0] == start
    assert set(range(start, start + 4)) <= set(found)


def test_a_key_that_leaked_is_found_at_night_though_days_are_busier() -> None:
    night = JUDGED + 2 * DAY + 23
    rows = traffic()
    usual_top = rows[0, REQUESTS, :JUDGED].max()
    leaked = rows
    for repeated in range(3):
        hours = slice(night + repeated * DAY, night + repeated * DAY + 5)
        leaked = with_extra_calls(leaked, hours, 120)

    found = alarm_rows(leaked)

    assert leaked[0, REQUESTS, night : night + 5].max() < usual_top
    assert found
    assert night <= found[0] < night + DAY + 5


def test_a_drop_to_zero_is_found_within_three_hours() -> None:
    start = JUDGED + 4 * DAY + 10
    rows = scaled_calls(traffic(), slice(start, start + 10), 0.0)

    found = alarm_rows(rows)

    assert start <= found[0] <= start + 2
    assert strongest_at(rows, found[0]) in {"gap", "silence", "requests_missing"}


def test_a_bursty_series_that_never_paused_is_missed_after_hours_of_silence() -> None:
    generator = np.random.default_rng(3)
    bursts = generator.poisson(60 * generator.gamma(0.5, 2.0, 42 * DAY) + 12)[None].astype(float)
    start = JUDGED + 4 * DAY + 10
    rows = scaled_calls(priced(bursts, generator), slice(start, start + 8), 0.0)

    found = alarm_rows(rows)

    assert start <= found[0] < start + 6
    assert strongest_at(rows, found[0]) == "silence"


def test_a_series_that_is_used_by_day_only_is_not_missed_at_night() -> None:
    rows = traffic(days=56)
    hours = np.arange(rows.shape[-1])
    rows[..., (hours % DAY < 8) | (hours % DAY >= 17) | (hours // DAY % 7 >= 5)] = 0.0

    assert [row for row in alarm_rows(rows) if row >= JUDGED] == []
    assert scores_of(rows)[0, SCORED.index("silence")].max() == 0.0


def test_a_job_that_runs_each_week_raises_no_alarm_in_its_fifth_week() -> None:
    rows = traffic(days=56)
    for monday in range(0, 56 * DAY, 7 * DAY):
        rows = with_extra_calls(rows, slice(monday + 3, monday + 5), 900)

    found = alarm_rows(rows)

    assert [row for row in found if row >= JUDGED] == []


def test_a_launch_that_climbs_a_tenth_a_day_is_accepted() -> None:
    rows = traffic(days=56)
    days = np.maximum(0, np.arange(56 * DAY) - JUDGED) / DAY
    growth = 1 + 0.9 / (1 + np.exp(-(days - 7) / 2)) - 0.9 / (1 + np.exp(3.5))
    rows = rows * np.where(np.arange(56 * DAY) >= JUDGED, growth, 1.0)

    assert alarm_rows(rows) == []


@pytest.mark.parametrize(
    ("column", "factor", "channel"),
    [
        (SPEND, 1.4, "price"),
        (TOKENS_CACHED, 0.05, "cache_share"),
        (ERRORS, 40.0, "error_share"),
    ],
    ids=["price", "cache", "errors"],
)
def test_a_change_of_one_ratio_is_named_by_its_channel(
    column: int, factor: float, channel: str
) -> None:
    start = JUDGED + 3 * DAY + 12
    rows = traffic()
    rows[:, column, start : start + DAY] *= factor

    found = alarm_rows(rows)

    assert start <= found[0] <= start + 2
    assert strongest_at(rows, found[0]) == channel


def test_what_a_ratio_says_all_day_counts_for_more_than_what_it_says_once() -> None:
    ratio = SCORED.index("input_per_request")
    tail = tails_of(HOURLY)[ratio]
    once, all_day = np.zeros((2, 1, len(SCORED), 2 * DAY))
    once[0, ratio, -1] = all_day[0, ratio, -DAY:] = tail.common

    (_, of_once), (_, of_all_day) = (
        strengths(scores, HOURLY, tails_of(HOURLY)) for scores in (once, all_day)
    )

    assert of_all_day[0, -1] > of_once[0, -1] + 0.25


def test_calls_that_never_have_output_are_no_news_of_input_per_output() -> None:
    rows = traffic()
    rows[:, TOKENS_OUTPUT] = 0.0
    start = JUDGED + 3 * DAY
    grown = scaled_calls(rows, slice(start, None), 1.3)

    scores = scores_of(grown)[0, SCORED.index("input_per_output")]

    assert scores.max() <= 0.0


def test_a_constant_series_never_alarms() -> None:
    rows = np.ones((1, len(COLUMNS), 50 * DAY)) * np.array([2, 9, 900, 90, 90, 0, 2.0])[:, None]

    assert alarm_rows(rows) == []


def test_a_series_without_a_call_never_alarms() -> None:
    rows = np.zeros((1, len(COLUMNS), 40 * DAY))

    assert np.all(scores_of(rows) <= 0)


def test_a_series_is_not_judged_before_each_weekday_was_seen() -> None:
    rows = with_extra_calls(traffic(days=8), slice(6 * DAY, 6 * DAY + 5), 50_000)

    assert np.all(scores_of(rows)[..., : 7 * DAY] == 0)


def test_one_row_at_a_time_gives_what_all_at_once_gives() -> None:
    rows = with_extra_calls(traffic(days=31, series=2), slice(29 * DAY + 3, 29 * DAY + 6), 900)
    whole = scores_of(rows)
    state = begin(2, HOURLY)
    single = np.zeros_like(whole)

    for row in range(rows.shape[-1]):
        midnight = row - row % DAY
        scored = score_rows(state, rows[..., midnight : row + 1])
        single[..., row] = scored.scores[..., -1]
        if row % DAY == DAY - 1:
            state = close_day(state, rows[..., midnight : row + 1], scored)

    np.testing.assert_allclose(single, whole, rtol=1e-9, atol=1e-9)


def test_a_series_is_scored_alike_alone_and_among_others() -> None:
    rows = traffic(days=32, series=3)

    np.testing.assert_allclose(scores_of(rows)[1], scores_of(rows[1:2])[0], rtol=1e-12)


@settings(max_examples=8, deadline=None)
@given(cut=st.integers(29 * DAY, 33 * DAY - 1), seed=st.integers(0, 1000))
def test_what_comes_later_changes_no_score(cut: int, seed: int) -> None:
    rows = traffic(days=33, seed=seed)
    changed = rows.copy()
    changed[..., cut:] *= 17.0

    np.testing.assert_array_equal(scores_of(changed)[..., :cut], scores_of(rows)[..., :cut])


@settings(max_examples=8, deadline=None)
@given(exponent=st.integers(-6, 6), seed=st.integers(0, 1000))
def test_another_currency_changes_no_score(exponent: int, seed: int) -> None:
    rows = traffic(days=31, seed=seed)
    other = rows.copy()
    other[:, [SPEND, COLUMNS.index("list_cost")]] *= 2.0**exponent

    np.testing.assert_allclose(scores_of(other), scores_of(rows), rtol=1e-6, atol=1e-6)


def test_the_same_rows_give_the_same_scores() -> None:
    rows = traffic(days=30)

    np.testing.assert_array_equal(scores_of(rows), scores_of(rows.copy()))


def test_rows_of_an_incident_are_not_learned_and_raise_a_record_threefold_at_most() -> None:
    rows = traffic(days=30)
    burst = with_extra_calls(rows, slice(29 * DAY + 12, 29 * DAY + 18), 9000)
    _, state = score_history(burst[..., : 29 * DAY], HOURLY)
    today = burst[..., 29 * DAY :]
    scored = score_rows(state, today)
    teaches = np.ones((1, DAY), dtype=bool)
    teaches[:, 12:18] = False

    learned = close_day(state, today, scored)
    spared = close_day(state, today, scored, learn=teaches)

    before = state.records[0, 0, 0].max()
    assert learned.records[0, 0, 0].max() > 2 * before
    assert before < spared.records[0, 0, 0].max() <= 3 * max(before, 1.0)
    assert np.isnan(spared.past[0, REQUESTS, -DAY:]).tolist() == (~teaches[0]).tolist()


def test_a_loop_that_comes_back_is_found_again() -> None:
    first = JUDGED + 3 * DAY + 11
    again = first + 4 * DAY
    rows = with_extra_calls(traffic(), slice(first, first + 4), 4000)
    rows = with_extra_calls(rows, slice(again, again + 4), 2000)
    teaches = np.ones((1, rows.shape[-1]), dtype=bool)
    teaches[:, first : first + 4] = False

    scores = replay(rows, HOURLY, teaches).scores

    strength = strengths(scores, HOURLY, tails_of(HOURLY))[1]
    assert alarms(strength, OPENS_AT, CLOSES_AT)[0, again]


def test_rows_that_do_not_fit_are_refused() -> None:
    state = begin(2, HOURLY)

    with pytest.raises(ValueError, match="2 series of 7 columns with 1 to 24 rows are needed"):
        score_rows(state, np.zeros((3, 7, 24)))
    with pytest.raises(ValueError, match="a day has 24 rows and not 5"):
        close_day(state, np.zeros((2, 7, 5)), score_rows(state, np.zeros((2, 7, 5))))
