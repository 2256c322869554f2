"""Sums over the stretch that ends at each row."""

import numpy as np

from tollbook_collector.detect.grid import Floats


def trailing_sums(tail: Floats, rows: Floats, windows: tuple[int, ...]) -> Floats:
    """Return the sums over the last `window` rows up to and including each row.

    Args:
        tail: The rows before, shape (..., T), T at least the longest window.
        rows: The rows to end at, shape (..., R), not negative.
        windows: Lengths in rows.

    Returns:
        Shape (..., windows, R).

    >>> trailing_sums(np.array([1.0, 2.0]), np.array([4.0, 8.0]), (1, 2)).tolist()
    [[4.0, 8.0], [6.0, 12.0]]
    """
    zero = np.zeros((*tail.shape[:-1], 1))
    running = np.cumsum(np.concatenate([zero, tail, rows], axis=-1), axis=-1)
    count, end = rows.shape[-1], running.shape[-1]
    last = running[..., end - count :]
    sums = [last - running[..., end - count - w : end - w] for w in windows]
    return np.asarray(np.maximum(np.stack(sums, axis=-2), 0.0))
