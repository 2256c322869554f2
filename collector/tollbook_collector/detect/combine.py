"""One score of many channels: the strongest speaks, the next two may corroborate it."""

import numpy as np

from tollbook_collector.detect.grid import Floats

WEIGHTS = (1.0, 0.3, 0.1)


def combined(evidence: Floats) -> Floats:
    """Return the weighted sum of the three strongest channels, shape (N, rows).

    Args:
        evidence: Decades of rarity, shape (N, channels, rows).

    >>> combined(np.array([[[3.0], [1.0], [2.0], [0.0]]])).round(2).tolist()
    [[3.7]]
    """
    strongest = -np.sort(-evidence, axis=1)[:, : len(WEIGHTS)]
    return np.asarray(np.einsum("nkr,k->nr", strongest, np.array(WEIGHTS[: strongest.shape[1]])))
