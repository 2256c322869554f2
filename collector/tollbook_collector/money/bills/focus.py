"""FOCUS: rows of anybody's Cost and Usage dataset that are of model calls, ours among them."""

import json
from collections.abc import Iterator
from typing import Any

from tollbook_collector.money.bills.bill import (
    OTHER,
    BillLine,
    Record,
    day_of,
    in_dollars,
    number,
    tier_of,
)

PROVIDERS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "aws": "aws.bedrock",
    "amazon web services": "aws.bedrock",
    "microsoft": "azure.ai.openai",
    "google": "gcp.gemini",
    "google cloud": "gcp.vertex_ai",
    "xai": "x_ai",
    "mistral ai": "mistral_ai",
    "together ai": "together_ai",
    "fireworks ai": "fireworks_ai",
    "moonshot ai": "moonshot_ai",
}
# The first that a meter's name begins with, or has in it.
METERS = (
    ("cache read", "cache_read"),
    ("cache write 1h", "cache_write_1h"),
    ("long cache write", "cache_write_1h"),
    ("cache write", "cache_write"),
    ("audio input", "input_audio"),
    ("image input", "input_image"),
    ("audio output", "output_audio"),
    ("image output", "output_image"),
    ("output", "output"),
    ("input", "input"),
)
CATEGORY = "AI and Machine Learning"


def is_line(record: Record) -> bool:
    """Return whether this is a row of such a dataset."""
    return "ChargePeriodStart" in record and "BilledCost" in record


def read_line(record: Record) -> Iterator[BillLine]:
    """Yield the line of a row; of other services none."""
    if record.get("ServiceCategory") not in (None, "", CATEGORY):
        return
    name = str(record.get("ServiceProviderName") or record.get("ProviderName") or "").lower()
    meter = str(record.get("SkuMeter") or record.get("x_UsageType") or "").lower()
    meter = meter.replace("-", " ").replace("_", " ")
    token_class = next((found for word, found in METERS if word in meter), OTHER)
    details = _details(record.get("SkuPriceDetails"))
    is_tokens = str(record.get("ConsumedUnit") or "").lower() in ("tokens", "token")
    yield BillLine(
        day_of(record["ChargePeriodStart"]),
        PROVIDERS.get(name, name),
        str(details.get("ModelId") or details.get("x_ModelId") or record.get("ResourceName") or ""),
        tier_of(details.get("x_ProcessingTier")),
        token_class,
        number(record.get("ConsumedQuantity")) if is_tokens else None,
        in_dollars(number(record["BilledCost"]), record.get("BillingCurrency")),
    )


def _details(text: Any) -> dict[str, Any]:
    try:
        found = json.loads(text) if isinstance(text, str) and text else text
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
