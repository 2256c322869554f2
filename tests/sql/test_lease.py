"""The lease: of several collectors at one store, one does what must be done once."""

from collections.abc import Mapping, Sequence
from typing import Any

from tollbook_collector.store.client import ClickHouse, StoreUnavailable
from tollbook_collector.store.lease import SETTLE_S, TERM_S, Lease


class Clock:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class SlowStore:
    """A store that takes a while for each statement that it carries out."""

    def __init__(self, store: ClickHouse, clock: Clock, takes_s: float) -> None:
        self.store = store
        self.clock = clock
        self.takes_s = takes_s

    def command(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        self.store.command(statement, parameters)
        self.clock.now_s += self.takes_s

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        return self.store.rows(statement, parameters)


def settled(lease: Lease, clock: Clock) -> None:
    lease.keep()
    clock.now_s += SETTLE_S
    lease.keep()


def test_one_of_two_collectors_holds_the_lease_and_the_other_knows_who(
    priced: ClickHouse, tenant: str
) -> None:
    clock = Clock()
    first = Lease(lambda: priced, tenant, "first", now=clock)
    second = Lease(lambda: priced, tenant, "second", now=clock)

    settled(first, clock)
    settled(second, clock)

    assert (first.held(), second.held()) == (True, False)
    assert (first.holder, second.holder) == ("first", "first")


def test_of_two_that_claim_at_once_the_older_claim_counts(priced: ClickHouse, tenant: str) -> None:
    clock = Clock()
    first = Lease(lambda: priced, tenant, "first", now=clock)
    second = Lease(lambda: priced, tenant, "second", now=clock)
    store = priced

    class Simultaneous(SlowStore):
        """The other claims between this one's look and its claim."""

        def command(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
            if first.holder == "" and not clock.now_s:
                clock.now_s = 0.1
                first.keep()
            super().command(statement, parameters)

    second = Lease(lambda: Simultaneous(store, clock, 0.0), tenant, "second", now=clock)
    second.keep()
    clock.now_s += SETTLE_S

    for lease in (second, first):
        lease.keep()

    assert (first.held(), second.held()) == (True, False)


def test_a_claim_counts_only_once_it_has_settled(priced: ClickHouse, tenant: str) -> None:
    clock = Clock()
    lease = Lease(lambda: priced, tenant, "only", now=clock)

    lease.keep()
    lease.keep()
    before = lease.held()
    clock.now_s += SETTLE_S
    lease.keep()

    assert (before, lease.held()) == (False, True)


def test_a_claim_that_took_too_long_to_write_is_given_up(priced: ClickHouse, tenant: str) -> None:
    clock = Clock()
    slow = Lease(lambda: SlowStore(priced, clock, SETTLE_S + 0.1), tenant, "slow", now=clock)
    quick = Lease(lambda: priced, tenant, "quick", now=clock)

    slow.keep()
    settled(quick, clock)

    assert (slow.held(), quick.held()) == (False, True)


def test_a_lease_that_is_given_up_goes_to_another_at_once(priced: ClickHouse, tenant: str) -> None:
    clock = Clock()
    first = Lease(lambda: priced, tenant, "first", now=clock)
    second = Lease(lambda: priced, tenant, "second", now=clock)
    settled(first, clock)

    first.release()
    settled(second, clock)

    assert (first.held(), second.held()) == (False, True)


def test_a_collector_that_died_is_succeeded_when_its_term_is_over(
    priced: ClickHouse, tenant: str
) -> None:
    clock = Clock()
    Lease(lambda: priced, tenant, "dead", term_s=0.001, now=clock).keep()
    second = Lease(lambda: priced, tenant, "second", now=clock)

    settled(second, clock)

    assert second.held()


def test_a_holder_that_cannot_reach_the_store_stops_when_its_term_is_over(
    priced: ClickHouse, tenant: str
) -> None:
    clock = Clock()
    lease = Lease(lambda: priced, tenant, "cut off", now=clock)
    settled(lease, clock)

    clock.now_s += TERM_S - 0.1
    still = lease.held()
    clock.now_s += 0.1

    assert (still, lease.held()) == (True, False)


def test_a_holder_that_slept_through_its_term_gives_the_lease_up(
    priced: ClickHouse, tenant: str
) -> None:
    clock = Clock()
    lease = Lease(lambda: priced, tenant, "sleeper", now=clock)
    settled(lease, clock)

    clock.now_s += TERM_S
    lease.keep()
    after = lease.held()
    other = Lease(lambda: priced, tenant, "other", now=clock)
    settled(other, clock)

    assert (after, other.held()) == (False, True)


def test_alone_at_an_embedded_store_a_collector_asks_nobody() -> None:
    def away() -> ClickHouse:
        raise StoreUnavailable("nobody is asked")

    lease = Lease(away, "duties", "this one", shared=False)

    lease.keep()
    lease.release()

    assert lease.held()
    assert lease.holder == "this one"
