"""A line of a provider's bill or usage report, in tollbook's words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

# The class of a report that does not say which tokens; ours are then added up as well.
TOTAL: Final = "total"
# What is billed and no token: searches, sessions, storage.
OTHER: Final = "other"
STANDARD_TIERS: Final = frozenset({"", "default", "auto", "standard", "on_demand", "none"})

Record = Mapping[str, Any]


class WrongBill(ValueError):
    """A file is no bill that is known, or a line of it cannot be read."""


@dataclass(frozen=True)
class BillLine:
    """What a provider says of one day, model, tier and class of tokens.

    Args:
        day: UTC.
        provider: As the GenAI conventions name it.
        model: As the provider names it.
        service_tier: standard, batch, flex, priority, …
        token_class: As of the view token_charges; TOTAL or OTHER.
        quantity: Tokens; None: the report has none.
        amount_usd: Cost; None: the report has none.
    """

    day: date
    provider: str
    model: str
    service_tier: str
    token_class: str
    quantity: Decimal | None = None
    amount_usd: Decimal | None = None


def day_of(value: Any) -> date:
    """Return the UTC day of Unix seconds or of an ISO 8601 text; a date alone is that day.

    Raises:
        WrongBill: It is neither.
    """
    if isinstance(value, int) or (isinstance(value, str) and value.isdigit() and len(value) > 8):
        return datetime.fromtimestamp(int(value), UTC).date()
    text = str(value).strip().removesuffix(" UTC")
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        try:
            # Azure's portal writes American dates.
            at = datetime.strptime(text, "%m/%d/%Y").replace(tzinfo=UTC)
        except ValueError as error:
            raise WrongBill(f"{value!r} is not a day") from error
    return (at.astimezone(UTC) if at.tzinfo else at).date()


def number(value: Any) -> Decimal | None:
    """Return a number exactly, as it is written; None for nothing.

    Raises:
        WrongBill: It is none.
    """
    if value is None or value == "":
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation as error:
        raise WrongBill(f"{value!r} is not a number") from error
    if not found.is_finite():
        raise WrongBill(f"{value!r} is not a number")
    return found


def in_dollars(amount: Decimal | None, currency: Any) -> Decimal | None:
    """Return an amount, if it is in dollars.

    Raises:
        WrongBill: It is in another currency.
    """
    if amount is not None and str(currency or "USD").upper() != "USD":
        raise WrongBill(f"an amount in {currency}: export the bill in USD")
    return amount


def tier_of(name: Any, batch: Any = False) -> str:
    """Return a tier as tollbook names it."""
    tier = str(name or "").lower().replace("_on_demand", "")
    if batch is True or str(batch).lower() == "true":
        return "batch"
    return "standard" if tier in STANDARD_TIERS else tier
