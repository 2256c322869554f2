"""Scores the newest rows of many series: the state of the closed days in, scores of today out.

Today's rows are scored again from the state at its beginning each time, which costs at most a day
of rows and makes one row at a time equal to all at once. A day is closed when its last row is in.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tollbook_collector.detect import burst, growth, noise, record, season
from tollbook_collector.detect.channels import (
    BURSTING,
    CHANNELS,
    COLUMNS,
    MISSING,
    NUMERATORS,
    RATIOS,
    RECURRING,
    REQUESTS,
    RETURNING,
    SCORED,
    VOLUME_COLUMNS,
    VOLUMES,
)
from tollbook_collector.detect.gap import SPARE_HOURS, beyond_silences, swallowed
from tollbook_collector.detect.grid import Floats, Grid
from tollbook_collector.detect.shares import expected_ratios
from tollbook_collector.detect.state import SPARE_DAYS, State, begin, pushed
from tollbook_collector.detect.window_sums import trailing_sums

# A series younger than this is not judged: its first weekend would be news.
DAYS_MIN = 7
# Noise is learned from this day on: before it there is nothing to compare with.
NOISE_DAYS_MIN = 3
# Smallest scale of a deviate: between one standard deviation and three, as the change that is news
# in the channel demands.
SCALE_MIN, SCALE_MAX = 1.0, 3.0
# An absolute channel takes half of what the series usually has in the stretch for granted.
USUAL_SHARE_MIN = 0.5
# A silence below this many calls, in units of the noise, is not one.
SILENCE_MIN = 2.5
# A row with more calls than this multiple of its expectation teaches a ratio no more than that.
LEARNED_CALLS_MAX = 3.0
LEARNED_CALLS_SPARE = 10.0
WEIGHT_DAYS_MIN = 5
# So much of the worst of a day with an incident goes into the record: all of it, and the same again
# is no news; nothing, and the next odd day is. As long as the record is not full, all of it: what
# is odd there is more often a day of a kind that was not seen yet.
INCIDENT_SHARE = 0.5
# And it raises a record threefold at most: a loop of a hundred times must not hide one of ten.
INCIDENT_RISE = 3.0
# A channel's smallest noise is this part of the change that is news in it.
NOISE_SHARE = 0.25

SIGN = np.array([float(channel.direction) for channel in CHANNELS])
CHANGE_MIN = np.array([channel.change_min for channel in CHANNELS])
COUNTED = np.array([channel.counted for channel in CHANNELS])
ABSOLUTE = np.array([channel.absolute for channel in CHANNELS])
SHARED_MAX = np.where([channel.denominator is None for channel in CHANNELS], noise.SHARED_MAX, 9.0)


@dataclass(frozen=True)
class Scored:
    """Scores of today's rows, and what closing the day needs.

    Attributes:
        scores: Shape (N, SCORED, R); above 1 is worse than anything in four weeks.
        middle: Expected spend and requests, shape (N, VOLUME_COLUMNS, R).
        total: Numerators, shape (N, C, R).
        expected: What they are held against, same shape.
        usual: What they are expected to be, same shape.
        a: Noise of single calls, shape (N, C).
        b: Noise that calls share, shape (N, C).
        swing: Deviates from `usual`, without sign, shape (N, C, W, R).
        recurring: Deviates of the recurring channels, shape (N, pairs, R).
        recurrence: What both yesterday and today passed, then silence, shape (N, pairs + 1, R).
        stretches: Steady levels over the grid's burst windows, shape (N, recurring channels,
            windows, R).
        again: How strange those of the last window are for their time, shape (N, recurring
            channels, R).
        growth: Of what a call reads.
    """

    scores: Floats
    middle: Floats
    total: Floats
    expected: Floats
    usual: Floats
    a: Floats
    b: Floats
    swing: Floats
    recurring: Floats
    recurrence: Floats
    stretches: Floats
    again: Floats
    growth: growth.Growth


def _expect(state: State, rows: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return middle, expected, usual (see `Scored`) and the size of a call, shape (N, C)."""
    lags = season.comparable_lags(state.grid, state.days)
    comparable = season.comparable_rows(
        state.past[:, :VOLUME_COLUMNS], rows[:, :VOLUME_COLUMNS], lags
    )
    bottom, top = season.level_range(state.levels)
    known = np.nan_to_num(state.past[..., SPARE_DAYS * state.grid.rows_per_day :])
    usual_ratios, worst_ratios, sums = expected_ratios(
        known * state.weight[:, None], rows, state.grid, state.days
    )
    expected = np.empty((len(rows), len(CHANNELS), rows.shape[-1]))
    usual = np.empty_like(expected)
    for k in VOLUMES:
        column = CHANNELS[k].numerator
        rises = CHANNELS[k].direction > 0
        edge, level = (comparable.top, top) if rises else (comparable.bottom, bottom)
        expected[:, k] = edge[:, column] * level[:, column, None]
        usual[:, k] = comparable.middle[:, column]
    expected[:, RATIOS], usual[:, RATIOS] = worst_ratios, usual_ratios
    size = sums[:, NUMERATORS] / np.maximum(sums[:, REQUESTS, None], noise.TINY)
    return comparable.middle, expected, usual, np.where(COUNTED, 1.0, np.maximum(size, 1e-12))


def _scales(state: State, b: Floats) -> Floats:
    """Return what one unit of a score is, shape (N, C, W)."""
    rare = np.clip(CHANGE_MIN / np.sqrt(b), SCALE_MIN, SCALE_MAX)[..., None]
    mean = np.nan_to_num(state.past[:, NUMERATORS]).sum(-1) / max(
        1, min(state.days * state.grid.rows_per_day, state.past.shape[-1])
    )
    size = (USUAL_SHARE_MIN * mean + 1e-12)[..., None] * np.array(state.grid.windows)
    floor = np.where(ABSOLUTE[:, None], size, rare)
    return np.maximum(record.largest(state.records, state.grid.record_delay_days), floor)


def score_rows(state: State, rows: Floats) -> Scored:
    """Return the scores of today's rows.

    Args:
        state: The closed days.
        rows: Today's rows so far, from the day's first, shape (N, columns, R), 1 <= R <= rows a
            day; see `channels.COLUMNS`. Not negative.

    Raises:
        ValueError: The shape does not fit the state.
    """
    grid = state.grid
    if rows.shape[:2] != state.past.shape[:2] or not 1 <= rows.shape[-1] <= grid.rows_per_day:
        raise ValueError(
            f"rows have shape {rows.shape}; {state.past.shape[0]} series of {len(COLUMNS)} columns "
            f"with 1 to {grid.rows_per_day} rows are needed"
        )
    middle, expected, usual, size = _expect(state, rows)
    total = rows[:, NUMERATORS]
    a, b = noise.fit(state.moments.sum(2), size, (CHANGE_MIN * NOISE_SHARE) ** 2, SHARED_MAX)
    sums = trailing_sums(state.tail_total, total, grid.windows)
    sums_expected = trailing_sums(state.tail_expected, expected, grid.windows)
    sums_usual = trailing_sums(state.tail_middle, usual, grid.windows)
    wide = (a[..., None, None], b[..., None, None])
    absolute = ABSOLUTE[:, None, None]
    deviates = SIGN[:, None, None] * np.where(
        absolute, sums - sums_expected, noise.deviate(sums, sums_expected, *wide)
    )
    swing = np.abs(np.where(absolute, sums - sums_usual, noise.deviate(sums, sums_usual, *wide)))
    scores = deviates / _scales(state, b)[..., None]
    scores[:, VOLUMES, grid.volume_windows :] = 0.0
    scores[:, RATIOS, : grid.ratio_window_first] = 0.0

    pairs = [(channel, window) for channel in RECURRING for window in grid.recurring_windows]
    recurring = np.stack([deviates[:, channel, window] for channel, window in pairs], axis=1)
    again = np.minimum(recurring, state.recurring[..., : rows.shape[-1]])
    count = rows.shape[-1]
    silences = _swallowed(state, total, expected, usual, a)
    held = np.concatenate([again, silences[0][:, None, -count:]], axis=1)
    floors = np.array([SCALE_MIN] * len(pairs) + [SILENCE_MIN])
    held = held / np.maximum(state.recurring_records.max(-1), floors)[..., None]
    both = held[:, :-1].reshape(len(rows), len(RECURRING), -1, count).max(2)
    grows = growth.grown(state.growth, rows, grid, state.days)
    every = np.concatenate(
        [scores.max(2), both, held[:, -1:], _silences(state, rows), grows.scores], axis=1
    )
    stretches = total[:, RECURRING, None]
    strange = np.zeros_like(stretches[:, :, 0])
    if grid.burst_windows:
        stretches = _steady(state, total)
        every[:, BURSTING], strange = _bursts(state, stretches)
        every[:, RETURNING] = np.minimum(strange, state.again[..., :count].min(2))
    return Scored(
        scores=every if state.days >= DAYS_MIN else np.zeros_like(every),
        middle=middle,
        total=total,
        expected=expected,
        usual=usual,
        a=a,
        b=b,
        swing=swing,
        recurring=recurring,
        recurrence=np.concatenate([again, silences[1][:, None, -count:]], axis=1),
        stretches=stretches,
        again=strange,
        growth=grows,
    )


def _swallowed(
    state: State, total: Floats, expected: Floats, usual: Floats, a: Floats
) -> list[Floats]:
    """Return the calls that silences swallowed of two expectations, in units of the noise."""
    calls = np.concatenate([state.tail_total[:, MISSING], total[:, MISSING]], axis=-1)
    return [
        swallowed(calls, np.concatenate([before[:, MISSING], today[:, MISSING]], axis=-1))
        / a[:, MISSING, None]
        for before, today in ((state.tail_expected, expected), (state.tail_middle, usual))
    ]


def _silences(state: State, rows: Floats) -> Floats:
    """Return how long a series is silent beside its record, shape (N, 1, R); 0 in minutes."""
    if state.grid.burst_windows:
        # A week has too few silences to be a record.
        return np.zeros_like(rows[:, :1])
    spare = max(1, SPARE_HOURS * state.grid.rows_per_day // 24)
    return beyond_silences(state.past[:, REQUESTS], rows[:, REQUESTS], spare)[:, None]


def _steady(state: State, total: Floats) -> Floats:
    """Return the levels of the stretches that end at each row, shape (N, C, windows, R)."""
    once, again = state.grid.burst_windows
    quieter = int(again * burst.QUIETER_SHARE)
    tail, rows = state.tail_total[:, RECURRING], total[:, RECURRING]
    return np.stack(
        [burst.steady(tail, rows, once), burst.steady(tail, rows, again, quieter)], axis=2
    )


def _bursts(state: State, stretches: Floats) -> tuple[Floats, Floats]:
    """Return how far stretches pass earlier days, and earlier days at their time, (N, C, R)."""
    numerators = [CHANNELS[k].numerator for k in RECURRING]
    past = state.past[:, numerators]
    usual = np.nansum(past, axis=-1) / np.maximum((~np.isnan(past)).sum(-1), 1)
    # One call, in the unit of each.
    one = usual / np.maximum(usual[:, :1], noise.TINY) + noise.TINY
    spare = burst.USUAL_SHARE * usual + burst.CALLS_SPARE * one
    beyond = burst.beyond_days(stretches[:, :, 0], state.peaks, spare)
    spare = burst.USUAL_SHARE_AGAIN * usual + burst.CALLS_SPARE / state.grid.burst_windows[1] * one
    near = max(1, state.grid.rows_per_day // 24)
    if state.days < DAYS_MIN:
        return beyond, np.zeros_like(beyond)
    # Without the last days: what comes back was there on them.
    length = state.stretches.shape[2]
    newest = length - burst.DAYS_IN_A_ROW + 1
    earlier = state.stretches[:, :, max(0, length - state.days) : newest]
    return beyond, burst.beyond_hours(stretches[:, :, 1], earlier, near, spare)


def close_day(
    state: State, rows: Floats, scored: Scored, learn: NDArray[np.bool_] | None = None
) -> State:
    """Return the state after a full day.

    Args:
        state: The closed days before it.
        rows: All rows of the day, shape (N, columns, rows a day).
        scored: What `score_rows` said of them.
        learn: Shape (N, rows a day), False for rows inside an incident: they are unknown then, so
            that an incident does not become the next expectation, and their day's record counts
            by INCIDENT_SHARE. All teach where it is None.
    """
    if rows.shape[-1] != state.grid.rows_per_day:
        raise ValueError(f"a day has {state.grid.rows_per_day} rows and not {rows.shape[-1]}")
    teaches = np.ones((len(rows), rows.shape[-1]), dtype=bool) if learn is None else learn
    known: NDArray[np.bool_] = np.asarray(teaches.all(-1))
    expected_calls = np.maximum(
        scored.middle[:, REQUESTS], np.nan_to_num(state.past[:, REQUESTS]).mean(-1, keepdims=True)
    )
    calls_max = LEARNED_CALLS_MAX * expected_calls + LEARNED_CALLS_SPARE
    weight = np.minimum(1.0, calls_max / np.maximum(rows[:, REQUESTS], noise.TINY))
    if state.days < WEIGHT_DAYS_MIN:
        weight = np.ones_like(weight)
    level = state.levels[..., -1]
    if state.days >= DAYS_MIN:
        now = season.day_level(rows[:, :VOLUME_COLUMNS], scored.middle)
        level = np.where(known[:, None], now, level)
    moments = noise.day_moments(
        scored.total,
        scored.usual,
        state.tail_middle.mean(-1, keepdims=True),
        scored.a[..., None],
        scored.b[..., None],
    )
    # Noise is cut at some deviations, so hours of an incident may teach it; whole days may not.
    learns_noise = np.asarray(teaches.any(-1)) & (state.days >= NOISE_DAYS_MIN)
    moments = np.where(learns_noise[:, None, None, None], moments, 0.0)
    share = INCIDENT_SHARE if state.days >= state.grid.memory_days else 1.0
    counted = share if state.days >= 1 else 0.0
    swing = _recorded(scored.swing.max(-1), state.records, counted, known)
    recurrence = _recorded(scored.recurrence.max(-1), state.recurring_records, counted, known)
    peaks, stretches = _pushed_bursts(state, scored, known)
    # The first day has no expectation; as a part of longer stretches it would be a false record.
    counts = 1.0 if state.days else 0.0
    return replace(
        state,
        days=state.days + 1,
        past=pushed(state.past, np.where(teaches[:, None], rows, np.nan)),
        weight=pushed(state.weight, np.where(teaches, weight, 0.0)),
        levels=pushed(state.levels, level[..., None]),
        tail_total=pushed(state.tail_total, counts * scored.total),
        tail_expected=pushed(state.tail_expected, counts * scored.expected),
        tail_middle=pushed(state.tail_middle, counts * scored.usual),
        moments=pushed(state.moments, moments[:, :, None], axis=2),
        records=pushed(state.records, swing[..., None]),
        recurring=scored.recurring,
        recurring_records=pushed(state.recurring_records, np.maximum(recurrence, 0.0)[..., None]),
        again=pushed(state.again, scored.again[:, :, None], axis=2),
        peaks=peaks,
        stretches=stretches,
        growth=growth.closed(state.growth, rows, scored.growth, state.days, known),
    )


def _recorded(worst: Floats, records: Floats, share: float, known: NDArray[np.bool_]) -> Floats:
    """Return what of the worst of a day goes into the record, shape (N, ...).

    Args:
        worst: Shape (N, ...).
        records: Worst of each day, shape (N, ..., D).
        share: Of a day with an incident; 0: the day says nothing, with or without one.
        known: Shape (N,), False for a day with an incident.
    """
    at_most = INCIDENT_RISE * np.maximum(records.max(-1), SCALE_MIN)
    whole = known.reshape(-1, *[1] * (worst.ndim - 1))
    return np.where(whole & (share > 0), worst, np.minimum(share * worst, at_most))


def _pushed_bursts(state: State, scored: Scored, known: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return `peaks` and `stretches` of the state after a day."""
    if not state.grid.burst_windows:
        return state.peaks, state.stretches
    sums = np.where(known[:, None, None, None], scored.stretches, np.nan)
    return (
        pushed(state.peaks, sums[:, :, 0].max(-1, keepdims=True)),
        pushed(state.stretches, sums[:, :, -1:], axis=2),
    )


@dataclass(frozen=True)
class Replayed:
    """A history that was scored row by row.

    Attributes:
        scores: Shape (N, SCORED, R), each row from the rows before it.
        expected: Spend and requests that comparable rows had, shape (N, VOLUME_COLUMNS, R).
        state: After the last full day.
    """

    scores: Floats
    expected: Floats
    state: State


def replay(rows: Floats, grid: Grid, learn: NDArray[np.bool_] | None = None) -> Replayed:
    """Return the scores of all rows, each from the rows before it.

    Args:
        rows: Shape (N, columns, R); the first row begins a day. A day that is not full is scored
            and not closed.
        grid: The tier.
        learn: Shape (N, R), False for the rows that teach nothing; see `close_day`.
    """
    state = begin(len(rows), grid)
    scores = np.zeros((len(rows), len(SCORED), rows.shape[-1]))
    expected = np.zeros((len(rows), VOLUME_COLUMNS, rows.shape[-1]))
    for first in range(0, rows.shape[-1], grid.rows_per_day):
        today = rows[..., first : first + grid.rows_per_day]
        scored = score_rows(state, today)
        scores[..., first : first + today.shape[-1]] = scored.scores
        expected[..., first : first + today.shape[-1]] = scored.middle
        if today.shape[-1] == grid.rows_per_day:
            teaches = None if learn is None else learn[:, first : first + grid.rows_per_day]
            state = close_day(state, today, scored, teaches)
    return Replayed(scores, expected, state)


def score_history(rows: Floats, grid: Grid) -> tuple[Floats, State]:
    """Return the scores of `replay`, shape (N, SCORED, R), and the state at the end."""
    replayed = replay(rows, grid)
    return replayed.scores, replayed.state
