"""Numbers as people read them: money, counts, times, shares, in no more digits than are needed."""

import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

NS_A_MS: Final = 1_000_000
UNKNOWN: Final = "\N{EN DASH}"
MINUS: Final = "\N{MINUS SIGN}"
# What a period is called in a sentence.
PERIODS: Final = {
    "1h": "the last hour",
    "24h": "the last 24 hours",
    "7d": "the last 7 days",
    "30d": "the last 30 days",
    "90d": "the last 90 days",
}
UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def usd(amount: Decimal | None) -> str:
    """Return an amount in dollars: cents from a dollar on, four digits below; unknown is a dash."""
    if amount is None:
        return UNKNOWN
    sign, size = (MINUS if amount < 0 else ""), abs(amount)
    if size == 0:
        return "$0"
    if size >= 10_000:
        return f"{sign}${size.quantize(Decimal(1), ROUND_HALF_EVEN):,}"
    if size >= 1:
        return f"{sign}${size.quantize(Decimal('0.01'), ROUND_HALF_EVEN):,}"
    digits = -size.adjusted() + 2
    return f"{sign}${size.quantize(Decimal(1).scaleb(-min(digits, 12)), ROUND_HALF_EVEN):f}"


def usd_change(amount: Decimal) -> str:
    """Return a difference in dollars with its sign."""
    return usd(amount) if amount <= 0 else f"+{usd(amount)}"


def cell(number: object) -> object:
    """Return what a cell of a table sorts and is saved by: nothing where it is not known."""
    return "" if number is None else number


def exact(amount: Decimal | None) -> str:
    """Return an amount with all its digits."""
    return UNKNOWN if amount is None else f"{amount.normalize():f} USD"


def count(number: float | None) -> str:
    """Return a number of things: whole below 10,000, then three digits and k, M, G or T."""
    if number is None:
        return UNKNOWN
    if abs(number) < 10_000:
        return f"{number:,.0f}"
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        # 999,950 is 1 M and not 1,000 k.
        if abs(number) >= size * 0.9995:
            return f"{number / size:.3g}{letter}"
    return f"{number:,.0f}"


def share(part: float | Decimal, whole: float | Decimal) -> str:
    """Return a part of a whole in percent."""
    if not whole:
        return UNKNOWN
    percent = 100 * float(part) / float(whole)
    if 0 < percent < 0.05:
        return "< 0.1 %"
    return f"{percent:.0f} %" if percent >= 9.95 or percent == 0 else f"{percent:.1f} %"


def duration(milliseconds: float | None) -> str:
    """Return a time span: ms below a second, then seconds, minutes, hours."""
    if milliseconds is None:
        return UNKNOWN
    if milliseconds < 1000:
        return f"{milliseconds:.3g} ms" if milliseconds < 100 else f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"


def duration_ns(nanoseconds: int | None) -> str:
    """Return a time span that is given in nanoseconds."""
    return duration(None if nanoseconds is None else nanoseconds / NS_A_MS)


def when(at: datetime | str) -> str:
    """Return an instant, UTC, to the second."""
    instant = datetime.fromisoformat(at[:26]) if isinstance(at, str) else at
    instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    return f"{instant:%Y-%m-%d %H:%M:%S}"


def period(since: str) -> str:
    """Return what a period is called in a sentence: `the last 7 days`."""
    return PERIODS.get(since, f"the last {since[:-1]} {UNITS.get(since[-1:], since[-1:])}")


def plural(number: int, one: str, many: str = "") -> str:
    """Return a count with its noun: `1 call`, `3 calls`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def pieces(name: str) -> list[str]:
    """Return a name, as an e-mail address, in the pieces between which a line may end."""
    return re.split(r"(?=[@._-])", name)


def sentence(text: str) -> str:
    """Return words as a sentence: its first letter large, a full stop at its end.

    A name stays as it is: that of a model is another one with a large letter.

    >>> sentence("spend of team search"), sentence("house-model-7b has no price")
    ('Spend of team search.', 'house-model-7b has no price.')
    """
    text = text.strip()
    if not text:
        return ""
    first = text.split()[0]
    begin = first[0].upper() + first[1:] if first.isalpha() else first
    return begin + text[len(first) :] + ("" if text[-1] in ".!?" else ".")


def percent_change(delta: Decimal, before: Decimal) -> str:
    """Return a change against what was before: in percent, from tenfold on as a multiple."""
    if not before:
        return ""
    ratio = delta / before
    return f"{ratio + 1:.0f}\N{MULTIPLICATION SIGN}" if ratio >= 9 else f"{100 * ratio:+.0f} %"


def number(form: str, value: float) -> str:
    """Return a number in printf's form, with a minus sign that is one."""
    return (form % value).replace("-", MINUS)
