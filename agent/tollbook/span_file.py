"""Spans on disk until they are delivered, for programs that end without a goodbye; off by default.

A process appends each span to a file of its own, before the caller goes on: what the operating
system was given survives `os._exit`, SIGKILL and the out-of-memory killer, though not a power cut.
It holds a lock on the file while it lives. The next process with the same directory delivers what
files without a lock hold, and removes them.

The file is a sequence of records: kind (1 byte), length and CRC-32 of the content (4 bytes each,
little-endian), content. Kind 1 is a span; kind 2 is the ids, 8 bytes each, of spans that are
settled: delivered or given up. A torn record ends the file. A process that dies between the
collector's answer and record 2 has its spans sent twice.
"""

import fcntl
import os
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tollbook.tally import FAULT, SPOOL_FULL, Losses

if TYPE_CHECKING:
    from tollbook.deliver import Encoder
    from tollbook.export import Ended
    from tollbook.settings import Settings

SPAN: Final = 1
SETTLED: Final = 2
HEADER: Final = struct.Struct("<BII")
# Our encoder writes trace id and span id first, so the span id is always at the same place.
SPAN_ID: Final = slice(20, 28)
FILE_BYTES_MAX: Final = 64 * 2**20  # of one process; what goes over it is sent but not kept
RECLAIM_BYTES: Final = 2**20  # a file of settled spans that is longer is emptied
RECOVERED_FILES_MAX: Final = 256  # that one process takes over
SUFFIX: Final = ".spans"


@dataclass(frozen=True, slots=True)
class Kept:
    """A span that is on disk already, for the queue of the exporter."""

    span: bytes
    body_bytes: int = 0

    def drop_body(self) -> None:
        """Do nothing: there is no raw body."""


class SpanFile:
    """The file of this process.

    Args:
        directory: Where the files are; made if it is absent.
        losses: Where spans without room and faults are counted.

    Raises:
        OSError: The directory cannot be made or written.
    """

    def __init__(self, directory: str, losses: Losses) -> None:
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = folder / f"{os.getpid()}-{os.urandom(6).hex()}{SUFFIX}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._losses = losses
        self._encoder: Encoder | None = None
        # A finalizer may end a call while its own thread is in here.
        self._lock = threading.RLock()
        self._size_bytes = 0
        self._unsettled: set[bytes] = set()  # ids of the spans in the file

    def keep(self, ended: "Ended", settings: "Settings") -> "Ended":
        """Write the span of what ended, and return what takes its place on the queue.

        What cannot be encoded, or has no room, is returned as it is: it is sent all the same.
        """
        try:
            with self._lock:
                if self._encoder is None:
                    from tollbook.deliver import Encoder

                    self._encoder = Encoder(self._losses)
                return self.take_over(self._encoder.span(ended, settings))
        except Exception:
            self._losses.count(FAULT)
            return ended

    def take_over(self, span: bytes) -> Kept:
        """Write a span, if there is room, and return it for the queue."""
        with self._lock:
            if self._size_bytes + len(span) > FILE_BYTES_MAX:
                self._losses.count(SPOOL_FULL)
            else:
                self._unsettled.add(span[SPAN_ID])
                self._append(SPAN, span)
        return Kept(span)

    def settled(self, spans: "Iterable[bytes]") -> None:
        """Record that spans are delivered or given up."""
        try:
            with self._lock:
                ids = {span[SPAN_ID] for span in spans} & self._unsettled
                self._unsettled -= ids
                if not self._unsettled and self._size_bytes > RECLAIM_BYTES:
                    os.ftruncate(self._descriptor, 0)
                    self._size_bytes = 0
                elif ids:
                    self._append(SETTLED, b"".join(ids))
        except Exception:
            self._losses.count(FAULT)

    def close(self) -> None:
        """Give up the file: removed if all of its spans are settled, else left for the next."""
        with self._lock:
            if not self._unsettled:
                self.path.unlink(missing_ok=True)

    def disown(self) -> None:
        """In a forked child: let go of the parent's file, whose lock would outlive the parent."""
        os.close(self._descriptor)

    def _append(self, kind: int, content: bytes) -> None:
        record = HEADER.pack(kind, len(content), zlib.crc32(content)) + content
        os.write(self._descriptor, record)
        self._size_bytes += len(record)


def recovered(directory: str, own: Path, losses: Losses) -> Iterator[tuple[Path, list[bytes]]]:
    """Yield the spans of each process that is gone, whose file is locked meanwhile.

    Args:
        directory: Where the files are.
        own: The file of this process.
        losses: Where files that cannot be read are counted.
    """
    for path in sorted(Path(directory).glob(f"*{SUFFIX}"))[:RECOVERED_FILES_MAX]:
        if path == own:
            continue
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:  # another process was faster
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield path, unsettled(path.read_bytes())
        except BlockingIOError:
            continue
        except OSError:
            losses.count(FAULT)
        finally:
            os.close(descriptor)


def unsettled(content: bytes) -> list[bytes]:
    """Return the spans of a file that are neither delivered nor given up."""
    spans: dict[bytes, bytes] = {}
    place = 0
    while place + HEADER.size <= len(content):
        kind, size, crc = HEADER.unpack_from(content, place)
        place += HEADER.size
        record = content[place : place + size]
        place += size
        if len(record) < size or zlib.crc32(record) != crc:
            break
        if kind == SPAN:
            spans[record[SPAN_ID]] = record
        elif kind == SETTLED:
            for start in range(0, size, SPAN_ID.stop - SPAN_ID.start):
                spans.pop(record[start : start + 8], None)
    return list(spans.values())
