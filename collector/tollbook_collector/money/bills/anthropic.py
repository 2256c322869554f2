"""Anthropic: the usage report of messages and the cost report, whose amounts are cents."""

from collections.abc import Iterator

from tollbook_collector.money.bills.bill import (
    OTHER,
    BillLine,
    Record,
    day_of,
    in_dollars,
    number,
    tier_of,
)

TOKEN_TYPES = {
    "uncached_input_tokens": "input",
    "cache_read_input_tokens": "cache_read",
    "cache_creation.ephemeral_5m_input_tokens": "cache_write",
    "cache_creation.ephemeral_1h_input_tokens": "cache_write_1h",
    "output_tokens": "output",
}


def is_usage(record: Record) -> bool:
    """Return whether this is a row of a usage report."""
    return "uncached_input_tokens" in record


def read_usage(record: Record) -> Iterator[BillLine]:
    """Yield the lines of a row."""
    written = record.get("cache_creation")
    flat = {**record}
    if isinstance(written, dict):
        flat |= {f"cache_creation.{name}": value for name, value in written.items()}
    day, tier = day_of(record["starting_at"]), tier_of(record.get("service_tier"))
    for name, token_class in TOKEN_TYPES.items():
        if quantity := number(flat.get(name)):
            yield BillLine(
                day, "anthropic", str(record.get("model") or ""), tier, token_class, quantity
            )


def is_cost(record: Record) -> bool:
    """Return whether this is a row of a cost report."""
    return "cost_type" in record and "amount" in record


def read_cost(record: Record) -> Iterator[BillLine]:
    """Yield the line of a row."""
    cents = in_dollars(number(record["amount"]), record.get("currency"))
    token_class = TOKEN_TYPES.get(str(record.get("token_type")), OTHER)
    yield BillLine(
        day_of(record["starting_at"]),
        "anthropic",
        str(record.get("model") or record.get("cost_type") or ""),
        tier_of(record.get("service_tier")),
        token_class,
        None,
        cents / 100 if cents is not None else None,
    )
