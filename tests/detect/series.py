"""Seeded traffic of one or more series, hourly, in the columns of the detector."""

import numpy as np

from tollbook_collector.detect.channels import COLUMNS, ERRORS, REQUESTS, SPEND, TOKENS_CACHED
from tollbook_collector.detect.grid import Floats

DAY = 24


def traffic(days: int = 42, series: int = 1, calls: float = 200.0, seed: int = 7) -> Floats:
    """Return rows of shape (series, columns, days * 24): busy days, quiet nights and weekends."""
    generator = np.random.default_rng(seed)
    hour = np.arange(days * DAY)
    shape = 0.15 + np.maximum(0.0, np.sin((hour % DAY - 6) / DAY * 2 * np.pi))
    week = np.where(hour // DAY % 7 >= 5, 0.4, 1.0)
    mean = calls * shape * week * np.exp(generator.normal(0, 0.05, (series, days)).repeat(DAY, 1))
    requests = generator.poisson(mean).astype(float)
    return priced(requests, generator)


def priced(requests: Floats, generator: np.random.Generator) -> Floats:
    """Return rows for requests: 1,000 tokens in, 300 out, half cached, 1 % errors, $3 and $15."""
    noise = 1 + 0.1 * generator.standard_normal(requests.shape) / np.sqrt(np.maximum(requests, 1))
    tokens_input = 1000 * requests * noise
    tokens_output = 300 * requests * noise
    cached = 0.5 * tokens_input
    spend = ((tokens_input - 0.9 * cached) * 3 + tokens_output * 15) / 1e6
    errors = generator.binomial(requests.astype(int), 0.01).astype(float)
    rows = np.stack(
        [spend, requests, tokens_input, tokens_output, cached, errors, spend.copy()], axis=1
    )
    assert rows.shape[1] == len(COLUMNS)
    return rows


def scaled_calls(rows: Floats, hours: slice, factor: float) -> Floats:
    """Return rows in which some hours have so many times the calls."""
    changed = rows.copy()
    changed[..., hours] *= factor
    return changed


def with_extra_calls(rows: Floats, hours: slice, calls: float) -> Floats:
    """Return rows with so many more calls, of the usual kind, in each of the hours."""
    changed = rows.copy()
    each = rows.sum(-1) / np.maximum(rows[:, REQUESTS].sum(-1, keepdims=True), 1)
    changed[..., hours] += np.round(calls) * each[..., None]
    return changed


__all__ = [
    "DAY",
    "ERRORS",
    "REQUESTS",
    "SPEND",
    "TOKENS_CACHED",
    "priced",
    "scaled_calls",
    "traffic",
    "with_extra_calls",
]
