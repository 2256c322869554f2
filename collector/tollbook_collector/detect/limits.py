"""The tails that a tenant starts with, until its own series have made better ones.

They were measured on semi-synthetic series with real traffic shapes (1,500 hourly for four weeks,
800 of ten minutes for one week, 120 daily for eighteen weeks), on rows without an injected anomaly.
"""

import math

import numpy as np

from tollbook_collector.detect.calibrate import Tail
from tollbook_collector.detect.grid import Grid

# In the order of `channels.SCORED`.
HOUR = (
    Tail(0.57, 1.37),  # requests
    Tail(0.43, 0.98),  # requests_missing
    Tail(0.72, 2.66),  # requests_count
    Tail(0.53, 1.4),  # spend
    Tail(0.69, 2.81),  # spend_dollars
    Tail(0.88, 1.62),  # spend_per_request
    Tail(0.94, 1.6),  # input_per_request
    Tail(0.99, 1.6),  # input_per_output
    Tail(0.1, 0.25),  # price
    Tail(0.94, 1.27),  # cache_share
    Tail(0.88, 1.2),  # error_share
    Tail(0.1, 0.72),  # requests_again
    Tail(0.1, 0.65),  # spend_again
    Tail(0.1, 0.94),  # gap
    Tail(1.0, 1.8),  # silence
    Tail(0.42, 0.79),  # input_growth
)
MINUTE = (
    Tail(1.22, 4.12),  # requests
    Tail(0.44, 1.2),  # requests_missing
    Tail(2.41, 6.49),  # requests_count
    Tail(0.9, 1.99),  # spend
    Tail(3.07, 5.83),  # spend_dollars
    Tail(1.51, 3.97),  # spend_per_request
    Tail(1.23, 2.78),  # input_per_request
    Tail(1.42, 3.66),  # input_per_output
    Tail(0.1, 0.25),  # price
    Tail(0.93, 1.29),  # cache_share
    Tail(0.99, 1.26),  # error_share
    Tail(1.64, 2.93),  # requests_again
    Tail(1.97, 4.18),  # spend_again
    Tail(0.85, 28.8),  # gap
    Tail(1.0, 1.8),  # silence: not judged in minutes
    Tail(1.0, 1.8),  # input_growth: no minutes have so many weeks
)
DAY = (
    Tail(0.19, 0.9),  # requests
    Tail(0.11, 0.39),  # requests_missing
    Tail(0.28, 1.11),  # requests_count
    Tail(0.19, 0.78),  # spend
    Tail(0.27, 1.1),  # spend_dollars
    Tail(1.0, 1.56),  # spend_per_request
    Tail(1.0, 1.46),  # input_per_request
    Tail(1.04, 1.48),  # input_per_output
    Tail(0.1, 0.25),  # price
    Tail(0.86, 1.39),  # cache_share
    Tail(0.99, 1.39),  # error_share
    Tail(0.1, 0.25),  # requests_again
    Tail(0.1, 0.25),  # spend_again
    Tail(0.1, 0.25),  # gap
    Tail(1.0, 1.8),  # silence, as by the hour
    Tail(0.1, 0.35),  # input_growth
)
# Strength at which an alarm opens, 0.025 times a series-week on the hourly series above, as lived,
# and below which it closes again.
OPENS_AT = 3.6
CLOSES_AT = 2.67


def tails_of(grid: Grid) -> tuple[Tail, ...]:
    """Return the tails for a tier."""
    if grid.rows_per_day == 1:
        return DAY
    return HOUR if grid.rows_per_day <= 24 else MINUTE


# False alarms a series-week that an opening strength gave on the series of the tails, rising; by
# the hour as it is lived, where alarms teach nothing.
_RATES_HOUR = (
    (4.4, 0.0071),
    (4.0, 0.015),
    (3.6, 0.025),
    (3.3, 0.036),
    (3.0, 0.058),
    (2.7, 0.1),
)
_RATES_MINUTE = (
    (4.0, 0.005),
    (3.6, 0.0075),
    (3.2, 0.015),
    (3.0, 0.02),
    (2.8, 0.036),
    (2.6, 0.062),
    (2.4, 0.098),
    (2.2, 0.14),
)
_RATES_DAY = ((3.8, 0.0083), (3.6, 0.011), (3.4, 0.015), (3.2, 0.019), (3.0, 0.027), (2.6, 0.053))
# A series may be wrong so often however many there are: once a year. (Stricter, it would be blind.)
RATE_MIN = 0.02
TIERS = 3


def opens_at(grid: Grid, false_alarms_per_week: float, series: int) -> float:
    """Return the strength at which an alarm opens, so that all series together keep to a budget.

    Args:
        grid: The tier.
        false_alarms_per_week: What a tenant puts up with, over all tiers and series.
        series: How many series there are.

    >>> from tollbook_collector.detect.grid import grid_of
    >>> opens_at(grid_of(24), 5.0, 10), round(opens_at(grid_of(24), 5.0, 1000), 2)
    (2.7, 3.77)
    """
    table = {1: _RATES_DAY, 24: _RATES_HOUR}.get(grid.rows_per_day, _RATES_MINUTE)
    allowed = max(false_alarms_per_week / TIERS / max(series, 1), RATE_MIN)
    rates = [math.log(rate) for _, rate in table]
    return float(np.interp(math.log(allowed), rates, [strength for strength, _ in table]))
