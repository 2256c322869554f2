"""Handles that the embedded store opens before the request that wants them."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from clickhouse_connect.driver.client import Client

from tollbook_collector.store.embedded.ahead import AHEAD_MAX, KINDS_MAX, Ahead, Wanted

from .conftest import DATABASE, Ask

PLAIN = Wanted()
OTHERS = [Wanted(f"database_{number}") for number in range(KINDS_MAX)]


@dataclass
class Opened:
    """A handle that says whether it is closed."""

    wanted: Wanted
    closed: bool = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture(name="opened")
def _opened() -> list[Opened]:
    return []


@pytest.fixture(name="ahead")
def _ahead(opened: list[Opened]) -> Iterator[Ahead[Opened]]:
    def opens(wanted: Wanted) -> Opened:
        opened.append(Opened(wanted))
        return opened[-1]

    ahead = Ahead(opens)
    yield ahead
    ahead.close()


def prepared_twice(ahead: Ahead[Opened], wanted: Wanted) -> None:
    ahead.prepare(wanted)
    ahead.prepare(wanted)


def test_a_handle_waits_for_what_was_wanted_twice(ahead: Ahead[Opened]) -> None:
    ahead.prepare(PLAIN)
    once = ahead.take(PLAIN)
    ahead.prepare(PLAIN)
    twice = ahead.take(PLAIN)

    assert (once, twice) == (None, Opened(PLAIN))


def test_a_handle_is_given_to_one_request_and_to_none_that_wants_another(
    ahead: Ahead[Opened],
) -> None:
    prepared_twice(ahead, PLAIN)

    given = [ahead.take(wanted) for wanted in (Wanted(readonly="2"), Wanted("other"), PLAIN, PLAIN)]

    assert given == [None, None, Opened(PLAIN), None]


def test_no_more_than_a_few_handles_wait_and_the_oldest_is_closed(
    ahead: Ahead[Opened], opened: list[Opened]
) -> None:
    for wanted in OTHERS[: AHEAD_MAX + 1]:
        prepared_twice(ahead, wanted)

    assert [each.closed for each in opened] == [True, *[False] * AHEAD_MAX]


def test_what_was_wanted_long_ago_counts_as_new(ahead: Ahead[Opened]) -> None:
    ahead.prepare(PLAIN)
    for wanted in OTHERS:
        ahead.prepare(wanted)
    ahead.prepare(PLAIN)

    assert ahead.take(PLAIN) is None


def test_nothing_waits_after_the_end(ahead: Ahead[Opened], opened: list[Opened]) -> None:
    prepared_twice(ahead, PLAIN)
    ahead.close()
    ahead.prepare(PLAIN)

    assert [each.closed for each in opened] == [True]


def test_parameters_of_one_request_are_not_known_to_the_next(ask: Ask) -> None:
    for number in range(6):
        told = ask("POST", b"SELECT {x:UInt8}", param_x=str(number))
        silent = ask("POST", b"SELECT {x:UInt8}")

        assert (told.body, silent.code) == (f"{number}\n".encode(), "456")


def test_a_parameter_may_have_bytes_that_are_no_text(ask: Ask) -> None:
    for _ in range(3):
        assert ask("POST", b"SELECT hex({x:String})", param_x=b"\xff").body == b"FF\n"


def test_a_question_sees_a_table_that_is_made_between_two_like_it(
    ask: Ask, connected: Client
) -> None:
    name = f"{DATABASE}.made_between"
    question = f"SELECT count() FROM {name}".encode()
    before = [ask("POST", question).code for _ in range(3)]

    connected.command(f"CREATE TABLE {name} (a UInt8) ENGINE = MergeTree ORDER BY a")
    after = [ask("POST", question).body for _ in range(3)]
    connected.command(f"DROP TABLE {name}")

    assert (before, after) == (["60"] * 3, [b"0\n"] * 3)
    assert ask("POST", question).code == "60"
