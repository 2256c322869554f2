"""Billable once: finds calls that were seen twice and takes the copies out of the spend.

An SDK, a gateway and a server may each send a span of the same call, minutes or a collector apart.
So copies are looked for again and again among the calls of each hour that has new ones. A copy gets
a row in `copies`, which the view `calls` obeys; then rows that take it back are added to the
roll-ups. Nothing is changed in place, and which copy counts does not depend on which came first.

A copy is taken back once, however many search at a time and wherever one is killed, even if what a
killed one had asked for goes on in the store. Rounds of copies are a chain: a round is added under
a token that names the one before it, which the store takes once. Whoever added it has seen all
earlier rounds, so that no copy is in two of them; it is one insert into one month, so that it is
there as a whole or not at all. What takes a round back has tokens that name the round, and adds
nothing once the round has ended: whoever comes upon an open round carries it out.

An hour is done when it was searched with all the calls that its spend had before. Calls are there
before their spend on one server; on another replica they may come after it. So they are counted,
and an hour that has fewer is searched again, until it has no more than the last time.
"""

import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from tollbook_collector.duties import each_alone
from tollbook_collector.store import sql

EVERY_S: Final = 10.0
# Copies of a call start so long before or after it, by the clocks of their machines.
APART_MAX: Final = timedelta(minutes=15)
# More calls than this with one unsure sign are of a server that repeats itself.
GROUP_MAX: Final = 64
# Hours that one round searches.
HOURS_MAX: Final = 200
# Copies of one round: one block of an insert, some 40 MB.
COPIES_MAX: Final = 100_000
# Rounds of an hour; what is left then is found by the next search.
TRIES_MAX: Final = 1_000
# Tokens of one place in the chain of rounds: as often may a store die at one instant of it.
PLACES_MAX: Final = 10
STATEMENT_S_MAX: Final = 120
MICROSECOND: Final = timedelta(microseconds=1)
# After a round that took t seconds there is none for so many t: searching stays a small share.
REST: Final = 10.0
ROLL_UPS: Final = ("hourly", "minutely")
# Roll-ups with dimensions that `copies` has not: what a copy had added is made again by their view.
SERIES: Final = {
    "series": "views/91_roll_up_series_minutes",
    "runs": "views/94_roll_up_runs",
    "traces": "views/94_roll_up_traces",
    "behaviour": "views/93_roll_up_behaviour",
}
FROM_SPANS: Final = "FROM spans\n"
HOUR: Final = timedelta(hours=1)

# Of hours whose calls were fewer than their spend had: how many the spend had, how many were there.
Unsure = dict[datetime, tuple[int, int]]

log = logging.getLogger(__name__)


class CopyStore(Protocol):
    """What finding copies needs of the store."""

    def command(
        self,
        statement: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Run a statement that returns no rows."""

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""


class Copies:
    """Finds copies of calls, a round at a time.

    Args:
        store: Gives the store; may raise StoreUnavailable.
    """

    def __init__(self, store: Callable[[], CopyStore]) -> None:
        self._store = store
        self._rest_until = 0.0
        self._unsure: Unsure = {}

    def search(self) -> None:
        """Search the hours that have new calls, unless the last search was long and just now."""
        started = time.monotonic()
        if started < self._rest_until:
            return
        search(self._store(), self._unsure)
        self._rest_until = time.monotonic() + REST * (time.monotonic() - started)


def search(store: CopyStore, unsure: Unsure | None = None) -> int:
    """Find the copies among calls that came since the last search, and return in how many hours.

    Rounds that were cut off, or that another search is about to carry out, are carried out first.

    Args:
        store: The store.
        unsure: What the last search left in doubt; this one writes into it.

    Raises:
        StoreUnavailable: The store is away.
        SomeFailed: Some hours could not be searched; the others were.
    """
    for (found_at,) in store.rows(sql.read("queries/copy_rounds_open")):
        _take_back(store, found_at.replace(tzinfo=UTC))
    rows = store.rows(sql.read("queries/copy_hours"), {"limit": HOURS_MAX})
    calls = {hour.replace(tzinfo=UTC): int(count) for hour, count in rows}
    unsure = {} if unsure is None else unsure
    each_alone(calls, lambda hour: _search_hour(store, hour, calls[hour], unsure))
    return len(calls)


def _search_hour(store: CopyStore, hour: datetime, calls: int, unsure: Unsure) -> None:
    started_at = datetime.now(UTC)
    ((seen,),) = store.rows(sql.read("queries/copy_hour_calls"), {"hour": _text(hour)})
    name = {"search": uuid.uuid4().hex}
    parameters = {
        **name,
        "since": _text(hour - APART_MAX),
        "until": _text(hour + HOUR + APART_MAX),
        "group_max": GROUP_MAX,
    }
    store.command(sql.read("queries/copies_find"), parameters)
    tries = 0
    while left := store.rows(sql.read("queries/copies_left"), name):
        if tries == TRIES_MAX:
            log.warning("%s copies of %s are left to the next search", left[0][1], hour)
            return
        tries += 1
        found_at = _add_round(store, name["search"], int(left[0][0]))
        if found_at:
            _take_back(store, found_at)
    doubt = (calls, int(seen))
    if int(seen) >= calls or unsure.pop(hour, None) == doubt:
        _end(store, hour, started_at, calls)
    else:
        unsure[hour] = doubt


def _add_round(store: CopyStore, search: str, month: int) -> datetime | None:
    """Add copies of a month as the next round and return its name; None: another search was first.

    A single store that died between its note of a token and the rows has the token without them:
    then the next token of the same place is as good. Only if the first was refused and left no
    round may it be used, so that still one insert takes the place.
    """
    for place in range(PLACES_MAX):
        ((last, is_replicated),) = store.rows(sql.read("queries/copies_last"))
        last = last.replace(tzinfo=UTC)
        found_at: datetime = max(datetime.now(UTC), last + MICROSECOND)
        parameters = {
            "search": search,
            "month": month,
            "last": _text(last),
            "found_at": _text(found_at),
            "limit": COPIES_MAX,
        }
        _insert(store, "copies_add", parameters, f"copies-after-{_text(last)}-{place}")
        ((found,),) = store.rows(sql.read("queries/copies_found"), {"found_at": _text(found_at)})
        if found:
            return found_at
        ((now_last, _),) = store.rows(sql.read("queries/copies_last"))
        if is_replicated or now_last.replace(tzinfo=UTC) != last:
            return None
    return None


def _take_back(store: CopyStore, found_at: datetime) -> None:
    """Carry a round out: take its copies out of the roll-ups, and say that it has ended."""
    round_ = {"found_at": _text(found_at)}
    _insert(store, "copies_repoint", round_, f"copies-again-{found_at.timestamp()}")
    for table in ROLL_UPS:
        token = f"copies-{table}-{found_at.timestamp()}"
        _insert(store, f"copies_take_back_{table}", round_, token)
    for table, view in SERIES.items():
        statement = _taken_back(f"queries/copies_take_back_{table}", view)
        store.command(statement, round_, _once(f"copies-{table}-{found_at.timestamp()}"))
    token = f"copies-adjustments-{found_at.timestamp()}"
    _insert(store, "copies_take_back_adjustments", round_, token)
    store.command(sql.read("queries/reload_dictionary"), {"dictionary": "original_of_copy"})
    _end(store, found_at, found_at, calls=0)


def _end(store: CopyStore, hour: datetime, found_at: datetime, calls: int) -> None:
    parameters = {"hour": _text(hour)[:19], "found_at": _text(found_at), "calls": calls}
    store.command(sql.read("queries/copy_round_add"), parameters)


def _taken_back(query: str, view: str) -> str:
    """Return a query with what the view makes of a round's copies in place of `taken_back`."""
    _, _, select = sql.read(view).partition(" AS\n")
    assert FROM_SPANS in select, f"{view} does not read spans"
    # The alias keeps the view's own names of the columns.
    copied = f"FROM\n(\n{sql.read('queries/copied_spans')}) AS spans\n"
    made = select.replace(FROM_SPANS, copied)
    return sql.read(query).replace("FROM taken_back\n", f"FROM\n(\n{made})\n")


def _insert(store: CopyStore, query: str, parameters: Mapping[str, Any], token: str) -> None:
    store.command(sql.read(f"queries/{query}"), parameters, _once(token))


def _once(token: str) -> Mapping[str, Any]:
    """Return the settings of an insert that is carried out once under a token."""
    return {
        "insert_deduplication_token": token,
        "insert_deduplicate": 1,
        "deduplicate_blocks_in_dependent_materialized_views": 1,
        # A token is known for 10,000 inserts: none may outlast them.
        "max_execution_time": STATEMENT_S_MAX,
        # One block in one order, so that the token names the same rows each time.
        "max_threads": 1,
        "max_block_size": 1_000_000,
    }


def _text(instant: datetime) -> str:
    text = instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return text.removesuffix(".000000")
