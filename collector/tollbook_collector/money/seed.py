"""The first price book: the data of `genai-prices` as dated rates and model patterns.

`genai-prices` is read as data and never asked for a price: a rate becomes a row with its unit,
validity and source, and pricing happens in one place, in SQL. Rates are kept per token (or per
search, second of audio, page, …) in 12 decimals; the few resale prices that carry more are rounded
half to even there, which is 1e-6 USD per million tokens.

Not carried over: prices that depend on the time of day (five DeepSeek models; `book/` has three of
them), both directions of spoken conversations by the hour, cached audio and images apart, and
routes or search types of resellers. Such calls have no rate, so their cost is NULL.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from genai_prices import types
from genai_prices.data import providers as library_providers

from tollbook_collector.money.own_book import UnreadablePrices, completed, own_files
from tollbook_collector.money.rate import (
    BEGINNING,
    END,
    RATE_SCALE,
    STANDARD,
    Book,
    ModelPattern,
    Rate,
)

__all__ = ["BEGINNING", "END", "Book", "ModelPattern", "Rate", "read_book"]

# Data of the library that a user put in place of those that are installed.
SNAPSHOT: Final = "genai-prices.json"
# How the source of its rates begins.
LIBRARY_DATA: Final = "genai-prices data"

# Meter by the library's name of a unit price, and how many units that price is for.
METERS: Final = {
    "input_mtok": ("input", 1_000_000),
    "cache_read_mtok": ("cache_read", 1_000_000),
    "cache_write_mtok": ("cache_write", 1_000_000),
    "cache_write_1h_mtok": ("cache_write_1h", 1_000_000),
    "input_audio_mtok": ("input_audio", 1_000_000),
    "input_image_mtok": ("input_image", 1_000_000),
    "output_mtok": ("output", 1_000_000),
    "output_reasoning_mtok": ("reasoning", 1_000_000),
    "output_audio_mtok": ("output_audio", 1_000_000),
    "output_image_mtok": ("output_image", 1_000_000),
    "requests_kcount": ("request_fee", 1_000),
    "web_searches_kcount": ("web_search", 1_000),
    "storage_searches_kcount": ("file_search", 1_000),
    "input_audio_hours": ("audio_second", 3_600),
    "input_mchars": ("character", 1_000_000),
    "input_document_kpages": ("page", 1_000),
    "input_annotated_document_kpages": ("page:annotated", 1_000),
}

# Names of the GenAI conventions by the library's provider id, where they differ.
CANONICAL_PROVIDERS: Final = {
    "azure": ("azure.ai.openai", "azure.ai.inference"),
    "google": ("gcp.gemini", "gcp.vertex_ai", "gcp.gen_ai"),
    "aws": ("aws.bedrock",),
    "x-ai": ("x_ai",),
    "mistral": ("mistral_ai",),
    "moonshotai": ("moonshot_ai",),
    "together": ("together_ai",),
    "fireworks": ("fireworks_ai",),
}

# The library's conditions that name a service tier; others are left out.
TIERS: Final = {
    ("service_tier", "flex"): "flex",
    ("service_tier", "priority"): "priority",
    ("service_tier", "fast"): "fast",
    ("processing", "batch"): "batch",
    ("speed", "fast"): "fast",
}

# What may stand before the name of a model: the resource that it is there.
BEFORE_NAMES: Final = {
    "aws.bedrock": "(?:arn:aws[a-z-]*:bedrock:[^/]*/)?",
    "gcp.gemini": "(?:(?:.*/)?models/)?",
    "gcp.vertex_ai": "(?:(?:.*/)?models/)?",
    "gcp.gen_ai": "(?:(?:.*/)?models/)?",
}

NEGATIVE_LOOKAHEAD: Final = re.compile(r"^\^\(\?!(?P<body>.*)\)$")


class UnknownMatch(ValueError):
    """The library matches a model in a way that this reader does not know."""


@dataclass(frozen=True)
class _Period:
    start: datetime
    end: datetime
    prices: dict[str, Any]


def read_book(own: Path | None = None) -> Book:
    """Return the price book: `genai-prices`, completed by our files and then by the user's.

    Args:
        own: A directory with TOML files of the user's, read in the order of their names, and maybe
            with data of `genai-prices` (SNAPSHOT) in place of the installed ones.

    Raises:
        UnknownMatch: The library has a new way to match models.
        UnreadablePrices: A file says something that cannot be; its line and reason are named.
    """
    snapshot = own / SNAPSHOT if own is not None else None
    taken = snapshot if snapshot is not None and snapshot.is_file() else None
    return completed(read_library(taken), own_files(own))


def read_library(snapshot: Path | None = None) -> Book:
    """Return the price book of the installed `genai-prices` alone, or of a file with its data.

    Raises:
        UnknownMatch: The library has a new way to match models.
        UnreadablePrices: The file is not such data.
    """
    if snapshot is None:
        return _book(library_providers, f"genai-prices {version('genai-prices')}")
    content = snapshot.read_bytes()
    try:
        providers = types._providers_from_raw(json.loads(content))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        first = str(error).split("\n")[0]
        raise UnreadablePrices(f"{snapshot.name}: not data of genai-prices: {first}") from error
    if not providers:
        raise UnreadablePrices(f"{snapshot.name}: not data of genai-prices: it is empty")
    return _book(providers, f"{LIBRARY_DATA} {hashlib.sha256(content).hexdigest()[:12]}")


def _book(providers: Any, source: str) -> Book:
    patterns: list[ModelPattern] = []
    rates: list[Rate] = []
    for provider in providers:
        for name in CANONICAL_PROVIDERS.get(provider.id, (provider.id,)):
            patterns.extend(_patterns(name, provider.models))
            for model in provider.models:
                rates.extend(_rates(name, model, source))
    return Book(source, tuple(patterns), tuple(rates))


def _patterns(provider: str, models: list[Any]) -> Iterator[ModelPattern]:
    """Yield the rules of a provider; RE2 has no lookahead, so exclusions are rules of their own.

    A model with an exclusion comes after the others: what it excludes is either another model's,
    which then matched already, or no model's at all.
    """
    with_exclusion: list[ModelPattern] = []
    before = BEFORE_NAMES.get(provider, "")
    for model in models:
        wanted, unwanted = _alternatives(model.match)
        rule = ModelPattern(provider, f"^{before}(?:{'|'.join(wanted)})$", model.id)
        if unwanted:
            excluded = f"^{before}(?:{'|'.join(unwanted)})$"
            with_exclusion += [ModelPattern(provider, excluded, ""), rule]
        else:
            yield rule
    yield from with_exclusion


def _alternatives(match: Any) -> tuple[list[str], list[str]]:
    """Return expressions for the whole string: any of the first, and none of the second."""
    if isinstance(match, types.ClauseOr):
        parts = [_alternatives(clause) for clause in match.or_]
        return [w for wanted, _ in parts for w in wanted], [u for _, not_ in parts for u in not_]
    if isinstance(match, types.ClauseAnd) and len(match.and_) == 2:
        first, second = match.and_
        exclusion = NEGATIVE_LOOKAHEAD.match(getattr(second, "regex", ""))
        if isinstance(first, types.ClauseStartsWith) and exclusion:
            start = re.escape(first.starts_with.lower())
            body = exclusion["body"].removesuffix("(?:$|-)")
            return [f"{start}.*"], [f"{start}{body}", f"{start}{body}-.*"]
    return [_whole(match)], []


def _whole(match: Any) -> str:
    """Return an expression that matches the whole string where `match` does."""
    if isinstance(match, types.ClauseEquals):
        return re.escape(match.equals.lower())
    if isinstance(match, types.ClauseStartsWith):
        return f"{re.escape(match.starts_with.lower())}.*"
    if isinstance(match, types.ClauseEndsWith):
        return f".*{re.escape(match.ends_with.lower())}"
    if isinstance(match, types.ClauseContains):
        return f".*{re.escape(match.contains.lower())}.*"
    if isinstance(match, types.ClauseRegex) and "(?!" not in match.regex:
        text = match.regex
        body = text.removeprefix("^").removesuffix("$")
        start = "" if text.startswith("^") else ".*"
        end = "" if text.endswith("$") else ".*"
        return f"{start}(?:{body}){end}"
    raise UnknownMatch(f"{match!r} is a way to match models that the seed does not know")


def _rates(provider: str, model: Any, source: str) -> Iterator[Rate]:
    """Yield the rates of one model: tiers by periods by context steps by meters."""
    standard = _periods(model.prices)
    if standard is None:
        return
    by_tier = {STANDARD: standard}
    for tier in dict.fromkeys(TIERS.values()):
        variants = [
            variant
            for variant in model.price_variants or ()
            if len(variant.when) == 1 and TIERS.get(next(iter(variant.when.items()))) == tier
        ]
        if len(variants) == 1 and (periods := _variant_periods(standard, variants[0])):
            by_tier[tier] = periods
    # Each card is written for every step of its model, so that a call is looked up by the step it
    # is above, whichever tier and period that step belongs to.
    every = [period for periods in by_tier.values() for period in periods]
    steps = {0} | {
        step.start
        for period in every
        for name, price in period.prices.items()
        if name in METERS
        for step in getattr(price, "tiers", ())
    }
    for tier, periods in by_tier.items():
        yield from _cards(provider, model.id, tier, periods, sorted(steps), source)


def _periods(prices: Any) -> list[_Period] | None:
    """Return the periods of a model's standard prices, or None if they depend on the hour."""
    if isinstance(prices, types.ModelPrice):
        return [_Period(BEGINNING, END, dict(prices.__dict__))]
    starts: list[tuple[datetime, dict[str, Any]]] = []
    for conditional in prices:
        if conditional.constraint is None:
            starts.append((BEGINNING, dict(conditional.prices.__dict__)))
        elif isinstance(conditional.constraint, types.StartDateConstraint):
            first_day = conditional.constraint.start_date
            starts.append((_midnight(first_day), dict(conditional.prices.__dict__)))
        else:
            return None
    ends = [start for start, _ in starts[1:]] + [END]
    return [_Period(start, end, body) for (start, body), end in zip(starts, ends, strict=True)]


def _variant_periods(standard: list[_Period], variant: Any) -> list[_Period]:
    """Return the periods in which a tier's own prices hold, laid over the standard ones."""
    begin = BEGINNING
    if isinstance(variant.constraint, types.StartDateConstraint):
        begin = _midnight(variant.constraint.start_date)
    own = {name: price for name, price in variant.prices.__dict__.items() if price is not None}
    return [
        _Period(max(period.start, begin), period.end, {**period.prices, **own})
        for period in standard
        if own and max(period.start, begin) < period.end
    ]


def _cards(
    provider: str, model: str, tier: str, periods: list[_Period], steps: list[int], source: str
) -> Iterator[Rate]:
    for period in periods:
        prices = {METERS[k]: v for k, v in period.prices.items() if k in METERS and v is not None}
        for context_over in steps:
            price_id = f"{provider}/{model}/{tier}/{context_over}/{period.start:%Y-%m-%d}"
            for (meter, units), price in prices.items():
                yield Rate(
                    price_id=price_id,
                    provider=provider,
                    model=model,
                    service_tier=tier,
                    context_over=context_over,
                    meter=meter,
                    rate_usd=_per_unit(_at_context(price, context_over), units),
                    valid_from=period.start,
                    valid_to=period.end,
                    source=source,
                )


def _per_unit(price: Decimal, units: int) -> Decimal:
    return (price / units).quantize(RATE_SCALE, ROUND_HALF_EVEN)


def _at_context(price: Any, context_over: int) -> Decimal:
    """Return the price, as the library gives it, for calls above a context step."""
    if isinstance(price, Decimal):
        return price
    reached = [tier.price for tier in price.tiers if tier.start <= context_over]
    return Decimal(reached[-1] if reached else price.base)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
