"""A request that is sent again, byte for byte, is kept once, through restarts and for a day."""

import errno
import gzip
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from otlp_requests import Span, request

from tollbook_collector.intake.accept import Body, Door
from tollbook_collector.intake.signals import TRACES
from tollbook_collector.spool.append import Spool, SpoolFailed
from tollbook_collector.spool.digest import KEY_NAME, Digest
from tollbook_collector.spool.resends import NAME, SLOTS, Resends
from tollbook_collector.spool.segment import Envelope, envelopes

LONG_S = 30.0
DAY_S = 24 * 3600
SMALL_BYTES = 64 * 1024


@pytest.fixture(name="clock")
def _clock() -> SimpleNamespace:
    return SimpleNamespace(now=1_795_176_000.0)


@pytest.fixture(name="make")
def _make(tmp_path: Path) -> Iterator[type]:
    made: list[Spool] = []

    def make(**changes: object) -> Spool:
        arguments = {"bytes_max": 1 << 30, "disk_free_bytes_min": 0, "segment_age_max_s": 0.01}
        made.append(Spool(tmp_path / "spool", **{**arguments, **changes}))  # type: ignore[arg-type]
        return made[-1]

    yield make  # type: ignore[misc]
    for spool in made:
        if spool._writer.is_alive():
            spool.close()


def drained(spool: Spool) -> list[Envelope]:
    """Take everything out of a spool as the loader does."""
    found: list[Envelope] = []
    while not spool.wait_empty(0):
        segment = spool.claim(LONG_S)
        if segment is not None:
            found += envelopes(spool.read(segment))
            spool.remove(segment)
    return found


async def test_a_request_sent_five_times_is_kept_once_and_each_sender_hears_so(make: type) -> None:
    spool = make()
    door = Door({"traces": spool})
    body = Body(TRACES, [request([Span(), Span(span_id=b"short")])])

    answers = [await door.accept("acme", "k", body) for _ in range(5)]

    kept = drained(spool)
    door.close()
    assert {(each.items, each.rejected["invalid_span_id"]) for each in answers} == {(1, 1)}
    assert [each.spans for each in kept] == [1, 0, 0, 0, 0]
    assert {each.rejected for each in kept[1:]} == {(("invalid_span_id", 1), ("resent", 1))}
    assert (spool.counts().resent_requests, spool.counts().resent_spans) == (4, 4)


async def test_what_was_sent_is_known_by_its_bytes_after_a_restart(make: type) -> None:
    body = Body(TRACES, [request([Span()])])
    for sent in (body, replace(body, parts=[gzip.compress(body.parts[0])], encoding="gzip")):
        spool = make()
        door = Door({"traces": spool})
        await door.accept("acme", "k", sent)
        door.close()
        last = drained(spool)
        spool.close()

    assert [(each.spans, each.rejected) for each in last] == [(0, (("resent", 1),))]


def test_a_request_is_another_one_when_a_single_bit_differs(tmp_path: Path) -> None:
    digest = Digest(tmp_path)
    body = bytes(range(256)) * 5
    flipped = [
        body[:at] + bytes([body[at] ^ 1 << bit]) + body[at + 1 :]
        for at in (0, 15, 16, 640, 1279)
        for bit in range(8)
    ]

    digests = {digest.of(each) for each in (body, *flipped, body[:-1], body + b"\0", b"")}

    assert len(digests) == 1 + 40 + 3
    assert {len(each) for each in digests} == {16}


def test_spools_have_keys_of_their_own_that_others_cannot_read(tmp_path: Path) -> None:
    here, there = (tmp_path / name for name in ("here", "there"))
    here.mkdir()
    there.mkdir()

    assert Digest(here).of(b"body") == Digest(here).of(b"body") != Digest(there).of(b"body")
    assert stat.filemode((here / KEY_NAME).stat().st_mode) == "-rw-------"


def test_a_key_that_is_cut_short_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / KEY_NAME).write_bytes(b"short")

    assert Digest(tmp_path).of(b"body") == Digest(tmp_path).of(b"body")


def test_without_room_for_a_key_resends_are_known_until_the_next_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = tmp_path / "away"
    digest = Digest(away)

    assert digest.of(b"body") == digest.of(b"body") != Digest(away).of(b"body")
    assert "after the next start" in caplog.text


def test_a_resend_is_known_after_a_restart_and_after_its_segment_was_loaded(make: type) -> None:
    first = make()
    first.append("acme", "k", b"body", 3, digest=b"d" * 32).result(LONG_S)
    drained(first)
    first.close()

    again = make()
    again.append("acme", "k", b"body", 3, digest=b"d" * 32).result(LONG_S)

    assert [(each.request, each.rejected) for each in drained(again)] == [(b"", (("resent", 3),))]


def test_a_resend_is_known_when_the_crash_came_before_it_was_remembered(
    make: type, tmp_path: Path
) -> None:
    first = make(segment_age_max_s=3600)
    first.append("acme", "k", b"body", 3, digest=b"d" * 32).result(LONG_S)
    first.close()
    (tmp_path / "spool" / NAME).unlink()

    again = make()
    again.append("acme", "k", b"body", 3, digest=b"d" * 32).result(LONG_S)

    assert [each.request for each in drained(again)] == [b"body", b""]


def test_another_tenant_with_the_same_bytes_is_kept(make: type) -> None:
    spool = make()
    for tenant in ("acme", "globex"):
        spool.append(tenant, "k", b"body", 1, digest=b"d" * 32).result(LONG_S)

    assert [each.request for each in drained(spool)] == [b"body", b"body"]


def test_a_resend_of_what_the_disk_refused_is_no_resend(make: type) -> None:
    failing = [True]

    def sync(descriptor: int) -> None:
        if failing.pop() if failing else False:
            raise OSError(errno.EIO, "Input/output error")
        os.fdatasync(descriptor)

    spool = make(sync=sync)
    with pytest.raises(SpoolFailed):
        spool.append("acme", "k", b"body", 1, digest=b"d" * 32).result(LONG_S)

    spool.append("acme", "k", b"body", 1, digest=b"d" * 32).result(LONG_S)

    assert [each.request for each in drained(spool)] == [b"body"]
    assert spool.counts().resent_requests == 0


def test_a_resend_that_comes_while_the_first_is_written_has_the_same_fate(make: type) -> None:
    spool = make(segment_age_max_s=3600)
    with spool._changed:  # the writer waits
        first = spool.append("acme", "k", b"body", 1, digest=b"d" * 32)
        second = spool.append("acme", "k", b"body", 1, digest=b"d" * 32)

    assert first is second
    assert first.result(LONG_S) >= 0
    spool.close()


def test_it_is_remembered_for_a_day_whatever_the_clock_does(
    tmp_path: Path, clock: SimpleNamespace
) -> None:
    resends = Resends(tmp_path, SMALL_BYTES, lambda: clock.now)
    resends.remember(b"first")
    for jump_s in (23 * 3600, -3 * DAY_S, 0):
        clock.now += jump_s

        assert resends.knows(b"first")
    assert not resends.knows(b"second")
    resends.close()


def test_the_oldest_gives_way_in_a_full_bucket_and_that_is_counted(
    tmp_path: Path, clock: SimpleNamespace
) -> None:
    one_bucket = SLOTS * 16
    resends = Resends(tmp_path, one_bucket, lambda: clock.now)
    for number in range(SLOTS + 3):
        clock.now += 1
        resends.remember(b"%d" % number)

    known = [number for number in range(SLOTS + 3) if resends.knows(b"%d" % number)]

    assert known == list(range(3, SLOTS + 3))
    assert resends.forgotten == 3
    assert (tmp_path / NAME).stat().st_size == one_bucket
    resends.close()


def test_without_room_for_its_file_requests_are_kept_all_the_same(
    make: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    spool = make()

    for _ in range(2):
        spool.append("acme", "k", b"body", 1, digest=b"d" * 32).result(LONG_S)

    assert [each.request for each in drained(spool)] == [b"body", b"body"]
