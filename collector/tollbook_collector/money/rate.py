"""What a price book is made of: patterns that name a model, rates, and windows of time."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

RATE_SCALE: Final = Decimal("1e-12")
TOKENS_PER_MTOK: Final = Decimal(1_000_000)
STANDARD: Final = "standard"
BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
# The last instant of DateTime in ClickHouse, which stands for "until further notice".
END: Final = datetime(2106, 1, 1, tzinfo=UTC)
# What is billed beside tokens, by unit; a meter may have a detail: image:hd/1024x1024. The fees
# come with tokens, and so does a call; the others measure what has a cost without them.
FEES: Final = ("request_fee", "web_search", "file_search", "code_session")
UNITS: Final = (*FEES, "search_unit", "audio_second", "character", "page", "image")
# Meters of their own kind: a millisecond of a call on one's own machine, and a card that has no
# rates because no exchange rate is known.
MILLISECOND: Final = "millisecond"
UNCONVERTED: Final = "unconverted"
# What a price_id ends in, where its rates are not the list's.
CONTRACT: Final = "contract"
HOSTED: Final = "hosted"


@dataclass(frozen=True)
class ModelPattern:
    """A rule that names the model of the price book for a model string; the first match wins.

    Args:
        provider: Provider as the GenAI conventions name it.
        pattern: Regular expression (RE2) for the whole lower-cased model string.
        model: Name in the price book; empty: the string is of no model that is priced.
    """

    provider: str
    pattern: str
    model: str


@dataclass(frozen=True)
class Rate:
    """What one unit of one meter costs, and when.

    Args:
        price_id: The rate card it belongs to: provider/model/tier/context/first day.
        provider: Provider as the GenAI conventions name it.
        model: Name in the price book.
        service_tier: standard, flex, priority, fast or batch.
        context_over: The card holds for calls with more input tokens than this; 0: for all.
        meter: What is billed: input, cache_read, output, web_search, …
        rate_usd: USD per unit, a token, a millisecond or one of UNITS, 12 decimals: what is paid.
        valid_from: First instant, UTC.
        valid_to: First instant at which it no longer holds, UTC.
        source: Where the rate was read.
        variant: `region:us` or `window:peak`: the card holds there or then; empty: else.
        list_usd: USD per unit before a contract; None: there is none, it is `rate_usd`.
    """

    price_id: str
    provider: str
    model: str
    service_tier: str
    context_over: int
    meter: str
    rate_usd: Decimal
    valid_from: datetime
    valid_to: datetime
    source: str
    variant: str = ""
    list_usd: Decimal | None = None

    def within(self, start: datetime, end: datetime, basis: str = "") -> "Rate":
        """Return the rate for a part of its time, under a price_id of that part's first instant.

        Args:
            start: First instant.
            end: First instant after it.
            basis: CONTRACT or HOSTED; empty: as it was.
        """
        was = next((b for b in (CONTRACT, HOSTED) if self.price_id.endswith(f"/{b}")), "")
        if start == self.valid_from and basis in ("", was):
            return replace(self, valid_to=end)
        suffixes = [part for part in (self.variant, basis or was) if part]
        name = price_id(
            self.provider, self.model, self.service_tier, self.context_over, start, *suffixes
        )
        return replace(self, price_id=name, valid_from=start, valid_to=end)


@dataclass(frozen=True)
class Window:
    """Hours of the week in which a model has other rates.

    Args:
        provider: Provider as the GenAI conventions name it.
        model: Name in the price book.
        variant: Of the cards that hold then: `window:peak`.
        weekdays: 1 for Monday to 7 for Sunday, UTC.
        start_minute: Of the day, UTC; 0 to 1439.
        end_minute: First minute that is not in it any more; at most 1440.
    """

    provider: str
    model: str
    variant: str
    weekdays: tuple[int, ...]
    start_minute: int
    end_minute: int


@dataclass(frozen=True)
class Book:
    """A price book: patterns in order of precedence, and rates.

    Args:
        source: Where it comes from, with its version.
        patterns: First match within a provider wins.
        rates: One for each meter of each card.
        windows: Hours with rates of their own.
    """

    source: str
    patterns: tuple[ModelPattern, ...]
    rates: tuple[Rate, ...]
    windows: tuple[Window, ...] = ()


def is_unit(meter: str) -> bool:
    """Return whether a meter counts something else than tokens or time."""
    return meter.partition(":")[0] in UNITS


def usd_per_token(usd_per_mtok: Decimal) -> Decimal:
    """Return a price per million tokens as a rate per token, in 12 decimals."""
    return (usd_per_mtok / TOKENS_PER_MTOK).quantize(RATE_SCALE, ROUND_HALF_EVEN)


def price_id(
    provider: str, model: str, service_tier: str, context_over: int, start: datetime, *suffixes: str
) -> str:
    """Return the name of a rate card; a card that begins within a day has the time in it."""
    first = start.strftime("%Y-%m-%d" if start == _midnight(start) else "%Y-%m-%dT%H:%M:%S")
    return "/".join((provider, model, service_tier, str(context_over), first, *suffixes))


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
