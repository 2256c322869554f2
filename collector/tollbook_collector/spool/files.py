"""The spool's directory: which segments are there, and recovering them after a crash.

NNN.open       the segment that is being written; NNN is the sequence of its first request
NNN.segment    sealed: whole, synced, waiting to be loaded
NNN.large      sealed, and to be inserted in pieces
NNN.torn       what was not intact in a segment, kept for inspection
NNN.refused    one request that the store refused, a segment of its own; NNN.reason says why
NNN.retry      such a request, to be tried again
"""

import fcntl
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tollbook_collector.spool.segment import (
    Scan,
    account,
    envelopes,
    header,
    record,
    scan,
    split,
)

OPEN: Final = ".open"
SEALED: Final = ".segment"
LARGE: Final = ".large"
TORN: Final = ".torn"
REFUSED: Final = ".refused"
REASON: Final = ".reason"
RETRY: Final = ".retry"
LOCK: Final = "lock"
# As many pieces as the kernel takes at a time.
WRITE_PARTS_MAX: Final = 1024
FILE_MODE: Final = 0o600
DIRECTORY_MODE: Final = 0o700


class SpoolInUse(Exception):
    """Another collector owns the spool's directory."""


@dataclass(frozen=True)
class Segment:
    """A sealed segment.

    Args:
        path: Its file.
        size_bytes: Its length.
        requests: Requests in it.
        spans: Spans in it.
        sequence_last: Greatest sequence in it.
        received_first: Arrival of the first request, nanoseconds since 1970.
        tenants: Bytes of each tenant's requests.
        token: What names it to the store; empty: its file has to be read for that.
    """

    path: Path
    size_bytes: int
    requests: int
    spans: int
    sequence_last: int
    received_first: int
    tenants: Mapping[str, int]
    token: str = ""


@dataclass(frozen=True)
class Recovered:
    """What was found in the directory at start.

    Args:
        segments: Sealed segments, oldest first.
        torn_bytes: Bytes behind an intact part, which were set aside.
        damaged_records: Places between intact records that were set aside.
    """

    segments: tuple[Segment, ...]
    torn_bytes: int
    damaged_records: int = 0


def lock(directory: Path) -> int:
    """Take the directory for this process and return the descriptor that holds the lock.

    Raises:
        SpoolInUse: Another process holds it.
    """
    directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
        os.close(descriptor)
        raise SpoolInUse(
            f"{directory} belongs to the collector with process id {owner or 'unknown'};"
            " stop it, or start this one with another --data directory"
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def recover(directory: Path) -> Recovered:
    """Seal what a crash left open and return the segments that wait to be loaded.

    A torn tail is what a crash leaves of requests that were never acknowledged; it is set aside.

    Raises:
        NewerSegment: A segment has a newer format; nothing was changed.
    """
    found = [
        (path, scan(path.read_bytes()))
        for path in sorted(directory.iterdir())
        if path.suffix in (OPEN, SEALED, LARGE)
    ]
    torn_bytes = damaged_records = 0
    segments = []
    for path, content in found:
        torn_bytes += content.torn_bytes
        damaged_records += len(content.damaged)
        if content.torn_bytes or content.damaged:
            set_damage_aside(path)
        if content.requests == 0:
            path.unlink()
            continue
        if path.suffix == OPEN:
            path = path.rename(path.with_suffix(SEALED))
        segments.append(described(path, content))
    sync_directory(directory)
    return Recovered(tuple(segments), torn_bytes, damaged_records)


def described(path: Path, content: Scan) -> Segment:
    """Return a sealed segment with what a scan of its content found."""
    return Segment(
        path=path,
        size_bytes=content.intact_bytes,
        requests=content.requests,
        spans=content.spans,
        sequence_last=content.sequence_last,
        received_first=content.received_first,
        tenants=content.tenants,
        token=content.token,
    )


def reduced_to_accounts(path: Path, reason: str) -> Segment:
    """Replace a segment by one that only accounts for its items, and return that.

    Args:
        path: The segment.
        reason: Why its items are not kept.
    """
    accounts = [account(each, reason) for each in envelopes(path.read_bytes())]
    write_durably(path, header() + b"".join(map(record, accounts)))
    return described(path, scan(path.read_bytes()))


def sync_directory(directory: Path) -> None:
    """Make created, renamed and removed files of a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, parts: Sequence[bytes]) -> int:
    """Write pieces behind each other, without joining them first; return their bytes together."""
    left = [memoryview(part) for part in reversed(parts) if part]
    while left:
        written = os.writev(descriptor, left[: -WRITE_PARTS_MAX - 1 : -1])
        while left and written >= len(left[-1]):
            written -= len(left.pop())
        if written:
            left[-1] = left[-1][written:]
    return sum(map(len, parts))


def write_durably(path: Path, content: bytes) -> None:
    """Write a file of the spool so that it survives a crash, whole or not at all."""
    unfinished = path.with_suffix(".unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    try:
        write_all(descriptor, [content])
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    unfinished.rename(path)
    sync_directory(path.parent)


def set_damage_aside(path: Path) -> None:
    """Leave only the intact records in a segment; the rest of it is kept beside it."""
    intact, rest = split(path.read_bytes())
    write_durably(path.with_suffix(TORN), rest)
    write_durably(path, intact)
