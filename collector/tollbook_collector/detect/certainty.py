"""How probable a difference of two samples is when nothing has changed."""

import math

import numpy as np

from tollbook_collector.detect.grid import Floats

# A tail of a pool is what lies above one of these quantiles: a change of one call in twenty is
# drowned in the wider one.
TAILS_FROM = (0.9, 0.98)


def two_sample_probability(one: Floats, other: Floats) -> float:
    """Return the asymptotic p-value of the two-sample Kolmogorov-Smirnov test.

    >>> values = np.arange(100.0)
    >>> two_sample_probability(values, values)
    1.0
    >>> two_sample_probability(values, values + 50) < 1e-9
    True
    """
    first, second = np.sort(one), np.sort(other)
    every = np.concatenate([first, second])
    below = np.searchsorted(first, every, side="right") / len(first)
    apart = np.abs(below - np.searchsorted(second, every, side="right") / len(second)).max()
    if apart == 0:
        return 1.0
    root = math.sqrt(len(first) * len(second) / (len(first) + len(second)))
    x = root * float(apart)
    if x < 0.2:
        return 1.0
    terms = [(-1) ** (k - 1) * math.exp(-2 * (k * x) ** 2) for k in range(1, 101)]
    return min(1.0, max(0.0, 2 * math.fsum(terms)))


def tail_probability(pool: Floats, current: Floats) -> float:
    """Return the smallest p-value of the share of values in the tails of the pool.

    >>> values = np.arange(100.0)
    >>> tail_probability(values, values)
    1.0
    """
    return min(_share_probability(pool, current, float(np.quantile(pool, q))) for q in TAILS_FROM)


def _share_probability(pool: Floats, current: Floats, edge: float) -> float:
    """Return the p-value of the shares above an edge (two proportions)."""
    counts = [int((values > edge).sum()) + 1 for values in (pool, current)]
    sizes = [len(pool) + 2, len(current) + 2]
    share = sum(counts) / sum(sizes)
    error = math.sqrt(share * (1 - share) * sum(1 / size for size in sizes))
    apart = abs(counts[0] / sizes[0] - counts[1] / sizes[1])
    if error == 0:
        return 1.0
    # Yates' correction, at most the difference itself.
    apart -= min(apart, 0.5 * sum(1 / size for size in sizes))
    return math.erfc(apart / error / math.sqrt(2))
