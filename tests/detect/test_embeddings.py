"""Drift of embeddings: a new topic is one, a wandering mix of known ones is none."""

import numpy as np
import pytest

from tollbook_collector.detect.embeddings import (
    Topics,
    embedding_drift,
    fit_clusters,
    topics_of,
)
from tollbook_collector.detect.grid import Floats

DIMENSIONS = 16


def window(generator: np.random.Generator, shares: Floats, count: int = 300) -> Floats:
    """Return vectors around one centre a topic, the centres the same each time."""
    centres = 3 * np.random.default_rng(1).normal(size=(len(shares), DIMENSIONS))
    topic = generator.choice(len(shares), count, p=shares)
    return centres[topic] + generator.normal(size=(count, DIMENSIONS))


def scores(new_share: float, trials: int = 10) -> list[float]:
    pytest.importorskip("sklearn")
    generator = np.random.default_rng(9)
    found = []
    for _ in range(trials):
        mixes = [np.append(generator.dirichlet(np.full(5, 30.0)), 0.0) for _ in range(8)]
        history = [window(generator, mix) for mix in mixes[:7]]
        current = mixes[7] * (1 - new_share)
        current[-1] = new_share
        clusters = fit_clusters(np.concatenate(history))
        known = [topics_of(clusters, vectors) for vectors in history]
        found.append(embedding_drift(known, topics_of(clusters, window(generator, current))))
    return found


def test_a_wandering_mix_of_known_topics_is_no_drift() -> None:
    assert sum(score > 1 for score in scores(0.0)) <= 1


def test_a_new_topic_in_a_tenth_of_the_calls_is_drift() -> None:
    assert all(score > 1 for score in scores(0.1))


def test_the_same_vectors_give_the_same_centroids() -> None:
    pytest.importorskip("sklearn")
    vectors = window(np.random.default_rng(2), np.full(6, 1 / 6))

    one, other = fit_clusters(vectors), fit_clusters(vectors)

    np.testing.assert_array_equal(one.centroids, other.centroids)


def test_two_windows_of_history_are_too_few() -> None:
    known = Topics(np.array([0.5, 0.5]), 0.05)

    with pytest.raises(ValueError, match="2 earlier windows; drift needs at least 3"):
        embedding_drift([known, known], known)
