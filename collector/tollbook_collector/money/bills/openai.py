"""OpenAI: pages of the usage and costs APIs, and the same as CSV."""

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

# What a line item of the costs API ends in, by class.
LINE_ITEMS = {
    "input_tokens": "input",
    "input": "input",
    "cached_input_tokens": "cache_read",
    "input_cached_tokens": "cache_read",
    "cached input": "cache_read",
    "input_cache_write_tokens": "cache_write",
    "cache_write_tokens": "cache_write",
    "output_tokens": "output",
    "output": "output",
}


def is_usage(record: Record) -> bool:
    """Return whether this is a row of a usage report."""
    return "num_model_requests" in record and "input_tokens" in record


def read_usage(record: Record) -> Iterator[BillLine]:
    """Yield the lines of a row; its input is a total, so the parts are taken off."""
    read = number(record.get("input_cached_tokens")) or 0
    written = number(record.get("input_cache_write_tokens")) or 0
    quantities = {
        "input": (number(record["input_tokens"]) or 0) - read - written,
        "cache_read": read,
        "cache_write": written,
        "output": number(record.get("output_tokens")) or 0,
    }
    day = day_of(record["start_time"])
    tier = tier_of(record.get("service_tier"), record.get("batch"))
    for token_class, quantity in quantities.items():
        if quantity:
            model = str(record.get("model") or "")
            yield BillLine(day, "openai", model, tier, token_class, number(quantity))


def is_cost(record: Record) -> bool:
    """Return whether this is a row of a costs report."""
    return "line_item" in record and ("amount" in record or "amount_value" in record)


def read_cost(record: Record) -> Iterator[BillLine]:
    """Yield the line of a row: `gpt-6-astra, input_tokens`; a batch says so in its line item."""
    amount = record.get("amount")
    if isinstance(amount, dict):
        value, currency = amount.get("value"), amount.get("currency")
    else:
        value = record.get("amount_value", amount)
        currency = record.get("amount_currency", record.get("currency"))
    item = str(record.get("line_item") or "")
    model, _, meter = item.partition(", ")
    parts = [part.strip() for part in meter.split(",")]
    tier = next((part for part in parts if part in ("batch", "flex", "priority")), "")
    token_class = next((LINE_ITEMS[part] for part in parts if part in LINE_ITEMS), OTHER)
    yield BillLine(
        day_of(record["start_time"]),
        "openai",
        model if token_class != OTHER else item,
        tier_of(tier),
        token_class,
        number(record.get("quantity")) if token_class != OTHER else None,
        in_dollars(number(value), currency),
    )
