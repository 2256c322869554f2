"""AWS: rows of the Cost and Usage Report 2.0 that are of Bedrock.

Its usage types are region, model and class in one word; the four classes are told by their stems. A
resource that names a foundation model or an inference profile names the model better.
"""

import re
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

PRODUCT = "AmazonBedrock"
STEMS = (
    ("cache_read", re.compile(r"-cache-read-input-token-count")),
    ("cache_write", re.compile(r"-cache-write-input-token-count")),
    ("input", re.compile(r"-(?:mantle-)?input-tokens?(?:-count)?")),
    ("output", re.compile(r"-(?:mantle-)?output-tokens?(?:-count)?")),
)
REGION = re.compile(r"^[A-Z]{2,4}\d?-")
RESOURCE = re.compile(r"(?:foundation-model|inference-profile)/(.+)$")
TIER = re.compile(r"\b(batch|flex|priority)\b", re.IGNORECASE)
UNIT = re.compile(r"^1?\s*([KM])\b", re.IGNORECASE)
FACTORS = {"K": 1_000, "M": 1_000_000}


def is_line(record: Record) -> bool:
    """Return whether this is a row of such a report."""
    return "line_item_product_code" in record and "line_item_usage_type" in record


def read_line(record: Record) -> Iterator[BillLine]:
    """Yield the line of a row; of other products none."""
    if record["line_item_product_code"] != PRODUCT:
        return
    usage_type = str(record["line_item_usage_type"])
    found = [
        (token_class, stem.search(usage_type))
        for token_class, stem in STEMS
        if stem.search(usage_type)
    ]
    token_class, match = found[0] if found else (OTHER, None)
    resource = RESOURCE.search(str(record.get("line_item_resource_id") or ""))
    start = match.start() if match else len(usage_type)
    model = resource[1] if resource else REGION.sub("", usage_type)[: max(0, start)]
    if not resource and match:
        model = REGION.sub("", usage_type[:start])
    tier = TIER.search(usage_type)
    unit = UNIT.match(str(record.get("pricing_unit") or ""))
    quantity = number(record.get("line_item_usage_amount"))
    factor = FACTORS[unit[1].upper()] if unit else 1
    yield BillLine(
        day_of(record["line_item_usage_start_date"]),
        "aws.bedrock",
        model.lower(),
        tier_of(tier[1] if tier else ""),
        token_class,
        quantity * factor if quantity is not None and token_class != OTHER else None,
        in_dollars(
            number(record.get("line_item_unblended_cost")),
            record.get("line_item_currency_code"),
        ),
    )
