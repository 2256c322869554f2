"""Which requests were made durable lately, so that one sent again byte for byte is known.

A file of a fixed size, read and written in place: buckets of SLOTS slots, and in a slot twelve
bytes of the digest of a request's name and the second in which it was kept. A name has one bucket;
in a full one the oldest gives way. So a name is known for 24 hours as long as fewer than about four
million requests are kept in them; what gives way sooner is counted.

It survives the end of the process by itself, and a loss of power up to the last `sync`. What is
still in the spool then is remembered anew from there.
"""

import hashlib
import logging
import os
import struct
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from tollbook_collector.spool.files import FILE_MODE
from tollbook_collector.spool.segment import envelopes

NAME: Final = "resends-1"
DIGEST_BYTES: Final = 12
SLOTS: Final = 16
RESENDS_BYTES: Final = 64 * 1024 * 1024
REMEMBERED_S: Final = 24 * 3600
# How often what was remembered is made durable at most, where segments are deleted.
SYNC_EVERY_S: Final = 5.0

_SLOT: Final = struct.Struct(f"<{DIGEST_BYTES}sI")
_SECONDS: Final = struct.Struct("<" + f"{DIGEST_BYTES}xI" * SLOTS)
_BUCKET_BYTES: Final = SLOTS * _SLOT.size

log = logging.getLogger(__name__)


class Resends:
    """The names of requests that were made durable.

    Args:
        directory: Of the spool.
        size_bytes: Of the file, allocated at once. Where the disk refuses it no resend is known
            until the next start, and the log says so.
        now: Seconds since 1970. Nothing is forgotten because of it: it only says what is oldest.
    """

    def __init__(
        self,
        directory: Path,
        size_bytes: int = RESENDS_BYTES,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._buckets = size_bytes // _BUCKET_BYTES
        self._now = now
        self._synced_at = 0.0
        self.forgotten = 0
        self._file = self._open(directory / NAME, self._buckets * _BUCKET_BYTES)

    def knows(self, name: bytes) -> bool:
        """Return whether a request of this name was remembered and has not given way since."""
        if self._file < 0:
            return False
        place, digest = self._place(name)
        return _slot(os.pread(self._file, _BUCKET_BYTES, place), digest) >= 0

    def remember(self, name: bytes) -> None:
        """Remember a request by its name: any bytes that no other request has."""
        if self._file < 0:
            return
        place, digest = self._place(name)
        bucket = os.pread(self._file, _BUCKET_BYTES, place)
        now = int(self._now())
        at = _slot(bucket, digest)
        if at < 0:
            seconds = _SECONDS.unpack(bucket)
            at = seconds.index(min(seconds)) * _SLOT.size
            if now - min(seconds) < REMEMBERED_S:
                self.forgotten += 1
        os.pwrite(self._file, _SLOT.pack(digest, now), place + at)

    def remember_again(self, segments: Iterable[Path]) -> None:
        """Remember what is in the spool: the last of it may have become durable unremembered."""
        for path in segments:
            for envelope in envelopes(path.read_bytes()):
                if envelope.name:
                    self.remember(envelope.name)

    def sync(self) -> None:
        """Make what is remembered durable, unless that was done SYNC_EVERY_S ago or less."""
        if self._file >= 0 and time.monotonic() - self._synced_at > SYNC_EVERY_S:
            os.fdatasync(self._file)
            self._synced_at = time.monotonic()

    def close(self) -> None:
        """Make what is remembered durable, and close the file."""
        if self._file >= 0:
            os.fdatasync(self._file)
            os.close(self._file)
            self._file = -1

    def _place(self, name: bytes) -> tuple[int, bytes]:
        digest = hashlib.sha256(name).digest()
        bucket = int.from_bytes(digest[DIGEST_BYTES : DIGEST_BYTES + 8], "little") % self._buckets
        return bucket * _BUCKET_BYTES, digest[:DIGEST_BYTES]

    def _open(self, path: Path, size_bytes: int) -> int:
        try:
            if path.exists() and path.stat().st_size != size_bytes:
                path.unlink()
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            try:
                os.posix_fallocate(file, 0, size_bytes)
            except OSError:
                os.close(file)
                path.unlink()
                raise
        except OSError as error:
            log.warning("requests that are sent again will be kept again: %s", error)
            return -1
        return file


def _slot(bucket: bytes, digest: bytes) -> int:
    """Return where in a bucket a digest is; -1: nowhere."""
    at = bucket.find(digest)
    while at >= 0 and at % _SLOT.size:
        at = bucket.find(digest, at + 1)
    return at
