"""Bursts in rows of minutes: strange is what passes days that were alike, not what is large."""

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
# An hour of the eleventh day.
AT = slice(10 * DAY + 60, 10 * DAY + 66)
COUNT, AGAIN = SCORED.index("requests_count"), SCORED.index("requests_again")


def quiet(each_day: list[float], at: slice = AT, calls: float = 0.0, seed: int = 3) -> Floats:
    """Return rows of 5 calls, an hour each day with so many times that, and more calls at `at`."""
    generator = np.random.default_rng(seed)
    mean = np.full(DAYS * DAY, 5.0)
    for day, factor in enumerate(each_day[:DAYS]):
        start = day * DAY + int(generator.integers(0, DAY - 6))
        mean[start : start + 6] *= factor
    requests = generator.poisson(mean).astype(float)
    requests[at] += calls
    return priced(requests[None], generator)


def test_a_burst_is_stranger_where_bursts_were_alike_than_where_they_differ() -> None:
    alike = quiet([10.0] * DAYS, calls=200)
    apart = quiet([2.0, 10.0, 3.0, 10.0, 1.0, 8.0, 2.0, 10.0, 1.0, 4.0, 10.0, 2.0], calls=200)

    first, second = (score_history(rows, MINUTES)[0][0, COUNT, AT].max() for rows in (alike, apart))

    assert first > 1.5 * second > 0


def test_a_loop_of_an_hour_opens_an_alarm_where_each_day_has_a_burst() -> None:
    rows = quiet([10.0] * DAYS, calls=500)

    scores, _ = score_history(rows, MINUTES)
    strength = strengths(scores, MINUTES, tails_of(MINUTES))[1][0]

    usual = strength[7 * DAY : AT.start]
    threshold = opens_at(MINUTES, 5.0, 10)
    assert usual.max() < threshold
    assert strength[AT].max() >= threshold


def test_what_comes_back_at_a_quiet_time_and_grows_is_strange_on_its_second_day() -> None:
    rows = quiet([1.0] * DAYS)
    night = np.r_[9 * DAY + 12 : 9 * DAY + 42, 10 * DAY + 12 : 10 * DAY + 42]
    rows[0, REQUESTS, night] += np.repeat([10.0, 25.0], 30)

    again = score_history(rows, MINUTES)[0][0, AGAIN]

    assert again[: 10 * DAY].max() <= 0
    assert again[10 * DAY + 12 : 10 * DAY + 42].max() > 0.5


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
    rows[..., 11 * DAY + 60 : 11 * DAY + 66] = rows[..., AT]
    learn = np.ones((1, DAYS * DAY), dtype=bool)
    learn[0, 10 * DAY : 11 * DAY] = False
    second = slice(11 * DAY + 60, 11 * DAY + 66)

    learned = replay(rows, MINUTES).scores[0, COUNT, second].max()
    left_out = replay(rows, MINUTES, learn).scores[0, COUNT, second].max()

    assert learned < 0.5 < left_out


def test_a_series_that_is_always_alike_or_empty_is_never_strange() -> None:
    rows = np.stack([quiet([1.0] * DAYS)[0], np.zeros((7, DAYS * DAY))])
    rows[0] = rows[0, :, :1]

    scores, _ = score_history(rows, MINUTES)

    assert np.isfinite(scores).all()
    assert scores[:, [COUNT, AGAIN]].max() <= 0
