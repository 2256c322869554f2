"""The spool: what was acknowledged is on disk, and what cannot be kept is refused."""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from waiting import wait_until

from tollbook_collector.spool.append import Spool, SpoolFailed, SpoolFull
from tollbook_collector.spool.ballast import keep_ballast
from tollbook_collector.spool.files import Segment, SpoolInUse
from tollbook_collector.spool.segment import envelopes, token

LONG_S = 30.0


@pytest.fixture(name="make_spool")
def _make_spool(tmp_path: Path) -> Iterator[Callable[..., Spool]]:
    made: list[Spool] = []

    def make(**changes: object) -> Spool:
        arguments: dict[str, object] = {
            "directory": tmp_path / "spool",
            "bytes_max": 1_000_000,
            "disk_free_bytes_min": 0,
            "segment_age_max_s": 0.01,
            **changes,
        }
        made.append(Spool(**arguments))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for spool in made:
        if spool._writer.is_alive():
            spool.close()


def claimed(spool: Spool) -> Segment:
    segment = spool.claim(LONG_S)
    assert segment is not None
    return segment


def requests(segment: Segment) -> list[bytes]:
    return [envelope.request for envelope in envelopes(segment.path.read_bytes())]


def test_an_acknowledged_request_is_in_a_file_that_a_new_spool_finds(
    make_spool: Callable[..., Spool],
) -> None:
    spool = make_spool(segment_age_max_s=3600)
    spool.append("acme", "k", b"one", 1).result(LONG_S)
    spool.append("acme", "k", b"two", 2).result(LONG_S)
    spool.close()

    again = make_spool()

    segment = claimed(again)
    assert requests(segment) == [b"one", b"two"]
    assert (segment.requests, segment.spans) == (2, 3)


def test_a_crash_in_the_middle_of_a_record_costs_only_that_record(
    make_spool: Callable[..., Spool], tmp_path: Path
) -> None:
    spool = make_spool(segment_age_max_s=3600)
    spool.append("acme", "k", b"whole", 1).result(LONG_S)
    spool.close()
    (sealed,) = (tmp_path / "spool").glob("*.segment")
    sealed.write_bytes(sealed.read_bytes() + b"\x7f\x0d half a record")
    sealed.rename(sealed.with_suffix(".open"))

    again = make_spool()

    assert requests(claimed(again)) == [b"whole"]
    assert again.counts().torn_bytes == len(b"\x7f\x0d half a record")


def test_a_segment_is_sealed_when_it_is_large_enough(make_spool: Callable[..., Spool]) -> None:
    spool = make_spool(segment_age_max_s=3600, segment_bytes_max=1000)

    spool.append("acme", "k", bytes(1000), 1).result(LONG_S)
    first = claimed(spool)
    spool.append("acme", "k", bytes(1001), 1).result(LONG_S)
    second = claimed(spool)

    assert [len(body) for body in requests(first) + requests(second)] == [1000, 1001]


def test_segments_are_claimed_oldest_first_and_a_released_one_comes_again(
    make_spool: Callable[..., Spool],
) -> None:
    spool = make_spool(segment_bytes_max=1)
    for body in (b"1", b"2"):
        spool.append("acme", "k", body, 1).result(LONG_S)

    first = claimed(spool)
    second = claimed(spool)
    spool.release(second)
    spool.release(first)

    assert requests(claimed(spool)) == [b"1"]
    assert requests(claimed(spool)) == [b"2"]


def test_a_removed_segment_is_gone_and_the_spool_is_empty(
    make_spool: Callable[..., Spool], tmp_path: Path
) -> None:
    spool = make_spool()
    spool.append("acme", "k", b"one", 4).result(LONG_S)
    segment = claimed(spool)
    assert spool.counts().waiting_spans == 4

    spool.remove(segment)

    assert spool.wait_empty(LONG_S)
    assert spool.counts().waiting_bytes == 0
    assert list((tmp_path / "spool").glob("*.segment")) == []


def test_a_request_beyond_the_limit_is_refused_and_counted(
    make_spool: Callable[..., Spool],
) -> None:
    spool = make_spool(bytes_max=500)

    with pytest.raises(SpoolFull, match="the limit is 500"):
        spool.append("acme", "k", bytes(600), 1)

    assert spool.counts().refused_requests == 1


def test_a_disk_that_is_nearly_full_refuses_before_it_is_full(
    make_spool: Callable[..., Spool],
) -> None:
    spool = make_spool(disk_free_bytes_min=1 << 60)

    with pytest.raises(SpoolFull, match="are free on the disk"):
        spool.append("acme", "k", b"one", 1)


def test_after_a_failed_sync_the_group_is_refused_and_the_file_never_synced_again(
    make_spool: Callable[..., Spool],
) -> None:
    synced: list[int] = []

    def sync(descriptor: int) -> None:
        inode = os.fstat(descriptor).st_ino
        synced.append(inode)
        if len(synced) == 2:
            raise OSError(errno.EIO, "Input/output error")

    spool = make_spool(segment_age_max_s=3600, sync=sync)
    spool.append("acme", "k", b"kept", 1).result(LONG_S)

    with pytest.raises(SpoolFailed, match="Input/output error"):
        spool.append("acme", "k", b"lost", 1).result(LONG_S)
    spool.append("acme", "k", b"after", 1).result(LONG_S)
    spool.close()

    assert synced[0] == synced[1] != synced[2]
    again = make_spool()
    assert requests(claimed(again)) == [b"kept"]
    assert requests(claimed(again)) == [b"after"]


def test_a_segment_is_named_while_it_is_written_as_by_its_bytes(
    make_spool: Callable[..., Spool],
) -> None:
    spool = make_spool(segment_age_max_s=3600)
    spool.append("acme", "k", b"one", 1, (("timestamp", 2),), digest=b"d" * 32).result(LONG_S)
    spool.append("globex", "k", b"two", 1).result(LONG_S)
    spool.append("acme", "k", b"one", 1, digest=b"d" * 32).result(LONG_S)
    spool.close()

    segment = claimed(spool)

    assert segment.token == token(segment.path.read_bytes()) != ""
    assert (segment.size_bytes, segment.requests) == (segment.path.stat().st_size, 3)


def test_a_segment_whose_disk_failed_is_named_by_what_is_read_of_it(
    make_spool: Callable[..., Spool],
) -> None:
    failing = [False]

    def sync(descriptor: int) -> None:
        if failing[0]:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.fdatasync(descriptor)

    spool = make_spool(segment_age_max_s=3600, sync=sync)
    spool.append("acme", "k", b"kept", 1).result(LONG_S)
    failing[0] = True

    with pytest.raises(SpoolFailed):
        spool.append("acme", "k", b"lost", 1).result(LONG_S)

    assert claimed(spool).token == ""


def test_requests_that_arrive_during_a_sync_share_the_next_one(
    make_spool: Callable[..., Spool],
) -> None:
    syncing, go_on = threading.Event(), threading.Event()
    syncs: list[int] = []

    def sync(descriptor: int) -> None:
        syncs.append(descriptor)
        syncing.set()
        assert go_on.wait(LONG_S)

    spool = make_spool(segment_age_max_s=3600, sync=sync)
    first = spool.append("acme", "k", b"0", 1)
    assert syncing.wait(LONG_S)
    rest = [spool.append("acme", "k", b"%d" % number, 1) for number in range(1, 9)]

    go_on.set()

    for durable in (first, *rest):
        durable.result(LONG_S)
    assert len(syncs) == 2


def test_a_second_collector_on_the_same_directory_gets_one_clear_sentence(
    make_spool: Callable[..., Spool],
) -> None:
    make_spool()

    with pytest.raises(SpoolInUse, match=f"process id {os.getpid()}; stop it, or start this one"):
        make_spool()


def test_a_request_set_aside_is_a_segment_of_its_own(make_spool: Callable[..., Spool]) -> None:
    spool = make_spool()
    spool.append("acme", "k", b"bad", 1).result(LONG_S)
    (envelope,) = envelopes(claimed(spool).path.read_bytes())

    path = spool.set_aside(envelope, 0, "cannot read it")

    assert list(envelopes(path.read_bytes())) == [envelope]


def test_a_flood_of_one_tenant_leaves_room_for_the_others(make_spool: Callable[..., Spool]) -> None:
    spool = make_spool(segment_age_max_s=3600, bytes_max=100_000)
    for _ in range(80):
        spool.append("flood", "k", bytes(1_000), 1).result(LONG_S)

    with pytest.raises(SpoolFull, match="of flood wait for the store, its share"):
        spool.append("flood", "k", bytes(9_000), 1)

    spool.append("other", "k", bytes(1_000), 1).result(LONG_S)


def test_room_is_the_flood_s_again_once_its_segments_were_loaded(
    make_spool: Callable[..., Spool],
) -> None:
    spool = make_spool(segment_bytes_max=1, bytes_max=10_000)
    for _ in range(5):
        for _ in range(8):
            spool.append("flood", "k", bytes(1_000), 1).result(LONG_S)
        for _ in range(8):
            spool.remove(claimed(spool))

    assert spool.counts().waiting_bytes == 0


def test_what_waits_too_long_is_given_up_and_its_items_stay_in_the_account(
    make_spool: Callable[..., Spool],
) -> None:
    spool = make_spool(age_max_s=0.0, segment_age_max_s=0.0)
    spool.append("acme", "k", bytes(1_000), 4, (("timestamp", 1),)).result(LONG_S)
    spool.release(claimed(spool))

    spool.give_up_old()

    (left,) = envelopes(spool.read(claimed(spool)))
    assert (left.request, left.spans) == (b"", 0)
    assert left.rejected == (("timestamp", 1), ("spool_age", 4))
    assert spool.counts().dropped_spans == 4
    assert spool.counts().waiting_bytes < 200


def test_what_is_young_enough_is_not_given_up(make_spool: Callable[..., Spool]) -> None:
    spool = make_spool(age_max_s=3600.0)
    spool.append("acme", "k", b"body", 4).result(LONG_S)
    spool.release(claimed(spool))

    spool.give_up_old()

    assert requests(claimed(spool)) == [b"body"]


def test_ballast_is_given_up_on_a_full_disk_and_laid_down_when_there_is_room(
    tmp_path: Path,
) -> None:
    keep_ballast(tmp_path, 1_000_000, give_up_bytes=0, lay_down_bytes=0)
    laid_down = (tmp_path / "ballast").stat().st_blocks * 512

    keep_ballast(tmp_path, 1_000_000, give_up_bytes=1 << 60, lay_down_bytes=1 << 60)

    assert laid_down >= 1_000_000
    assert not (tmp_path / "ballast").exists()


def test_a_segment_grows_while_nobody_is_free_to_load_it(make_spool: Callable[..., Spool]) -> None:
    spool = make_spool(segment_age_max_s=0.01)
    spool.append("acme", "k", b"one", 1).result(LONG_S)
    first = claimed(spool)  # the loader waits, and is busy from now on
    spool.append("acme", "k", b"two", 1).result(LONG_S)
    spool.append("acme", "k", b"three", 1).result(LONG_S)

    wait_until(lambda: spool.counts().waiting_segments == 2)

    assert requests(first) == [b"one"]
    assert requests(claimed(spool)) == [b"two", b"three"]
