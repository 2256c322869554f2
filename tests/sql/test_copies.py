"""Billable once: the same call seen twice is in the spend once, whichever copy came first."""

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from otlp_requests import NOON, SECOND_NS, Span, cache_read, call

from tollbook_collector.money import copies
from tollbook_collector.money.copies import Copies, search
from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse

RESPONSE = "chatcmpl-9fK2mQ7bXz1LpWd4"
TRACE = bytes(range(16))
# 1,000 tokens at 2.5 and 100 at 10 USD per million.
COST = Decimal("0.0025") + Decimal("0.001")


def seen(name: str, response_id: str = RESPONSE, **changes: Any) -> Span:
    """Return a call of gpt-4o with an id of its own."""
    attributes = call("openai", "gpt-4o", 1_000, 100).attributes
    attributes = {**attributes, "gen_ai.response.id": response_id, **changes.pop("more", {})}
    return replace(
        Span(attributes, name=name, span_id=name.encode().ljust(8, b"."), scope=name), **changes
    )


def calls(clickhouse: ClickHouse, tenant: str) -> dict[str, tuple[bool, str, Decimal | None]]:
    """Return billable, what it is a copy of, and cost of each call by the name of its span."""
    statement = """
        SELECT unhex(span_id), billable, unhex(dedup_of), cost_usd FROM calls
        WHERE tenant = {tenant:String}
    """
    return {
        str(span).rstrip("."): (billable, str(original).rstrip("."), cost)
        for span, billable, original, cost in clickhouse.rows(statement, {"tenant": tenant})
    }


def sums(clickhouse: ClickHouse, tenant: str, table: str = "spend_hourly") -> tuple[Any, ...]:
    """Return calls, copies, input tokens and cost of a roll-up."""
    (row,) = clickhouse.rows(
        f"SELECT sum(calls), sum(copies), sum(input_tokens), sum(cost_usd) FROM {table}"
        " WHERE tenant = {tenant:String}",
        {"tenant": tenant},
    )
    return tuple(row)


def test_a_response_seen_twice_is_billed_once_and_the_copy_says_of_what(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, [seen("sdk"), seen("gateway", at=NOON + timedelta(seconds=1))])

    search(priced)

    assert calls(priced, tenant) == {"sdk": (True, "", COST), "gateway": (False, "sdk", None)}
    assert sums(priced, tenant) == (1, 1, 1_000, COST)
    assert sums(priced, tenant, "spend_minutely") == (1, 1, 1_000, COST)


def test_a_copy_found_later_is_taken_out_of_the_series_and_the_runs(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, [seen("sdk", more=RUN)])
    insert(priced, [seen("gateway", at=NOON + timedelta(minutes=3), more=RUN)])
    before = [tuple(row) for table in LATE for row in priced.rows(of(table), {"tenant": tenant})]
    assert before == len(LATE) * [(2, 2_000, 2 * COST)]

    search(priced)
    search(priced)

    after = [tuple(row) for table in LATE for row in priced.rows(of(table), {"tenant": tenant})]
    assert after == len(LATE) * [(1, 1_000, COST)]
    entities = priced.rows(
        "SELECT kind, sum(calls) FROM entities WHERE tenant = {tenant:String} AND kind = 'team'"
        " GROUP BY kind",
        {"tenant": tenant},
    )
    assert [tuple(row) for row in entities] == [("team", 1)]
    behaviour = priced.rows(
        "SELECT sum(calls), sumMap(latencies), sumMap(inputs) FROM behaviour_hourly"
        " WHERE tenant = {tenant:String}",
        {"tenant": tenant},
    )
    # A second is 2^(49/5) ms and more, a thousand tokens are as many.
    assert [tuple(row) for row in behaviour] == [(1, {49: 1}, {49: 1})]


def roll_ups(clickhouse: ClickHouse, tenant: str) -> set[tuple[Any, ...]]:
    """Return calls, input tokens and cost, as each roll-up and the calls themselves have them."""
    direct = "SELECT count(), sum(input_tokens), sum(cost_usd) FROM calls WHERE billable"
    statements = [of(table) for table in (*LATE, "spend_hourly", "spend_minutely")]
    statements.append(f"{direct} AND tenant = {{tenant:String}}")
    return {
        tuple(row)
        for statement in statements
        for row in clickhouse.rows(statement, {"tenant": tenant})
    }


RUN = {"tollbook.run.id": "r1", "tollbook.run.name": "refund", "tollbook.tags.team": "search"}
LATE = ("series_minutely", "series_hourly", "runs")


def of(table: str) -> str:
    return (
        f"SELECT sum(calls), sum(input_tokens), sum(cost_usd) FROM {table}"
        " WHERE tenant = {tenant:String}"
    )


def test_a_copy_keeps_its_usage_and_is_not_counted_as_unpriced(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, [seen("sdk"), seen("gateway", at=NOON + timedelta(seconds=1))])

    search(priced)

    (row,) = priced.rows(
        "SELECT input_tokens, output_tokens, price_status, unpriced_reason FROM calls"
        " WHERE tenant = {tenant:String} AND NOT billable",
        {"tenant": tenant},
    )
    assert tuple(row) == (1_000, 100, "not_billable", "")


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_which_copy_counts_does_not_depend_on_which_came_first(
    priced: ClickHouse, insert: Any, tenant: str, order: tuple[int, ...]
) -> None:
    copies_of_one = [
        seen("knowing", at=NOON + timedelta(seconds=2), more=cache_read(400)),
        seen("tagged", at=NOON + timedelta(seconds=1), more={"tollbook.tags.team": "search"}),
        seen("server", kind=2),
    ]

    for number in order:
        insert(priced, [copies_of_one[number]])
        search(priced)

    cost = (600 * Decimal("2.5") + 400 * Decimal("1.25") + 100 * 10) / 1_000_000
    assert calls(priced, tenant) == {
        "knowing": (True, "", cost),
        "tagged": (False, "knowing", None),
        "server": (False, "knowing", None),
    }
    assert sums(priced, tenant) == (1, 2, 1_000, cost)
    assert sums(priced, tenant, "spend_minutely") == (1, 2, 1_000, cost)


def test_each_group_of_dimensions_gives_back_its_own_copies(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, [seen("sdk", more={"tollbook.tags.team": "search"})])
    insert(priced, [seen("gateway")], resource={"service.name": "gateway"})

    search(priced)

    rows = priced.rows(
        "SELECT service, team, sum(calls), sum(copies), sum(cost_usd) FROM spend"
        " WHERE tenant = {tenant:String} GROUP BY service, team ORDER BY service",
        {"tenant": tenant},
    )
    assert [tuple(row) for row in rows] == [
        ("checkout", "search", 1, 0, COST),
        ("gateway", "", 0, 1, Decimal(0)),
    ]


def test_a_span_that_was_sent_twice_is_one_call(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    span = replace(seen("again", response_id=""), trace_id=TRACE)
    statement = "INSERT INTO spans SELECT * REPLACE (received_at + 60 AS received_at) FROM spans"

    insert(priced, [span])
    priced.command(f"{statement} WHERE tenant = {{tenant:String}}", {"tenant": tenant})
    search(priced)

    rows = priced.rows(
        "SELECT billable, unhex(dedup_of) FROM calls WHERE tenant = {tenant:String} ORDER BY 1",
        {"tenant": tenant},
    )
    assert [tuple(row) for row in rows] == [(False, "again..."), (True, "")]
    assert sums(priced, tenant) == (1, 1, 1_000, COST)


def test_a_server_s_span_within_its_client_s_is_the_same_call(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    client = replace(seen("client"), trace_id=TRACE, duration_ns=3 * SECOND_NS)
    server = replace(
        seen("vllm", response_id="", kind=2, at=NOON + timedelta(seconds=1)), trace_id=TRACE
    )

    insert(priced, [server])
    insert(priced, [client])
    search(priced)

    assert calls(priced, tenant) == {"client": (True, "", COST), "vllm": (False, "client", None)}


def test_the_outer_span_of_a_call_of_google_s_adk_is_the_same_call(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    usage = {"gen_ai.usage.input_tokens": 5_000, "gen_ai.usage.output_tokens": 900}
    common = {**usage, "gen_ai.request.model": "gemini-4-argon"}
    inner = {
        **common,
        "gen_ai.system": "gemini",
        "gen_ai.operation.name": "generate_content",
    }
    spans = [
        Span({**common, "gen_ai.system": "gcp.vertex.agent"}, name="call_llm", span_id=b"call_llm"),
        Span(inner, name="generate_content gemini-4-argon", span_id=b"generate"),
    ]
    insert(priced, [replace(s, trace_id=TRACE, kind=1, scope="gcp.vertex.agent") for s in spans])

    search(priced)

    found = {
        name: (billable, copy_of) for name, (billable, copy_of, _) in calls(priced, tenant).items()
    }
    assert found == {"generate": (True, ""), "call_llm": (False, "generate")}


DISTINCT: list[tuple[str, Sequence[Span]]] = [
    (
        "a server that gives every answer the same id",
        [
            seen("one", "chatcmpl-123", scope="sdk"),
            seen("two", "chatcmpl-123", scope="sdk", at=NOON + timedelta(seconds=5)),
        ],
    ),
    (
        "short ids with other usage",
        [
            seen("one", "chatcmpl-7"),
            seen("two", "chatcmpl-7", more={"gen_ai.usage.input_tokens": 7}),
        ],
    ),
    (
        "equal calls of one instrumentation in a trace",
        [
            seen("one", "", trace_id=TRACE, scope="sdk"),
            seen("two", "", trace_id=TRACE, scope="sdk"),
        ],
    ),
    (
        "calls of a trace one after the other",
        [
            seen("one", "", trace_id=TRACE),
            seen("two", "", trace_id=TRACE, at=NOON + timedelta(seconds=9)),
        ],
    ),
    ("answers without an id in traces of their own", [seen("one", ""), seen("two", "")]),
    ("other ids", [seen("one"), seen("two", RESPONSE[:-1] + "5")]),
]


@pytest.mark.parametrize(("what", "spans"), DISTINCT, ids=[what for what, _ in DISTINCT])
def test_calls_that_only_look_alike_are_billed_each(
    priced: ClickHouse, insert: Any, tenant: str, what: str, spans: Sequence[Span]
) -> None:
    insert(priced, spans)

    search(priced)

    assert [billable for billable, _, _ in calls(priced, tenant).values()] == [True, True]


def test_one_tenant_s_calls_are_no_copies_of_another_s(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, [seen("sdk")])
    statement = "INSERT INTO spans SELECT * REPLACE (concat(tenant, '-b') AS tenant) FROM spans"
    priced.command(f"{statement} WHERE spans.tenant = {{tenant:String}}", {"tenant": tenant})

    search(priced)

    assert calls(priced, tenant) == {"sdk": (True, "", COST)}
    assert calls(priced, f"{tenant}-b") == {"sdk": (True, "", COST)}


def test_a_second_search_finds_nothing_and_changes_nothing(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    insert(priced, [seen("sdk"), seen("gateway")])
    search(priced)
    before = sums(priced, tenant)

    hours = search(priced)

    assert hours == 0
    assert sums(priced, tenant) == before


class Ahead:
    """A store where the spend of an hour has a call more than there are spans: a replica's."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse, self.command = clickhouse, clickhouse.command

    def rows(self, statement: str, parameters: Any = None) -> Sequence[Sequence[Any]]:
        rows = self._clickhouse.rows(statement, parameters)
        if statement == sql.read("queries/copy_hours"):
            return [(hour, calls + 1) for hour, calls in rows]
        return rows


def test_an_hour_whose_spend_came_before_its_calls_is_searched_again(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    search(priced)
    insert(priced, [seen("sdk")])
    search(Ahead(priced))
    insert(priced, [seen("gateway")])

    search(priced)

    assert sums(priced, tenant) == (1, 1, 1_000, COST)


def test_an_hour_that_never_has_the_calls_of_its_spend_is_not_searched_for_ever(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    search(priced)
    insert(priced, [seen("sdk")])
    roll_up = (
        "INSERT INTO spend_hourly (tenant, hour, calls)"
        " VALUES ({tenant:String}, '2026-11-20 12:00:00', {calls:Int64})"
    )
    priced.command(roll_up, {"tenant": tenant, "calls": 1})
    unsure: copies.Unsure = {}

    hours = [search(priced, unsure) for _ in range(3)]

    # The database is shared: its other tests need the hour right.
    priced.command(roll_up, {"tenant": tenant, "calls": -1})
    assert hours == [1, 1, 0]


class Killed(BaseException):
    """Stands for the end of the process."""


class DiesAt:
    """A store whose client dies before a command, counted from the start."""

    def __init__(self, clickhouse: ClickHouse, command: int) -> None:
        self._clickhouse, self._left = clickhouse, command
        self.rows = clickhouse.rows

    def command(self, *arguments: Any) -> None:
        if self._left == 0:
            raise Killed
        self._left -= 1
        self._clickhouse.command(*arguments)


@pytest.mark.parametrize("command", [1, 2, 3, 5, 7, 9])
def test_killed_at_any_statement_the_next_search_leaves_the_roll_ups_right(
    priced: ClickHouse, insert: Any, tenant: str, command: int
) -> None:
    search(priced)
    insert(priced, [seen("sdk", more=RUN), seen("gateway", more=RUN)])
    with pytest.raises(Killed):
        search(DiesAt(priced, command))

    search(priced)

    assert sums(priced, tenant) == (1, 1, 1_000, COST)
    assert roll_ups(priced, tenant) == {(1, 1_000, COST)}


class Overtaken:
    """A store whose statement of a number is slow: what it reads is read before something else
    happens, and what it adds is added after it. So does a statement whose sender was killed.
    """

    def __init__(self, clickhouse: ClickHouse, number: int, meanwhile: Callable[[], None]) -> None:
        self._clickhouse, self._left, self._meanwhile = clickhouse, number, meanwhile

    def rows(self, *arguments: Any) -> Sequence[Sequence[Any]]:
        rows = self._clickhouse.rows(*arguments)
        self._left -= 1
        if self._left == -1:
            self._meanwhile()
        return rows

    def command(self, statement: str, parameters: Any = None, settings: Any = None) -> None:
        self._left -= 1
        target = re.search(r"^INSERT INTO (\w+) \(.*\)$", statement, re.MULTILINE)
        if self._left != -1 or target is None:
            if self._left == -1:
                self._meanwhile()
            self._clickhouse.command(statement, parameters, settings)
            return
        slow = f"slow_{uuid.uuid4().hex}"
        self._clickhouse.command(f"CREATE TABLE {slow} AS {target[1]} ENGINE = Memory")
        into = target[0].replace(f"INTO {target[1]}", f"INTO {slow}")
        self._clickhouse.command(statement.replace(target[0], into), parameters)
        self._meanwhile()
        columns = target[0][target[0].index("(") + 1 : -1]
        self._clickhouse.command(f"{target[0]} SELECT {columns} FROM {slow}", {}, settings)
        self._clickhouse.command(f"DROP TABLE {slow}")


@pytest.mark.parametrize("number", [1, 2, 4, 5, 6, 8, 10, 11, 12, 13])
def test_two_searches_at_once_take_a_copy_back_once(
    priced: ClickHouse, insert: Any, tenant: str, number: int
) -> None:
    search(priced)
    insert(priced, [seen("sdk", more=RUN), seen("gateway", more=RUN)])
    others: list[int] = []

    # More calls came meanwhile, so that the other search is not simply the same one.
    def another() -> None:
        insert(priced, [seen("new", RESPONSE[::-1], more=RUN)])
        others.append(search(priced))

    search(Overtaken(priced, number, another))
    search(priced)

    assert others
    assert sums(priced, tenant) == (2, 1, 2_000, 2 * COST)
    assert roll_ups(priced, tenant) == {(2, 2_000, 2 * COST)}


def test_a_store_that_died_with_a_token_and_without_its_rows_takes_the_copy_back_all_the_same(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    search(priced)
    insert(priced, [seen("sdk"), seen("gateway")])
    ((last, _),) = priced.rows(sql.read("queries/copies_last"))
    text = last.strftime("%Y-%m-%d %H:%M:%S.%f").removesuffix(".000000")
    priced.command(
        "INSERT INTO copies (tenant, found_at, started_at)"
        " SELECT {tenant:String}, toDateTime64({last:String}, 6, 'UTC') + 0.000001, now64()",
        {"tenant": tenant, "last": text},
        {"insert_deduplication_token": f"copies-after-{text}-0", "insert_deduplicate": 1},
    )
    priced.command(
        "ALTER TABLE copies DELETE WHERE tenant = {tenant:String}",
        {"tenant": tenant},
        {"mutations_sync": 1},
    )

    search(priced)

    assert sums(priced, tenant) == (1, 1, 1_000, COST)


def test_after_a_long_search_there_is_a_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    searched: list[float] = []
    monkeypatch.setattr(copies.time, "monotonic", lambda: now[0])

    def slow(store: object, unsure: object) -> int:
        searched.append(now[0])
        now[0] += 2.0
        return 0

    monkeypatch.setattr(copies, "search", slow)
    duty = Copies(lambda: None)  # type: ignore[arg-type, return-value]

    for at in (0.0, 10.0, 21.9, 22.0):
        now[0] = max(now[0], at)
        duty.search()

    assert searched == [0.0, 22.0]


def test_an_agent_s_usage_is_compared_with_that_of_the_calls_under_it_and_never_added(
    priced: ClickHouse, insert: Any, tenant: str
) -> None:
    usage = {"gen_ai.usage.input_tokens": 2_500, "gen_ai.usage.output_tokens": 200}
    agent = Span(
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "refunds", **usage},
        name="invoke_agent refunds",
        trace_id=TRACE,
        span_id=b"agent...",
        duration_ns=9 * SECOND_NS,
    )
    step = Span({}, trace_id=TRACE, span_id=b"step....", parent_span_id=b"agent...", name="step")
    one = replace(seen("one", "a"), trace_id=TRACE, parent_span_id=b"step....")
    two = replace(seen("two", "b"), trace_id=TRACE, parent_span_id=b"agent...")
    other = replace(seen("other", "c"), trace_id=TRACE)
    insert(priced, [agent, step, one, two, other])

    search(priced)

    (row,) = priced.rows(
        "SELECT agent, calls, calls_input_tokens, input_difference, output_difference"
        " FROM roll_up_differences WHERE tenant = {tenant:String}",
        {"tenant": tenant},
    )
    assert tuple(row) == ("refunds", 2, 2_000, 500, 0)
    assert sums(priced, tenant) == (3, 0, 3_000, 3 * COST)
