"""OpenRouter: rows of the daily activity, a model a row, with tokens and dollars of all classes."""

from collections.abc import Iterator

from tollbook_collector.money.bills.bill import TOTAL, BillLine, Record, day_of, number


def is_line(record: Record) -> bool:
    """Return whether this is such a row."""
    return "usage" in record and "prompt_tokens" in record and "requests" in record


def read_line(record: Record) -> Iterator[BillLine]:
    """Yield the line of a row."""
    prompt = number(record.get("prompt_tokens")) or 0
    completion = number(record.get("completion_tokens")) or 0
    yield BillLine(
        day_of(record["date"]),
        "openrouter",
        str(record.get("model") or ""),
        "standard",
        TOTAL,
        number(prompt + completion),
        number(record["usage"]),
    )
