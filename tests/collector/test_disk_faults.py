"""Faults of the disk, made by the kernel: what was acknowledged is there, and nothing hangs."""

import errno
import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import spool_writer
from waiting import wait_until

from tollbook_collector.spool.append import Spool, SpoolFailed, SpoolFull
from tollbook_collector.spool.segment import FORMAT_VERSION, NewerSegment, envelopes

LONG_S = 60.0
REQUESTS = 12
STRACE = shutil.which("strace")
needs_strace = pytest.mark.skipif(STRACE is None, reason="strace is not installed")


def write(
    directory: Path, *prefix: str, request_bytes: int = 100, limits: tuple[str, ...] = ()
) -> dict[str, list[int]]:
    """Run the writer, under `prefix`, and return the requests by what became of them."""
    command = [*prefix, sys.executable, spool_writer.__file__, str(directory), str(REQUESTS)]
    finished = subprocess.run(
        [*command, str(request_bytes), *limits],
        capture_output=True,
        text=True,
        timeout=LONG_S,
        check=False,
    )
    fates: dict[str, list[int]] = {"kept": [], "failed": [], "full": []}
    for line in finished.stdout.splitlines():
        fate, number = line.split()
        fates[fate].append(int(number))
    assert sum(map(len, fates.values())) == REQUESTS, finished.stderr
    return fates


def found(directory: Path) -> list[int]:
    """Return the requests that a new spool finds."""
    spool = Spool(directory, 1 << 30, disk_free_bytes_min=0)
    numbers: list[int] = []
    while (segment := spool.claim(0)) is not None:
        numbers += [int(e.request[:8]) for e in envelopes(segment.path.read_bytes())]
    spool.close()
    return numbers


@needs_strace
@pytest.mark.parametrize(
    ("call", "when"),
    # Counted in each thread: the writer's second fsync is that of the directory when it closes.
    [("fdatasync", 1), ("fdatasync", 2), ("fdatasync", 5), ("fsync", 2)],
)
def test_a_call_that_fails_costs_the_requests_that_heard_so(
    tmp_path: Path, call: str, when: int
) -> None:
    trace = [str(STRACE), "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}"]
    fault = ["-e", f"inject={call}:error=EIO:when={when}"]

    fates = write(tmp_path / "spool", *trace, *fault)

    numbers = found(tmp_path / "spool")

    assert set(fates["kept"]) <= set(numbers)
    assert len(numbers) == len(set(numbers))
    assert len(fates["failed"]) == (call == "fdatasync")


@needs_strace
@pytest.mark.parametrize(
    ("call", "when"),
    [("openat", 40), ("writev", 6), ("fdatasync", 3), ("fsync", 1), ("rename", 1), ("fsync", 2)],
)
def test_a_kill_in_the_middle_of_any_call_costs_nothing_acknowledged(
    tmp_path: Path, call: str, when: int
) -> None:
    trace = [str(STRACE), "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}"]
    command = [*trace, "-e", f"inject={call}:signal=KILL:when={when}", sys.executable]
    command += [spool_writer.__file__, str(tmp_path / "spool"), str(REQUESTS), "100"]

    finished = subprocess.run(command, capture_output=True, text=True, timeout=LONG_S, check=False)

    kept = {int(line.split()[1]) for line in finished.stdout.splitlines() if "kept" in line}
    numbers = found(tmp_path / "spool")
    assert kept <= set(numbers)
    assert len(numbers) == len(set(numbers))


def test_a_file_that_may_not_grow_is_sealed_and_the_next_one_begun(tmp_path: Path) -> None:
    """RLIMIT_FSIZE gives a short write first and EFBIG then."""
    limits = ("RLIMIT_FSIZE=1000",)

    fates = write(tmp_path / "spool", request_bytes=300, limits=limits)

    assert fates["failed"]
    assert len(fates["kept"]) > len(fates["failed"])
    assert found(tmp_path / "spool") == fates["kept"]


def test_without_descriptors_requests_are_refused_and_nothing_hangs(tmp_path: Path) -> None:
    fates = write(tmp_path / "spool", limits=("RLIMIT_NOFILE=5",))

    assert found(tmp_path / "spool") == fates["kept"]


def test_a_failing_directory_is_tried_again_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tollbook_collector.spool.append.DISK_RETRY_S", 0.01)
    failing = [True]
    real = os.rename

    def rename(source: Path, target: Path) -> Path:
        if failing[0]:
            raise OSError(errno.EROFS, "Read-only file system")
        real(source, target)
        return target

    spool = Spool(tmp_path / "spool", 1 << 30, segment_age_max_s=0.01, disk_free_bytes_min=0)
    monkeypatch.setattr(Path, "rename", rename)
    spool.append("acme", "k", b"00000001", 1).result(LONG_S)
    wait_until(lambda: "Read-only" in spool.broken)

    failing[0] = False

    wait_until(lambda: spool.counts().waiting_segments == 1)
    spool.append("acme", "k", b"00000002", 1).result(LONG_S)
    spool.close()
    assert found(tmp_path / "spool") == [1, 2]


@pytest.fixture(name="small_disk")
def _small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=8m", "tollbook-test", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("free_bytes_min", [0, 1 << 20], ids=["to the end", "to its reserve"])
def test_a_full_disk_refuses_and_takes_requests_again_once_there_is_room(
    small_disk: Path, free_bytes_min: int
) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(4 << 20))
    spool = Spool(small_disk / "spool", 1 << 30, 1 << 20, 0.01, free_bytes_min)
    kept: list[int] = []
    refused = 0
    for number in range(40):
        try:
            spool.append("acme", "k", b"%08d" % number + bytes(200_000), 1).result(LONG_S)
            kept.append(number)
        except (SpoolFull, SpoolFailed):
            refused += 1

    ballast.unlink()

    def takes() -> bool:
        try:
            spool.append("acme", "k", b"00000099", 1).result(LONG_S)
        except (SpoolFull, SpoolFailed):
            return False
        return True

    wait_until(takes)
    spool.close()
    assert refused > 0
    assert found(small_disk / "spool") == [*kept, 99]


def test_foreign_files_in_the_directory_are_left_alone(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    directory.mkdir()
    for name, content in (("core", b"\x7fELF"), ("00000000000000000007.open", b"")):
        (directory / name).write_bytes(content)

    assert found(directory) == []
    assert (directory / "core").read_bytes() == b"\x7fELF"


def test_a_segment_of_a_newer_format_stops_the_start_and_nothing_is_changed(
    tmp_path: Path,
) -> None:
    golden = Path(__file__).parent / "golden" / f"format-{FORMAT_VERSION}.segment"
    spool = tmp_path / "spool"
    spool.mkdir()
    whole = golden.read_bytes()
    rest = b"\x38" + bytes([FORMAT_VERSION + 1])
    newer = b"\x07\x0d" + zlib.crc32(rest).to_bytes(4, "little") + rest + whole[8:]
    (spool / "2.segment").write_bytes(newer)
    (spool / "1.open").write_bytes(whole + b"a torn tail")

    with pytest.raises(NewerSegment, match=f"format {FORMAT_VERSION + 1}"):
        Spool(spool, 1 << 30)

    assert (spool / "2.segment").read_bytes() == newer
    assert (spool / "1.open").read_bytes() == whole + b"a torn tail"


def test_bytes_that_change_while_a_segment_waits_are_not_loaded(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", 1 << 30, segment_age_max_s=3600, disk_free_bytes_min=0)
    for number in range(3):
        spool.append("acme", "k", b"%08d" % number, 5).result(LONG_S)
    spool.close()
    again = Spool(tmp_path / "spool", 1 << 30, disk_free_bytes_min=0)
    segment = again.claim(LONG_S)
    assert segment is not None
    content = segment.path.read_bytes()
    segment.path.write_bytes(content.replace(b"00000001", b"00000009"))

    read = again.read(segment)

    assert [int(e.request) for e in envelopes(read)] == [0, 2]
    assert (again.counts().damaged_records, again.counts().damaged_spans) == (1, 5)
    assert b"00000009" in segment.path.with_suffix(".torn").read_bytes()
    again.close()
