"""What a price book changes of another, and which changes are taken for slips of the pen."""

import hashlib
from collections.abc import Collection, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

from tollbook_collector.money.rate import Book, Rate, is_unit

# A rate that changes by more than this is taken for a slip of the decimal point.
JUMP_MAX: Final = 100


def changes(before: Book, after: Book) -> Iterator[str]:
    """Yield a line for each rate that is added, changed or gone, USD per million or for a unit."""
    old, new = _by_key(before), _by_key(after)
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key), new.get(key)
        if was != now:
            name = "/".join(key)
            yield f"{name}: {_shown(was, key[1])} -> {_shown(now, key[1])}"


def jumps(before: Book, after: Book, allowed: Collection[str] = ()) -> list[str]:
    """Return a line for each rate of a model that changes by more than `JUMP_MAX` times.

    Args:
        before: The book that was right.
        after: The one that may not be.
        allowed: How the sources of rates begin whose jumps were said to be right.
    """
    old: dict[tuple[str, ...], list[Decimal]] = {}
    for rate in before.rates:
        old.setdefault(_meter(rate), []).append(rate.rate_usd)
    known = set(before.rates)
    lines = []
    for rate in after.rates:
        others = [amount for amount in old.get(_meter(rate), []) if amount > 0]
        if rate in known or not others or rate.rate_usd == 0:
            continue
        if any(rate.source.startswith(f"{name} ") for name in allowed):
            continue
        if rate.rate_usd > JUMP_MAX * max(others) or rate.rate_usd * JUMP_MAX < min(others):
            was, now = _shown(max(others), rate.meter), _shown(rate.rate_usd, rate.meter)
            lines.append(f"{rate.price_id} {rate.meter}: {was} -> {now}")
    return lines


def _meter(rate: Rate) -> tuple[str, ...]:
    return rate.provider, rate.model, rate.service_tier, rate.meter


def _by_key(book: Book) -> dict[tuple[str, ...], Decimal]:
    return {(rate.price_id, rate.meter): rate.rate_usd for rate in book.rates}


def _shown(amount: Decimal | None, meter: str) -> str:
    """Return USD for one unit, or per million tokens."""
    if amount is None:
        return "none"
    return format((amount if is_unit(meter) else amount * 1_000_000).normalize(), "f")


def accept(file: Path) -> None:
    """Remember that somebody said that the jumps of a price file are right, as it is now."""
    _acceptance(file).write_text(_sha256(file))


def accepted(file: Path) -> bool:
    """Return whether the jumps of a price file were said to be right, and it was not changed."""
    acceptance = _acceptance(file)
    return acceptance.is_file() and acceptance.read_text().strip() == _sha256(file)


def _acceptance(file: Path) -> Path:
    return file.with_name(f"{file.name}.accepted")


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
