"""Bursts in rows of minutes: strange is what goes on beyond days that were alike, not a spike."""

import numpy as np
from detect.series import REQUESTS, priced

from tollbook_collector.detect.channels import SCORED
from tollbook_collector.detect.combine import strengths
from tollbook_collector.detect.grid import Floats, grid_of
from tollbook_collector.detect.limits import opens_at, tails_of
from tollbook_collector.detect.watch import begin, close_day, replay, score_history, score_rows

DAY = 144
MINUTES = grid_of(DAY)
DAYS = 12
# Two hours of the eleventh day.
ROWS = 12
AT = slice(10 * DAY + 60, 10 * DAY + 60 + ROWS)
HOUR = slice(AT.start, AT.start + 6)
COUNT, AGAIN = SCORED.index("requests_count"), SCORED.index("requests_again")


def quiet(
    each_day: list[float], at: slice = AT, calls: float = 0.0, rows: int = ROWS, seed: int = 3
) -> Floats:
    """Return rows of 5 calls, some of each day with a multiple of that, and more calls at `at`."""
    generator = np.random.default_rng(seed)
    mean = np.full(DAYS * DAY, 5.0)
    for day, factor in enumerate(each_day[:DAYS]):
        start = day * DAY + int(generator.integers(0, DAY - rows))
        mean[start : start + rows] *= factor
    requests = generator.poisson(mean).astype(float)
    requests[at] += calls
    return priced(requests[None], generator)


def test_a_burst_is_stranger_where_bursts_were_alike_than_where_they_differ() -> None:
    alike = quiet([10.0] * DAYS, calls=200)
    apart = quiet([2.0, 10.0, 3.0, 10.0, 1.0, 8.0, 2.0, 10.0, 1.0, 4.0, 10.0, 2.0], calls=200)

    first, second = (score_history(rows, MINUTES)[0][0, COUNT, AT].max() for rows in (alike, apart))

    assert first > 1.5 * second > 0


def test_a_loop_of_an_hour_opens_an_alarm_where_each_day_has_a_burst() -> None:
    rows = quiet([10.0] * DAYS, HOUR, calls=500, rows=6)

    scores, _ = score_history(rows, MINUTES)
    strength = strengths(scores, MINUTES, tails_of(MINUTES))[1][0]

    usual = strength[7 * DAY : AT.start]
    threshold = opens_at(MINUTES, 5.0, 10)
    assert usual.max() < threshold
    assert strength[HOUR].max() >= threshold


def test_a_spike_of_an_hour_is_less_strange_than_the_same_calls_over_two_hours() -> None:
    spike, loop = quiet([10.0] * DAYS, HOUR, calls=400), quiet([10.0] * DAYS, calls=200)

    first, second = (score_history(rows, MINUTES)[0][0, COUNT, AT].max() for rows in (spike, loop))

    assert first <= 0 < second


def test_what_comes_back_at_a_quiet_time_is_strange_on_its_third_day() -> None:
    rows = quiet([1.0] * DAYS)
    nights = [slice(day * DAY + 12, day * DAY + 42) for day in (8, 9, 10)]
    for night in nights:
        rows[0, REQUESTS, night] += 20.0

    again = score_history(rows, MINUTES)[0][0, AGAIN]

    assert again[: nights[2].start].max() <= 0
    assert again[nights[2]].max() > 1


def test_two_nights_and_a_quiet_one_are_no_news() -> None:
    rows = quiet([1.0] * DAYS)
    for day in (8, 9, 11):
        rows[0, REQUESTS, day * DAY + 12 : day * DAY + 42] += 20.0

    again = score_history(rows, MINUTES)[0][0, AGAIN]

    assert again.max() <= 0


def test_one_row_at_a_time_gives_what_all_at_once_gives() -> None:
    rows = quiet([4.0, 9.0] * 6, calls=300)
    at_once, _ = score_history(rows, MINUTES)
    state, seen = begin(1, MINUTES), []

    for day in range(0, rows.shape[-1], DAY):
        for end in (day + 1, day + 7, day + DAY):
            scored = score_rows(state, rows[..., day:end])
            seen.append((end - 1, scored.scores[..., -1]))
        state = close_day(state, rows[..., day : day + DAY], scored)

    for row, last in seen:
        np.testing.assert_allclose(last, at_once[..., row], rtol=1e-9, atol=1e-9)


def test_a_burst_of_an_incident_is_not_what_the_next_is_held_against() -> None:
    rows = quiet([10.0] * DAYS, calls=300)
    rows[..., 11 * DAY + 60 : 11 * DAY + 60 + ROWS] = rows[..., AT]
    learn = np.ones((1, DAYS * DAY), dtype=bool)
    learn[0, 10 * DAY : 11 * DAY] = False
    second = slice(11 * DAY + 60, 11 * DAY + 60 + ROWS)

    learned = replay(rows, MINUTES).scores[0, COUNT, second].max()
    left_out = replay(rows, MINUTES, learn).scores[0, COUNT, second].max()

    assert learned < 0.5 < left_out


def test_a_series_that_is_always_alike_or_empty_is_never_strange() -> None:
    rows = np.stack([quiet([1.0] * DAYS)[0], np.zeros((7, DAYS * DAY))])
    rows[0] = rows[0, :, :1]

    scores, _ = score_history(rows, MINUTES)

    assert np.isfinite(scores).all()
    assert scores[:, [COUNT, AGAIN]].max() <= 0
