"""How often the forecast's 80 % interval holds what came, on the hourly series of a harness.

Run with the harness's directory on the Python path, which offers `finops.cases`: series without an
anomaly and without an occasion are forecast at several ages and over several days.
"""

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from tollbook_collector.detect.budgets import Period
from tollbook_collector.detect.forecast import forecast

BEGINS_AT = datetime(2026, 1, 5, tzinfo=UTC)
AGES_DAYS = (10, 21, 35)
REACHES_DAYS = (1, 5, 14, 20)


def main() -> None:
    """Print the share of intervals that held, by age of the series and reach of the forecast."""
    import finops  # type: ignore[import-not-found]  # the harness, which is not ours

    cases = finops.cases("hour", "dev")
    spends = [c["frame"]["spend"].to_numpy() for c in cases if not c["events"] and not c["benign"]]
    for age in AGES_DAYS:
        for reach in REACHES_DAYS:
            held = [_held(spend, age * 24 + 13, reach * 24) for spend in spends]
            sys.stdout.write(f"{age} days old, {reach} ahead: {np.mean(held):.2f} of {len(held)}\n")


def _held(spend: np.ndarray, now_h: int, ahead_h: int) -> bool:
    now = BEGINS_AT + timedelta(hours=now_h)
    period = Period(now - timedelta(days=1), now + timedelta(hours=ahead_h))
    found = forecast(spend[:now_h], Decimal(0), period, "UTC", now)
    came = spend[now_h : now_h + ahead_h].sum()
    return found is not None and float(found.low_usd) <= came <= float(found.high_usd)


if __name__ == "__main__":
    main()
