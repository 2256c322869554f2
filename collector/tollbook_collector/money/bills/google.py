"""Google Cloud: rows of the billing export that are of Gemini or Vertex AI.

A row's net cost is its cost and its credits. The model and the class are words of the SKU's
description; amounts in another currency are brought to dollars at the rate of the row.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tollbook_collector.money.bills.bill import OTHER, BillLine, Record, day_of, number

SERVICES = {"vertex ai": "gcp.vertex_ai", "gemini": "gcp.gemini", "generative": "gcp.gemini"}
MODEL = re.compile(
    r"\b((?:gemini|claude)[ -][0-9a-z.]+(?:[ -](?!input|output|text|token)\w+)*?)\s*"
    r"(?=\b(?:text|audio|image|video|cached|caching|input|output|token|batch|flex|-|$))",
    re.IGNORECASE,
)


def is_line(record: Record) -> bool:
    """Return whether this is a row of such an export."""
    return ("sku" in record or "sku.description" in record) and "usage_start_time" in record


def _field(record: Record, *path: str) -> Any:
    value: Any = record
    for name in path:
        if not isinstance(value, Mapping):
            return record.get(".".join(path))
        value = value.get(name)
    return value if value is not None else record.get(".".join(path))


def read_line(record: Record) -> Iterator[BillLine]:
    """Yield the line of a row; of other services none."""
    service = str(_field(record, "service", "description") or "").lower()
    provider = next((name for word, name in SERVICES.items() if word in service), "")
    if not provider:
        return
    text = str(_field(record, "sku", "description") or "")
    lower = text.lower()
    if "cach" in lower:
        token_class = OTHER if "storage" in lower else "cache_read"
    elif "input" in lower:
        token_class = "input_audio" if "audio" in lower else "input"
    elif "output" in lower:
        token_class = "output_image" if "image" in lower and "text" not in lower else "output"
    else:
        token_class = OTHER
    model = MODEL.search(text)
    cost = number(record.get("cost"))
    credits = record.get("credits")
    if cost is not None and isinstance(credits, list):
        cost += sum((number(one.get("amount")) or 0) for one in credits)
    # The rate is units of the currency for one dollar.
    rate = number(record.get("currency_conversion_rate"))
    if cost is not None and rate and str(record.get("currency") or "USD") != "USD":
        cost = cost / rate
    quantity = number(_field(record, "usage", "amount"))
    yield BillLine(
        day_of(record["usage_start_time"]),
        provider,
        re.sub(r"\s+", "-", model[1].strip().lower()) if model else text,
        next((tier for tier in ("batch", "flex", "priority") if tier in lower), "standard"),
        token_class,
        quantity if token_class != OTHER else None,
        cost,
    )
