"""Windows of a metric as histograms, and how far two of them are apart."""

import numpy as np

from tollbook_collector.detect.grid import Floats

# A share below this counts as this: an empty bin is no news of its own.
SHARE_MIN = 1e-4


def edges_of(values: Floats, bins: int) -> Floats:
    """Return at most `bins` + 1 edges that split the values into equal parts, open at both ends.

    >>> edges_of(np.array([1.0, 2.0, 3.0, 4.0]), 2).tolist()
    [-inf, 2.5, inf]
    """
    edges = np.unique(np.quantile(values, np.linspace(0.0, 1.0, bins + 1)))
    inner = edges[1:-1] if len(edges) > 2 else edges[:1]
    return np.concatenate([[-np.inf], inner, [np.inf]])


def shares_of(values: Floats, edges: Floats) -> Floats:
    """Return the share of the values in each bin; a value on an edge is in the bin above it.

    >>> shares_of(np.array([1.0, 3.0, 4.0, 5.0]), np.array([-np.inf, 3.0, np.inf])).tolist()
    [0.25, 0.75]
    """
    bins = np.searchsorted(edges[1:-1], values, side="right")
    return np.bincount(bins, minlength=len(edges) - 1) / len(values)


def distance(one: Floats, other: Floats) -> Floats:
    """Return the Jensen-Shannon distance of shares along the last axis, 0 (equal) to 1.

    >>> float(distance(np.array([0.5, 0.5]), np.array([0.5, 0.5])))
    0.0
    >>> round(float(distance(np.array([1.0, 0.0]), np.array([0.0, 1.0]))), 2)
    1.0
    """
    p, q = np.maximum(one, SHARE_MIN), np.maximum(other, SHARE_MIN)
    middle = (p + q) / 2
    divergence = (p * np.log2(p / middle) + q * np.log2(q / middle)).sum(-1) / 2
    return np.asarray(np.sqrt(np.maximum(divergence, 0.0)))
