"""Silence: how many calls a run of empty rows has swallowed, and how long it is beside others."""

import numpy as np

from tollbook_collector.detect.grid import Floats

# A row with less than this share of what it should have is silent.
SILENT_SHARE = 0.02
# The longest silence of a record is taken for so many hours longer: where there was none, two empty
# hours are twice the record.
SPARE_HOURS = 1
# A series that was heard in fewer of its rows falls silent all the time, or has ended.
HEARD_SHARE_MIN = 0.5


def swallowed(total: Floats, expected: Floats) -> Floats:
    """Return the calls that were expected since the last row that was not silent.

    Args:
        total: Calls, shape (..., rows).
        expected: Expected calls, same shape.

    >>> swallowed(np.array([4.0, 0.0, 0.0, 3.0, 0.0]), np.full(5, 2.0)).tolist()
    [0.0, 2.0, 4.0, 0.0, 2.0]
    """
    running = np.cumsum(expected, axis=-1)
    heard = np.where(total > SILENT_SHARE * expected, running, 0.0)
    return running - np.maximum.accumulate(heard, axis=-1)


def beyond_silences(past: Floats, rows: Floats, spare: int) -> Floats:
    """Return how long each row has been silent, in lengths of the longest silence before.

    How many calls a silence swallowed says little of a series that bursts: what its quietest hour
    had is nearly nothing. That it was never silent for more than an hour says much.

    Args:
        past: Calls of earlier rows, NaN where unknown, shape (N, P).
        rows: Calls of the rows directly after, shape (N, R).
        spare: Rows that the longest silence is taken for longer.

    Returns:
        Shape (N, R); 0 for a series that is silent in most of its rows.

    >>> beyond_silences(np.array([[5.0, 0.0, 9.0, 7.0]]), np.array([[0.0, 0.0, 4.0]]), 1).tolist()
    [[0.5, 1.0, 0.0]]
    """
    known = ~np.isnan(past)
    mean = np.where(known, past, 0.0).sum(-1) / np.maximum(known.sum(-1), 1)
    line = np.concatenate([past, rows], axis=-1)
    # What is unknown was no silence, and what was before the first row is unknown.
    silent = line <= SILENT_SHARE * mean[:, None]
    at = np.arange(line.shape[-1])
    last = np.maximum.accumulate(np.where(silent, -1, at), axis=-1)
    lengths = np.where(last >= 0, at - last, 0)
    count = past.shape[-1]
    # The silence that goes on is no record of itself.
    over = at[:count] <= last[:, count - 1 : count]
    longest = np.where(over, lengths[:, :count], 0).max(-1)
    often_heard = silent[:, :count].sum(-1) <= (1 - HEARD_SHARE_MIN) * known.sum(-1)
    return np.where(often_heard[:, None], lengths[:, count:] / (longest + spare)[:, None], 0.0)
