"""Fields of an answer, whether it is a library's model or decoded JSON."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

TOKENS_MAX: Final = 2**63 - 1


def field(value: Any, name: str) -> Any:
    """Return a field of a library's model or of a decoded JSON object, None where it is absent."""
    return value.get(name) if type(value) is dict else getattr(value, name, None)


class Beside:
    """A usage, with counts that an answer has elsewhere; both are read by the same names."""

    __slots__ = ("_counts", "_usage")

    def __init__(self, usage: Any, counts: Mapping[str, Any]) -> None:
        self._usage = usage
        self._counts = counts

    def __getattr__(self, name: str) -> Any:
        """Return a field of the usage, else a count, else None."""
        found = field(self._usage, name)
        return self._counts.get(name) if found is None else found


def latest(values: Sequence[Any], name: str) -> Any:
    """Return the last value of a field that is not None."""
    for value in reversed(values):
        if (found := field(value, name)) is not None:
            return found
    return None


def token_count(value: Any) -> int | None:
    """Return a number of tokens, None for anything that is not one."""
    return value if type(value) is int and 0 <= value <= TOKENS_MAX else None


def first_count(*values: Any) -> int | None:
    """Return the first of several values that is a number of tokens."""
    return next((count for value in values if (count := token_count(value)) is not None), None)


def together(*values: Any) -> int | None:
    """Return the sum of the numbers of tokens among several values, None where none is one."""
    counts = [count for value in values if (count := token_count(value)) is not None]
    return sum(counts) if counts else None


def decimal_text(value: Any) -> str | None:
    """Return an amount that a provider said as decimal digits, None for anything but an amount."""
    if type(value) not in (int, float, str):
        return None
    try:
        amount = Decimal(str(value))
    except ArithmeticError:
        return None
    return format(amount, "f") if amount.is_finite() and amount >= 0 else None
