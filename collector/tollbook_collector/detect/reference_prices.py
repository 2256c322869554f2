"""What the tokens of a series cost at its own usual prices, so that a change of price stands alone.

The rate card cannot serve here: with another model both the bill and the card change, and their
ratio stays. So the prices are those that explain the series' own past best.
"""

import numpy as np

from tollbook_collector.detect.channels import SPEND, TOKENS_CACHED, TOKENS_INPUT, TOKENS_OUTPUT
from tollbook_collector.detect.grid import Floats

# The newest days teach no prices: what changed in them is what is looked for.
UNLEARNED_DAYS = 7


def fitted_costs(tokens: Floats, spend: Floats, learned: int) -> Floats:
    """Return dollars of each row at the prices that fit the first rows.

    Args:
        tokens: By class of usage, shape (rows, classes).
        spend: Dollars billed, shape (rows,).
        learned: How many rows, from the first, the prices are learned from.

    >>> tokens = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]])
    >>> fitted_costs(tokens, np.array([3.0, 5.0, 99.0]), 2).round(3).tolist()
    [3.0, 5.0, 16.0]
    """
    from scipy.optimize import nnls  # type: ignore[import-untyped,unused-ignore]

    size = tokens[:learned].mean(0) + 1e-9
    mean = spend[:learned].mean() + 1e-12
    prices, _ = nnls(tokens[:learned] / size, spend[:learned] / mean)
    return np.asarray(tokens @ (prices / size) * mean)


def list_costs(rows: Floats, rows_per_day: int) -> Floats:
    """Return the column `list_cost` of series, shape (N, rows).

    Args:
        rows: In the order of `channels.COLUMNS`, shape (N, columns, rows).
        rows_per_day: Rows of a day; the last UNLEARNED_DAYS teach nothing, or half of a short one.
    """
    count = rows.shape[-1]
    learned = max(count - UNLEARNED_DAYS * rows_per_day, count // 2, 1)
    uncached = rows[:, TOKENS_INPUT] - rows[:, TOKENS_CACHED]
    tokens = np.stack([uncached, rows[:, TOKENS_CACHED], rows[:, TOKENS_OUTPUT]], axis=-1)
    costs = [
        fitted_costs(one, spend, learned) for one, spend in zip(tokens, rows[:, SPEND], strict=True)
    ]
    return np.stack(costs) if costs else np.zeros((0, count))
