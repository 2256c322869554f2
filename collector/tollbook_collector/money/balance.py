"""Balance: whether the roll-ups are what the calls of their hours add up to, to the last digit.

Each hour of the last two days is compared once it is over, and again when its calls change. Calls
and roll-ups are written by one insert, but not in one instant, and a copy is marked before it is
taken back: so only what differs by the same amount in two rounds counts.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Protocol

from tollbook_collector.store import sql

COMPARE_S: Final = 300.0
# Hours that a round compares: a second or so each where an hour has ten million calls.
HOURS_MAX: Final = 6

# Of an hour: roll-up, tenant, calls too many, USD too much.
Found = frozenset[tuple[str, str, int, Decimal]]


class BalanceStore(Protocol):
    """What comparing needs of the store."""

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""


class Balance:
    """Compares roll-ups with calls.

    Args:
        store: Gives the store; may raise StoreUnavailable.
    """

    def __init__(self, store: Callable[[], BalanceStore]) -> None:
        self._store = store
        self._calls: dict[datetime, int] = {}
        self._found: dict[datetime, Found] = {}
        self._wrong: dict[datetime, Found] = {}

    def compare(self) -> None:
        """Compare the hours that were not compared since their calls changed, and those in doubt.

        Raises:
            StoreUnavailable, StoreRefused: It could not; the last findings stand.
        """
        store = self._store()
        hours = {hour: int(calls) for hour, calls in store.rows(sql.read("queries/roll_up_hours"))}
        for known in (self._calls, self._found, self._wrong):
            for hour in known.keys() - hours.keys():
                del known[hour]
        due = [
            hour
            for hour, calls in hours.items()
            if self._calls.get(hour) != calls or self._found[hour]
        ]
        for hour in due[:HOURS_MAX]:
            self._compare_hour(store, hour)
            self._calls[hour] = hours[hour]

    def _compare_hour(self, store: BalanceStore, hour: datetime) -> None:
        parameters = {"hour": hour.replace(tzinfo=UTC).strftime("%Y-%m-%d %H:%M:%S")}
        rows = store.rows(sql.read("queries/roll_up_imbalance"), parameters)
        found = frozenset(
            (str(t), str(who), int(calls), Decimal(usd)) for t, who, calls, usd in rows
        )
        self._wrong.pop(hour, None)
        if found and found == self._found.get(hour):
            self._wrong[hour] = found
        self._found[hour] = found

    def faults(self) -> list[str]:
        """Return a sentence for each roll-up that is wrong; it names no tenant."""
        faults = []
        for roll_up in sorted({entry[0] for found in self._wrong.values() for entry in found}):
            hours = {
                hour: [entry for entry in found if entry[0] == roll_up]
                for hour, found in self._wrong.items()
            }
            entries = [entry for found in hours.values() for entry in found]
            calls = sum(abs(entry[2]) for entry in entries)
            usd = sum((abs(entry[3]) for entry in entries), Decimal(0))
            named = sorted(hour for hour, found in hours.items() if found)
            faults.append(
                f"{roll_up} is not what its calls add up to: off by {calls} calls and"
                f" {usd.normalize():f} USD in {len(named)} hours, the first"
                f" {named[0]:%Y-%m-%d %H:00} UTC; the table calls is right"
            )
        return faults
