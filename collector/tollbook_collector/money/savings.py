"""Finds what calls of the last 30 days would have cost otherwise; all of it is done by the engine.

Four ways, which overlap, so that their sums are not added: the same question asked once a day; the
same prompt read from the provider's cache; a tier that waits; a cheaper model that the same
feature uses already. Nothing is said that the calls do not show: equal questions are known by keyed
digests, and no model is proposed that the feature has not tried.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from tollbook_collector.duties import each_alone
from tollbook_collector.store import sql

SEARCH_EVERY_S: Final = 6 * 3600.0
LOOKED_AT: Final = timedelta(days=30)
# No provider caches a shorter prompt.
CACHED_TOKENS_MIN: Final = 1_024
# Longer prompts have rates of their own.
INPUT_TOKENS_MAX: Final = 128_000
# With fewer calls of a model in a feature nothing is said of it.
CALLS_MIN: Final = 100
# How much more often, as a share of calls, a cheaper model may fail or be cut off.
MARGIN: Final = 0.005
WAYS: Final = ("savings_repeats", "savings_cache", "savings_tiers", "savings_models")
# A month of digests does not fit into memory: beyond this it is sorted on the disk.
SETTINGS: Final = {"max_bytes_before_external_group_by": 256 * 1024 * 1024}


class Database(Protocol):
    """What the search needs of the store."""

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""

    def command(
        self,
        statement: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Carry out a statement that returns no rows."""


def search(store: Database, tenant: str, now: datetime) -> None:
    """Search the calls of a tenant and keep what was found in `savings`.

    A search that was cut off does not count; the one before it does.

    Raises:
        StoreUnavailable, StoreRefused: The store did not answer.
    """
    until = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    parameters = {
        "tenant": tenant,
        "found_at": now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
        "since": f"{until - LOOKED_AT:%Y-%m-%d %H:%M:%S}",
        "until": f"{until:%Y-%m-%d %H:%M:%S}",
        "input_min": CACHED_TOKENS_MIN,
        "input_max": INPUT_TOKENS_MAX,
        "calls_min": CALLS_MIN,
        "margin": MARGIN,
    }
    for name in (*WAYS, "savings_all"):
        store.command(sql.read(f"queries/{name}"), parameters, SETTINGS)


class Savings:
    """The duty that searches the calls of every tenant.

    Args:
        store: Returns the store; raises StoreUnavailable while it is away.
        now: The clock.
    """

    def __init__(
        self,
        store: Callable[[], Database],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._now = now

    def search(self) -> None:
        """Search once.

        Raises:
            StoreUnavailable: The store is away.
            SomeFailed: It failed for some tenants, and the others were searched.
        """
        store, now = self._store(), self._now()
        parameters = {
            "since": f"{now - LOOKED_AT:%Y-%m-%d %H:%M:%S}",
            "until": f"{now:%Y-%m-%d %H:%M:%S}",
        }
        rows = store.rows(sql.read("queries/savings_tenants"), parameters)
        each_alone([str(tenant) for (tenant,) in rows], lambda tenant: search(store, tenant, now))
