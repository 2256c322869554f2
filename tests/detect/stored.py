"""Traffic of many weeks as it is in the tables of series, put there without its spans."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tollbook_collector.store.client import ClickHouse

# A Wednesday, 14:00: four weeks and some days of traffic lie before it.
NOW = datetime(2026, 11, 18, 14, tzinfo=UTC)
BEGINS_AT = datetime(2026, 10, 14, tzinfo=UTC)
COLUMNS = (
    "tenant",
    "minute",
    "key",
    "service",
    "environment",
    "version",
    "provider",
    "model",
    "response_model",
    "team",
    "feature",
    "customer",
    "run",
    "calls",
    "errors",
    "input_tokens",
    "cache_read_tokens",
    "output_tokens",
    "cost_usd",
)
USUAL: dict[str, str] = {
    "key": "key1",
    "service": "shop",
    "environment": "production",
    "version": "1.0",
    "provider": "openai",
    "model": "gpt-5-mini",
    "response_model": "gpt-5-mini",
    "team": "search",
    "feature": "question",
    "customer": "acme",
    "run": "",
}
# Of one call of 1,000 tokens in, half of them cached, and 300 out.
CALL_USD = Decimal("0.004")


def usual_calls(at: datetime) -> int:
    """Return the calls of an ordinary ten minutes: busy days, quiet nights, a fixed wobble."""
    day = 40 if 7 <= at.hour < 19 else 8
    weekend = 0.5 if at.weekday() >= 5 else 1.0
    wobble = 1 + 0.15 * (((at.toordinal() * 7 + at.hour * 5 + at.minute) % 11) / 10 - 0.5)
    return round(day * weekend * wobble)


def row(
    tenant: str,
    at: datetime,
    calls: int,
    dimensions: Mapping[str, str] | None = None,
    price: Decimal = Decimal(1),
    errors: int = 0,
) -> list[object]:
    """Return a row of `series_minutely`; `price` multiplies what a call costs."""
    values = {**USUAL, **(dimensions or {})}
    return [
        tenant,
        at,
        *(values[name] for name in COLUMNS[2:13]),
        calls,
        errors,
        1000 * calls,
        500 * calls,
        300 * calls,
        calls * CALL_USD * price,
    ]


def traffic(
    tenant: str,
    begins_at: datetime = BEGINS_AT,
    ends_at: datetime = NOW,
    dimensions: Mapping[str, str] | None = None,
    share: float = 1.0,
) -> list[list[object]]:
    """Return ordinary rows of ten minutes, `share` times the usual calls."""
    rows = []
    at = begins_at
    while at < ends_at:
        calls = round(share * usual_calls(at))
        if calls:
            rows.append(row(tenant, at, calls, dimensions, errors=int(calls > 45)))
        at += timedelta(minutes=10)
    return rows


def store(clickhouse: ClickHouse, rows: list[list[object]]) -> None:
    """Put rows into the tables of series."""
    for first in range(0, len(rows), 20_000):
        clickhouse.insert("series_minutely", COLUMNS, rows[first : first + 20_000])
