"""What is billed beside tokens: searches, seconds of audio, images, …, and how many a card bills.

The same rule as the collector's in SQL; tests hold both equal. A meter is a unit, and may have a
detail: `image:hd/1024x1024`.
"""

import math
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from operator import attrgetter
from typing import Final

from tollbook.model_call import Usage

COUNT_MAX: Final = 1 << 40  # of one unit, in one call
DETAIL: Final = re.compile(r"[a-z0-9/.-]{1,40}")
SEARCH_CONTEXT: Final = re.compile(r"[a-z]{1,16}")
REQUEST_FEE: Final = "request_fee"
# They come with tokens, and so does a call; the others measure what has a cost without them.
FEES: Final = frozenset({REQUEST_FEE, "web_search", "file_search", "code_session"})
UNITS: Final = FEES | {"search_unit", "audio_second", "character", "page", "image"}
# The units, and the fields of a usage that count them; that of images is named by their detail.
SAID: Final = (
    "web_search",
    "file_search",
    "code_session",
    "search_unit",
    "audio_second",
    "character",
    "page",
    "",
)
SAID_OF: Final = attrgetter(
    "web_search_requests",
    "file_search_requests",
    "code_sessions",
    "search_units",
    "input_audio_seconds",
    "input_characters",
    "pages",
    "images",
)

NOTHING: Final = (None,) * len(SAID)


def is_unit(meter: str) -> bool:
    """Return whether a meter counts something else than tokens."""
    return meter.partition(":")[0] in UNITS


def units_of(usage: Usage) -> Mapping[str, int] | None:
    """Return the units of a call by name, whole ones; None where a number cannot be."""
    units: dict[str, int] = {}
    said = SAID_OF(usage)
    if said == NOTHING and not usage.search_context_size:  # nearly all calls
        return units
    for name, count in zip(SAID, said, strict=True):
        if count is not None:
            if not math.isfinite(count) or not 0 <= count <= COUNT_MAX:
                return None
            units[name or image_unit(usage)] = round(count)
    if usage.search_context_size:
        context = usage.search_context_size.lower()
        if SEARCH_CONTEXT.fullmatch(context):
            units[f"{REQUEST_FEE}:{context}"] = 1
    return units


def image_unit(usage: Usage) -> str:
    """Return the unit of the images: with their quality and size, as far as they are known."""
    words = (usage.image_quality, usage.image_size)
    detail = "/".join(word.lower() for word in words if word)
    return f"image:{detail}" if DETAIL.fullmatch(detail) else "image"


def billed(
    units: Mapping[str, int], rates: Mapping[str, Decimal], has_tokens: bool
) -> Iterable[tuple[str, int]]:
    """Yield each meter of a card beside those of tokens, with how many of it a call is billed for.

    A unit with a detail is billed by the meter of that detail, and where the card has none by the
    meter without. An image is billed by tokens where there are tokens; a request is billed once.

    Args:
        units: Of the call.
        rates: Of the card, by meter.
        has_tokens: Whether the call says its tokens.
    """
    for meter in filter(is_unit, rates):
        if meter == REQUEST_FEE:
            yield meter, int(not any(u.startswith(f"{REQUEST_FEE}:") and u in rates for u in units))
        elif has_tokens and meter.startswith("image"):
            yield meter, 0
        else:
            yield meter, sum(n for unit, n in units.items() if meter_of(unit, rates) == meter)


def meter_of(unit: str, rates: Mapping[str, Decimal]) -> str:
    """Return the meter that a unit is billed by: its own, or that without its detail."""
    return unit if unit in rates else unit.partition(":")[0]


def has_no_rate(unit: str, rates: Mapping[str, Decimal], has_token_rates: bool) -> bool:
    """Return whether a unit that was used leaves the cost unknown."""
    if unit.startswith(f"{REQUEST_FEE}:") or meter_of(unit, rates) in rates:
        return False
    return unit.partition(":")[0] in FEES or not has_token_rates
