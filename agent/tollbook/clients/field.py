"""Fields of an answer, whether it is a library's model or decoded JSON."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, Final

TOKENS_MAX: Final = 2**63 - 1
TYPES_MAX: Final = 1024  # types of models that are remembered
ABSENT: Final = object()
Lookup = Callable[[str], Any]  # returns what is said of a field, None where nothing is


def field(value: Any, name: str) -> Any:
    """Return a field of a library's model or of a decoded JSON object, None where it is absent."""
    return value.get(name) if type(value) is dict else getattr(value, name, None)


def rare_field(value: Any, name: str) -> Any:
    """Return what `field` does, for a field that most answers lack.

    A model of pydantic is read past its attributes: asked for one that it lacks, it takes longer to
    say so than ten others take.
    """
    kind: Any = type(value)
    if kind is dict:
        return value.get(name)
    if not keeps_fields(kind):
        return getattr(value, name, None)
    found = value.__dict__.get(name, ABSENT)
    if found is not ABSENT:
        return found
    more = getattr(value, "__pydantic_extra__", None)
    if more is not None and name in more:
        return more[name]
    return getattr(value, name, None) if has_of_class(kind, name) else None


def plain(value: Any) -> Any:
    """Return the fields of a model of pydantic as a dict, and anything else as it is."""
    kind: Any = type(value)
    if not keeps_fields(kind):
        return value
    return {**(getattr(value, "__pydantic_extra__", None) or {}), **value.__dict__}


@lru_cache(TYPES_MAX)
def keeps_fields(kind: Any) -> bool:
    """Return whether objects of a type are models of pydantic, which keep fields in `__dict__`."""
    return hasattr(kind, "__pydantic_fields__")


@lru_cache(TYPES_MAX)
def has_of_class(kind: Any, name: str) -> bool:
    """Return whether a class itself has something of a name, as a property."""
    return any(name in known.__dict__ for known in kind.__mro__)


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


def said_by(usages: Sequence[Any]) -> Lookup:
    """Return what asks usages of a call for a field: the last value of it that is not None."""
    shown = [plain(usage) for usage in usages]
    if any(type(usage) is not dict for usage in shown):
        return partial(latest, shown)
    if len(shown) != 1:
        pairs = (pair for usage in shown for pair in usage.items())
        shown = [{name: value for name, value in pairs if value is not None}]
    said: Lookup = shown[0].get
    return said


def latest(values: Sequence[Any], name: str) -> Any:
    """Return the last value of a field that is not None."""
    for value in reversed(values):
        if (found := rare_field(value, name)) is not None:
            return found
    return None


def token_count(value: Any) -> int | None:
    """Return a number of tokens, None for anything that is not one."""
    return value if type(value) is int and 0 <= value <= TOKENS_MAX else None


def first_count(*values: Any) -> int | None:
    """Return the first of several values that is a number of tokens."""
    for value in values:
        if value is not None and (count := token_count(value)) is not None:
            return count
    return None


def total_count(*values: Any) -> int | None:
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
