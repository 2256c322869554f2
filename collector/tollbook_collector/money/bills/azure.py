"""Azure: rows of a cost export whose meters are of Azure OpenAI or Foundry, read by their names.

A meter is named as `5.6 luna ShortCo Cd Wr Std DZ 1M Tokens`: model, context, class, tier and
place, each in several spellings; what is none of them is the model.
"""

import re
from collections.abc import Iterator

from tollbook_collector.money.bills.bill import OTHER, BillLine, Record, WrongBill, day_of, number

CATEGORIES = re.compile(r"openai|foundry|cognitive|ai services|azure .* models", re.IGNORECASE)
UNIT = re.compile(r"^1([KM])\b")
FACTORS = {"K": 1_000, "M": 1_000_000}
DIRECTIONS = {
    **dict.fromkeys(("inp", "inpt", "input", "in"), "input"),
    **dict.fromkeys(("outp", "opt", "out", "output"), "output"),
}
CACHED = frozenset({"cd", "cchd", "cached", "cache", "ch"})
WRITES = frozenset({"wr", "write"})
TIERS = {"batch": "batch", "pp": "priority", "std": "standard", "flex": "flex"}
PLACES = frozenset(
    {
        *("gl", "glbl", "global", "dz", "dzone", "data", "zone", "regnl", "rgnl", "regional"),
        *("shortco", "longco", "tokens", "token", "1m", "1k"),
    }
)


def is_line(record: Record) -> bool:
    """Return whether this is a row of such an export."""
    return "meterName" in record and "meterCategory" in record


def read_line(record: Record) -> Iterator[BillLine]:
    """Yield the line of a row; of other services none."""
    category = f"{record['meterCategory']} {record.get('meterSubCategory', '')}"
    if not CATEGORIES.search(category):
        return
    words = str(record["meterName"]).lower().split()
    direction = next((DIRECTIONS[word] for word in words if word in DIRECTIONS), "")
    token_class = direction or OTHER
    if CACHED & set(words):
        token_class = "cache_write" if WRITES & set(words) else "cache_read"
    known = DIRECTIONS.keys() | CACHED | WRITES | TIERS.keys() | PLACES
    model = "-".join(word for word in words if word not in known)
    # A bare version is a GPT's: `5.6 luna`.
    model = f"gpt-{model}" if model[:1].isdigit() else model
    unit = UNIT.match(str(record.get("unitOfMeasure") or ""))
    quantity = number(record.get("quantity"))
    amount = number(record.get("costInUsd"))
    if amount is None and record.get("costInBillingCurrency") not in (None, ""):
        currency = record.get("billingCurrency") or record.get("billingCurrencyCode")
        if currency != "USD":
            raise WrongBill(f"an amount in {currency} and no costInUsd")
        amount = number(record["costInBillingCurrency"])
    yield BillLine(
        day_of(record["date"]),
        "azure.ai.openai",
        model,
        next((TIERS[word] for word in words if word in TIERS), "standard"),
        token_class,
        quantity * (FACTORS[unit[1]] if unit else 1)
        if quantity is not None and token_class != OTHER
        else None,
        amount,
    )
