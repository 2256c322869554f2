"""Caps on how many values a dimension may have: a flood of names does not make every answer slow.

A tenant that has more values of a dimension in a day than it may keeps those that it used first;
every further one becomes (other) in the columns of its calls and so in its spend. Nothing is lost:
the tags, and the model as it was asked for, stay as they came. The next day begins anew.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Protocol

from pydantic import Field

from tollbook_collector.policy import Section
from tollbook_collector.store import sql

# Seconds between two looks; with the look itself a flood is capped within 15 s.
LOOK_S: Final = 10.0
# More values would make every answer slow, and the caps themselves.
CAP_MAX: Final = 1_000_000
DICTIONARY: Final = "kept_value"


class Caps(Section):
    """[caps]: values of each dimension that a tenant may have in a day, UTC.

    Attributes:
        service: Names of services.
        model: Names of models that are not in the price book; those that are count too.
        team: Values of the tag team.
        feature: Values of the tag feature.
        customer: Values of the tag customer.
    """

    service: int = Field(default=2_000, ge=1, le=CAP_MAX)
    model: int = Field(default=2_000, ge=1, le=CAP_MAX)
    team: int = Field(default=2_000, ge=1, le=CAP_MAX)
    feature: int = Field(default=5_000, ge=1, le=CAP_MAX)
    customer: int = Field(default=50_000, ge=1, le=CAP_MAX)


class CardinalityStore(Protocol):
    """What caps need of the store."""

    def command(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that returns no rows."""

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""


class Cardinality:
    """Caps the values of dimensions.

    Args:
        store: Gives the store; may raise StoreUnavailable.
        caps: Gives the caps in force.
    """

    def __init__(
        self, store: Callable[[], CardinalityStore], caps: Callable[[], Caps] = Caps
    ) -> None:
        self._store = store
        self._caps = caps
        self._loaded: tuple[date, frozenset[tuple[str, str]]] | None = None
        self._other_calls = 0

    def look(self) -> None:
        """Cap what has grown over its cap since the last look.

        Raises:
            StoreUnavailable, StoreRefused: It could not; it looks again the next time.
        """
        store = self._store()
        capped = self._capped(store)
        other_calls = 0
        caps: dict[str, int] = self._caps().model_dump()
        for tenant, distinct_values, calls in store.rows(sql.read("queries/distinct_values")):
            other_calls += int(calls)
            for dimension, cap in caps.items():
                if distinct_values[dimension] > cap and (tenant, dimension) not in capped:
                    parameters = {"tenant": tenant, "dimension": dimension, "cap": cap}
                    store.command(sql.read("queries/keep_values"), parameters)
        self._other_calls = other_calls
        now = (datetime.now(UTC).date(), self._capped(store))
        if now != self._loaded:
            store.command(sql.read("queries/reload_dictionary"), {"dictionary": DICTIONARY})
            self._loaded = now

    def counts(self) -> dict[str, int]:
        """Return how many dimensions of tenants are over their cap today, and their other calls."""
        capped = len(self._loaded[1]) if self._loaded else 0
        return {"capped_dimensions": capped, "other_calls": self._other_calls}

    def _capped(self, store: CardinalityStore) -> frozenset[tuple[str, str]]:
        rows = store.rows(sql.read("queries/kept_dimensions"))
        return frozenset((str(tenant), str(dimension)) for tenant, dimension in rows)
