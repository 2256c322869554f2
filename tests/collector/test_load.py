"""The loader: a segment is deleted once it is durable in the store, and not before."""

import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from otlp_requests import Span, call, request
from waiting import wait_until

from tollbook_collector.spool.append import Spool
from tollbook_collector.spool.quarantine import NotQuarantined, refused, retry
from tollbook_collector.spool.segment import Envelope, envelopes, header, record
from tollbook_collector.store.client import ClickHouse, StoreAddress, StoreRefused, StoreUnavailable
from tollbook_collector.store.load import Loader

LONG_S = 30.0
SYNTAX_ERROR = 62
CANNOT_READ = 33


class RecordingStore:
    """A store that answers by a rule, and remembers what it was given."""

    def __init__(self, rule: Callable[[bytes], None] = lambda content: None) -> None:
        self.rule = rule
        self.given: list[tuple[str, list[bytes]]] = []
        self.unread = 0
        self.stored = 0
        self._lock = threading.Lock()

    def insert_segment(
        self, content: bytes | None, token: str, signal: str, path: Path | None = None
    ) -> None:
        with self._lock:
            self.unread += content is None
            if content is None:
                assert path is not None
                content = path.read_bytes()
            requests = [envelope.request for envelope in envelopes(content)]
            self.given.append((token, requests))
            self.rule(content)

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        assert "spans" in statement
        return [(self.stored,)]


@pytest.fixture(name="spool")
def _spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", 100_000_000, segment_age_max_s=0.05, disk_free_bytes_min=0)
    yield spool
    spool.close()


@pytest.fixture(name="load")
def _load(spool: Spool) -> Iterator[Callable[[RecordingStore], Loader]]:
    loaders: list[Loader] = []

    def load(store: RecordingStore) -> Loader:
        loaders.append(Loader(spool, store, inserters=1))
        loaders[-1].start()
        return loaders[-1]

    yield load
    for loader in loaders:
        loader.stop()


def append(spool: Spool, *bodies: bytes) -> None:
    for durable in [spool.append("acme", "k", body, 1) for body in bodies]:
        durable.result(LONG_S)


def test_a_loaded_segment_is_removed(
    spool: Spool, load: Callable[[RecordingStore], Loader]
) -> None:
    store = RecordingStore()
    append(spool, b"one", b"two")

    loader = load(store)

    assert spool.wait_empty(LONG_S)
    assert [body for _, bodies in store.given for body in bodies] == [b"one", b"two"]
    assert loader.counts().spans == 2


def test_what_was_there_at_the_start_is_read_and_what_was_just_written_is_not(
    tmp_path: Path,
) -> None:
    directory, store = tmp_path / "spool", RecordingStore()
    before = Spool(directory, 100_000_000, segment_age_max_s=0.05, disk_free_bytes_min=0)
    append(before, b"before")
    before.close()
    spool = Spool(directory, 100_000_000, segment_age_max_s=0.05, disk_free_bytes_min=0)
    loader = Loader(spool, store, inserters=1)

    loader.start()
    assert spool.wait_empty(LONG_S)
    unread_before = store.unread
    append(spool, b"now")
    assert spool.wait_empty(LONG_S)

    loader.stop()
    spool.close()
    assert [bodies for _, bodies in store.given] == [[b"before"], [b"now"]]
    assert (unread_before, store.unread) == (0, 1)


def test_a_store_that_is_away_gets_the_same_segment_with_the_same_token(
    spool: Spool, load: Callable[[RecordingStore], Loader]
) -> None:
    left = [StoreUnavailable("away"), StoreUnavailable("away"), StoreRefused("?", SYNTAX_ERROR)]

    def rule(content: bytes) -> None:
        if left:
            raise left.pop()

    store = RecordingStore(rule)
    append(spool, b"one")

    loader = load(store)

    assert spool.wait_empty(LONG_S)
    assert len(store.given) == 4
    assert len({token for token, _ in store.given}) == 1
    assert (loader.counts().retries, loader.counts().last_error) == (3, "")


def test_a_request_that_the_engine_cannot_read_is_set_aside_alone(
    spool: Spool, load: Callable[[RecordingStore], Loader], tmp_path: Path
) -> None:
    def rule(content: bytes) -> None:
        if any(envelope.request == b"bad" for envelope in envelopes(content)):
            raise StoreRefused("cannot read", CANNOT_READ)

    store = RecordingStore(rule)
    append(spool, b"good", b"bad", b"also good")

    loader = load(store)

    assert spool.wait_empty(LONG_S)
    alone = [bodies for _, bodies in store.given if len(bodies) == 1]
    assert alone == [[b"good"], [b"bad"], [b""], [b"also good"]]
    (kept,) = refused(tmp_path)
    assert (kept.envelope.request, kept.reason, kept.signal) == (b"bad", "cannot read", "spool")
    counts = loader.counts()
    assert (counts.spans, counts.refused_requests, counts.refused_spans) == (2, 1, 1)


def test_a_segment_without_memory_for_it_is_inserted_in_pieces_that_stay_the_same(
    spool: Spool, load: Callable[[RecordingStore], Loader], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store takes two requests at a time, and goes away once in the middle."""
    monkeypatch.setattr("tollbook_collector.store.load.LARGE_PIECE_BYTES", 900)
    bodies = [bytes([number]) * 500 for number in range(9)]
    taken: dict[str, list[bytes]] = {}

    def rule(content: bytes) -> None:
        requests = [envelope.request for envelope in envelopes(content)]
        if len(requests) > 2:
            raise StoreUnavailable("no memory", 241)
        if len(taken) == 2 and "away" not in taken:
            taken["away"] = []
            raise StoreUnavailable("away")
        taken[store.given[-1][0]] = requests

    store = RecordingStore(rule)
    append(spool, *bodies)

    loader = load(store)

    assert spool.wait_empty(LONG_S)
    assert [body for requests in taken.values() for body in requests] == bodies
    assert loader.counts().retries == 4


@pytest.mark.parametrize("failure", [StoreRefused("?", CANNOT_READ), StoreUnavailable("?", 241)])
def test_a_segment_of_which_something_is_stored_is_only_ever_repeated_as_a_whole(
    spool: Spool,
    load: Callable[[RecordingStore], Loader],
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
) -> None:
    monkeypatch.setattr("tollbook_collector.store.load.RETRY_MAX_S", 0.001)
    left = [failure] * 6

    def rule(content: bytes) -> None:
        if left:
            raise left.pop()

    store = RecordingStore(rule)
    store.stored = 1
    append(spool, b"one", b"two")

    load(store)

    assert spool.wait_empty(LONG_S)
    assert [bodies for _, bodies in store.given] == [[b"one", b"two"]] * 7
    assert len({token for token, _ in store.given}) == 1


def test_pieces_that_are_stored_are_not_parted_anew_for_one_that_cannot_be_read(
    spool: Spool, load: Callable[[RecordingStore], Loader], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store goes away while the last piece is searched for what cannot be read."""
    monkeypatch.setattr("tollbook_collector.store.load.LARGE_PIECE_BYTES", 900)
    bodies = [bytes([number]) * 500 for number in range(1, 7)]
    taken: dict[str, list[bytes]] = {}
    away = [StoreUnavailable("away")]

    def rule(content: bytes) -> None:
        requests = [envelope.request for envelope in envelopes(content)]
        if bodies[5] in requests:
            if requests == [bodies[5]] and away:
                raise away.pop()
            raise StoreRefused("cannot read", CANNOT_READ)
        taken[store.given[-1][0]] = requests

    store = RecordingStore(rule)
    append(spool, *bodies)

    load(store)

    assert spool.wait_empty(LONG_S)
    stored = [body for requests in taken.values() for body in requests if body]
    assert stored == bodies[:5]


def test_a_poisoned_span_is_found_among_many_and_set_aside_alone(
    spool: Spool, load: Callable[[RecordingStore], Loader], tmp_path: Path
) -> None:
    def rule(content: bytes) -> None:
        if b"poison" in content:
            raise StoreRefused("cannot read", CANNOT_READ)

    store = RecordingStore(rule)
    spans = [Span(name=f"span {number}") for number in range(100)]
    spans[57] = Span(name="poison")
    spool.append("acme", "k", request(spans), 100, (("timestamp", 2),)).result(LONG_S)

    loader = load(store)

    assert spool.wait_empty(LONG_S)
    (kept,) = refused(tmp_path)
    assert kept.envelope.spans == 1
    assert b"poison" in kept.envelope.request
    assert (loader.counts().spans, loader.counts().refused_spans) == (99, 1)
    # One for the whole, then two for each halving of a hundred, and one for the account.
    assert len(store.given) <= 2 + 3 * 7 + 1


def test_what_was_set_aside_is_tried_again_and_its_account_balanced(
    spool: Spool, load: Callable[[RecordingStore], Loader], tmp_path: Path
) -> None:
    poisoned = [True]

    def rule(content: bytes) -> None:
        if poisoned[0] and b"poison" in content:
            raise StoreRefused("cannot read", CANNOT_READ)

    kept_accounts: list[tuple[str, int]] = []

    class Accounting(RecordingStore):
        def insert_segment(
            self, content: bytes | None, token: str, signal: str, path: Path | None = None
        ) -> None:
            super().insert_segment(content, token, signal, path)
            read = content if content is not None or path is None else path.read_bytes()
            kept_accounts.extend(r for e in envelopes(read or b"") for r in e.rejected)

    store = Accounting(rule)
    append(spool, request([Span(name="poison")]))
    load(store)
    assert spool.wait_empty(LONG_S)
    poisoned[0] = False

    count = retry(tmp_path, "all")

    wait_until(lambda: any(b"poison" in body for body in store.given[-1][1]))
    assert spool.wait_empty(LONG_S)
    assert count == 1
    assert refused(tmp_path) == []
    assert kept_accounts == [("quarantined", 1), ("quarantined", -1)]


def test_a_request_that_is_not_in_quarantine_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotQuarantined, match="17-0 is not in quarantine"):
        retry(tmp_path, "17-0")


def test_a_segment_that_is_refused_for_no_fault_of_its_data_does_not_block_the_line(
    spool: Spool, load: Callable[[RecordingStore], Loader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tollbook_collector.store.load.RETRY_MAX_S", 0.001)
    passed = threading.Event()

    def rule(content: bytes) -> None:
        bodies = [envelope.request for envelope in envelopes(content)]
        if bodies == [b"stuck"] and not passed.is_set():
            raise StoreRefused("no such column", SYNTAX_ERROR)
        if bodies == [b"next"]:
            passed.set()

    append(spool, b"stuck")
    wait_until(lambda: spool.counts().waiting_segments == 1)
    append(spool, b"next")
    wait_until(lambda: spool.counts().waiting_segments == 2)

    load(RecordingStore(rule))

    assert passed.wait(LONG_S)
    assert spool.wait_empty(LONG_S)


def test_what_protobuf_reads_and_the_engine_does_not_is_written_anew_and_stored(
    spool: Spool, priced: ClickHouse, tenant: str
) -> None:
    """A oneof that is set twice, and a known field of another type: upb takes both."""
    wrong_type = request([Span()]) + b"\x08\x01"
    # An attribute whose value is the string "v" and then the integer 7.
    attribute = b"\x4a\x0a\x0a\x01k\x12\x05\x0a\x01v\x18\x07"
    span = b"\x0a\x10" + b"t" * 16 + b"\x12\x08" + b"s" * 8 + b"\x2a\x08chat gpt" + attribute
    scope = b"\x12" + bytes([len(span)]) + span
    outer = b"\x12" + bytes([len(scope)]) + scope
    twice = b"\x0a" + bytes([len(outer)]) + outer
    loader = Loader(spool, priced)
    for doubtful in (wrong_type, twice, request([Span()])):
        count = doubtful.count(b"chat gpt")
        spool.append(tenant, "k", doubtful, count).result(LONG_S)

    loader.start()

    assert spool.wait_empty(LONG_S)
    loader.stop()
    assert loader.counts().refused_spans == 0
    (found,) = priced.rows(
        "SELECT sum(stored), sum(imbalance) FROM books WHERE tenant = {tenant:String}",
        {"tenant": tenant},
    )
    assert tuple(found) == (3, 0)


def test_a_fault_of_the_loader_itself_is_counted_and_the_segment_kept(
    spool: Spool, load: Callable[[RecordingStore], Loader]
) -> None:
    failed = threading.Event()

    def rule(content: bytes) -> None:
        failed.set()
        raise RuntimeError("a bug")

    append(spool, b"one")
    loader = load(RecordingStore(rule))

    assert failed.wait(LONG_S)
    loader.stop()

    assert loader.counts().faults == 1
    assert spool.counts().waiting_spans == 1


def test_segments_reach_the_tables_of_a_real_store(
    spool: Spool, priced: ClickHouse, tenant: str
) -> None:
    loader = Loader(spool, priced)
    for _ in range(5):
        spool.append(tenant, "k", request([Span(), Span()]), 2).result(LONG_S)

    loader.start()

    assert spool.wait_empty(LONG_S)
    loader.stop()
    found = priced.rows(
        "SELECT count() FROM spans WHERE tenant = {tenant:String}", {"tenant": tenant}
    )
    assert [tuple(row) for row in found] == [(10,)]


def test_a_store_of_this_machine_reads_the_file_and_leaves_no_link(
    priced: ClickHouse, store_address: StoreAddress, tenant: str, tmp_path: Path
) -> None:
    body = request([call("openai", "gpt-4o", 10, 1)] * 4)
    content = header() + record(Envelope(tenant, "k", 1, 1, 4, body))
    path = tmp_path / "1.segment"
    path.write_bytes(content)

    # What is sent beside the file would be refused, so the rows are of the file.
    sent = content if store_address.handover is None else b"never looked at"
    priced.insert_segment(sent, tenant, "traces", path)

    count = "SELECT count() FROM spans WHERE tenant = {tenant:String}"
    assert priced.rows(count, {"tenant": tenant}) == [(4,)]
    assert path.read_bytes() == content
    if store_address.handover is not None:
        assert list(store_address.handover.directory.glob("handed-*")) == []


def test_a_file_that_cannot_be_linked_is_sent(
    priced: ClickHouse, tenant: str, tmp_path: Path
) -> None:
    body = request([call("openai", "gpt-4o", 10, 1)] * 4)
    content = header() + record(Envelope(tenant, "k", 1, 1, 4, body))

    priced.insert_segment(content, tenant, "traces", tmp_path / "on another file system")

    count = "SELECT count() FROM spans WHERE tenant = {tenant:String}"
    assert priced.rows(count, {"tenant": tenant}) == [(4,)]


class AnswerLost:
    """A real store, of which every first answer to a segment is lost after it was carried out."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self._heard: set[str] = set()

    def insert_segment(
        self, content: bytes | None, token: str, signal: str, path: Path | None = None
    ) -> None:
        self._clickhouse.insert_segment(content, token, signal, path)
        if token not in self._heard:
            self._heard.add(token)
            raise StoreUnavailable("the answer was lost")

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        return self._clickhouse.rows(statement, parameters)


def test_a_file_that_cannot_be_linked_and_was_not_read_is_read_then(
    priced: ClickHouse, tenant: str, tmp_path: Path
) -> None:
    body = request([call("openai", "gpt-4o", 10, 1)] * 4)
    path = tmp_path / "1.segment"
    path.write_bytes(header() + record(Envelope(tenant, "k", 1, 1, 4, body)))
    elsewhere = ClickHouse(dataclasses.replace(priced._address, handover=None))

    elsewhere.insert_segment(None, tenant, "traces", path)

    elsewhere.close()
    count = "SELECT count() FROM spans WHERE tenant = {tenant:String}"
    assert priced.rows(count, {"tenant": tenant}) == [(4,)]


def test_an_insert_whose_answer_was_lost_is_repeated_and_doubles_nothing(
    spool: Spool, priced: ClickHouse
) -> None:
    for _ in range(3):
        body = request([call("openai", "gpt-4o", 10, 1)] * 5)
        spool.append("lost", "k", body, 5).result(LONG_S)
    loader = Loader(spool, AnswerLost(priced), inserters=2)

    loader.start()

    assert spool.wait_empty(LONG_S)
    loader.stop()
    assert priced.rows("SELECT count() FROM spans WHERE tenant = 'lost'") == [(15,)]
    for table in ("spend_hourly", "spend_minutely"):
        assert priced.rows(f"SELECT sum(calls) FROM {table} WHERE tenant = 'lost'") == [(15,)]
    (books,) = priced.rows("SELECT received, stored, imbalance FROM books WHERE tenant = 'lost'")
    assert books == (15, 15, 0)
    assert loader.counts().retries >= 1


def test_what_fails_in_a_view_or_a_table_behind_it_fails_the_insert(
    priced: ClickHouse, tenant: str
) -> None:
    """Or the segment would be deleted, and its spans be gone without a word."""
    body = request([call("openai", "gpt-4o", 10, 1)] * 3)
    content = header() + record(Envelope(tenant, "k", 1, 1, 3, body))
    priced.command("CREATE TABLE broken (x UInt8) ENGINE = MergeTree ORDER BY x")
    priced.command("CREATE MATERIALIZED VIEW break TO broken AS SELECT throwIf(1) AS x FROM spans")

    with pytest.raises(StoreRefused, match="throwIf"):
        priced.insert_segment(content, tenant)

    priced.command("DROP VIEW break")
    priced.command("DROP TABLE broken")
    priced.insert_segment(content, tenant)
    counts = ("count() FROM spans", "sum(calls) FROM spend_hourly", "sum(imbalance) FROM books")
    found = [
        priced.rows(f"SELECT {count} WHERE tenant = {{tenant:String}}", {"tenant": tenant})
        for count in counts
    ]
    assert found == [[(3,)], [(3,)], [(0,)]]


def test_spans_that_a_failing_roll_up_left_behind_are_not_stored_again(
    spool: Spool, priced: ClickHouse
) -> None:
    """It fails as what cannot be read does, for which requests are inserted one by one."""
    count = "SELECT count() FROM spans WHERE tenant = 'left'"
    priced.command("CREATE TABLE unreadable (x UInt8) ENGINE = MergeTree ORDER BY x")
    priced.command(
        "CREATE MATERIALIZED VIEW fail TO unreadable AS"
        " SELECT toUInt8(name) AS x FROM spans WHERE tenant = 'left'"
    )
    for _ in range(2):
        body = request([call("openai", "gpt-4o", 10, 1)] * 5)
        spool.append("left", "k", body, 5).result(LONG_S)
    loader = Loader(spool, priced)

    loader.start()
    wait_until(lambda: loader.counts().retries >= 2)
    stored_before = priced.rows(count)
    priced.command("DROP VIEW fail")
    priced.command("DROP TABLE unreadable")

    assert spool.wait_empty(LONG_S)
    loader.stop()
    assert (stored_before, priced.rows(count)) == ([(10,)], [(10,)])
    assert priced.rows("SELECT sum(calls) FROM spend_hourly WHERE tenant = 'left'") == [(10,)]
    assert priced.rows("SELECT imbalance FROM books WHERE tenant = 'left'") == [(0,)]
    assert loader.counts().refused_spans == 0
