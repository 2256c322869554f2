"""Drift of embeddings: prompts or answers about something that was not there before.

Vectors become the number of their nearest centroid and the distance to it, so that windows are
histograms that merge over time, and no vector is kept. A new topic shows in two ways: shares that
no mixture of earlier windows explains, and vectors far from every centroid.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tollbook_collector.detect.drift import WINDOWS_MIN
from tollbook_collector.detect.grid import Floats
from tollbook_collector.detect.mixture import mixture_record, unexplained

CLUSTERS = 48
# A vector beyond this quantile of the distances that the centroids were fitted on is far.
FAR_QUANTILE = 0.95
# The share of far vectors wanders by its own standard deviations; less than 3 % is no news.
FAR_DEVIATIONS = 2.5
FAR_RISE_MIN = 0.03
UNEXPLAINED_MIN = 0.05
# The score that 5 % of windows with a wandering mix of known topics pass.
LIMIT = 1.86


@dataclass(frozen=True)
class Clusters:
    """Where vectors lie.

    Attributes:
        centroids: Shape (clusters, dimensions).
        far: Distance beyond which a vector is far from all of them.
    """

    centroids: Floats
    far: float


@dataclass(frozen=True)
class Topics:
    """A window of vectors.

    Attributes:
        shares: Share of each cluster, shape (clusters,).
        far_share: Share of vectors that are far from all of them.
    """

    shares: Floats
    far_share: float


def fit_clusters(vectors: Floats, count: int = CLUSTERS, seed: int = 0) -> Clusters:
    """Return centroids of vectors, at most one for each of them; needs scikit-learn.

    Args:
        vectors: Shape (vectors >= 1, dimensions).
        count: How many centroids.
        seed: The same seed and vectors give the same centroids.
    """
    from sklearn.cluster import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
        MiniBatchKMeans,
    )

    fitted = MiniBatchKMeans(
        n_clusters=min(count, len(vectors)), random_state=seed, n_init=1, batch_size=1024
    ).fit(vectors)
    centroids = np.asarray(fitted.cluster_centers_, dtype=np.float64)
    _, distances = nearest(centroids, vectors)
    return Clusters(centroids, float(np.quantile(distances, FAR_QUANTILE)))


def nearest(centroids: Floats, vectors: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Return the number of the nearest centroid and the distance to it, each shape (vectors,).

    >>> numbers, distances = nearest(np.array([[0.0], [9.0]]), np.array([[8.0], [1.0]]))
    >>> numbers.tolist(), distances.tolist()
    ([1, 0], [1.0, 1.0])
    """
    squared = (vectors**2).sum(1)[:, None] + (centroids**2).sum(1)[None] - 2 * vectors @ centroids.T
    numbers = squared.argmin(1)
    closest = np.take_along_axis(squared, numbers[:, None], 1)[:, 0]
    return numbers, np.sqrt(np.maximum(closest, 0.0))


def topics_of(clusters: Clusters, vectors: Floats) -> Topics:
    """Return how a window of at least one vector is spread over the clusters."""
    numbers, distances = nearest(clusters.centroids, vectors)
    counts = np.bincount(numbers, minlength=len(clusters.centroids))
    return Topics(counts / len(vectors), float((distances > clusters.far).mean()))


def embedding_drift(history: list[Topics], current: Topics) -> float:
    """Return more than 1 where a window is about something that earlier windows were not.

    Args:
        history: At least three earlier windows, by the same clusters.
        current: The window to judge.

    Raises:
        ValueError: There are too few windows.
    """
    if len(history) < WINDOWS_MIN:
        raise ValueError(f"{len(history)} earlier windows; drift needs at least {WINDOWS_MIN}")
    shares = np.stack([window.shares for window in history])
    shape = unexplained(shares, current.shares) / max(mixture_record(shares), UNEXPLAINED_MIN)
    usual = 1 - FAR_QUANTILE
    past = np.array([window.far_share for window in history]) - usual
    rise = max(FAR_DEVIATIONS * float(past.std()) + float(past.mean()), FAR_RISE_MIN)
    far = max(0.0, current.far_share - usual) / rise
    return math.hypot(shape, far) / LIMIT
