"""Step 6, spool: a request is on disk before its sender hears so.

One thread writes. What arrives while it syncs is written and synced together next (group commit),
so sixteen senders share one `fdatasync`. A segment is sealed when it is large or old enough, and
then waits for the loader, oldest first.

After a failed write or sync nothing of that group is acknowledged, the segment is cut back to what
was synced before and sealed: the kernel may have marked the lost pages clean, so a later sync that
succeeds on the same file would prove nothing.
"""

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tollbook_collector.spool.counts import SpoolCounts
from tollbook_collector.spool.digest import Digest
from tollbook_collector.spool.files import (
    FILE_MODE,
    LARGE,
    OPEN,
    REASON,
    REFUSED,
    RETRY,
    SEALED,
    Segment,
    described,
    lock,
    recover,
    reduced_to_accounts,
    set_damage_aside,
    sync_directory,
    write_all,
    write_durably,
)
from tollbook_collector.spool.resends import RESENDS_BYTES, Resends
from tollbook_collector.spool.room import Room
from tollbook_collector.spool.seal import SEGMENT_AGE_MAX_S, SEGMENT_BYTES_MAX, Seal
from tollbook_collector.spool.segment import (
    Envelope,
    Growing,
    Scan,
    account,
    header,
    record,
    record_parts,
    scan,
)

# Free space that the spool leaves on its disk, so that the store can still merge and delete.
DISK_FREE_BYTES_MIN: Final = 512 * 1024 * 1024
# What waits longer is given up and accounted for, so that a store that never comes back costs no
# disk for ever.
SPOOL_AGE_MAX_S: Final = 30 * 24 * 3600.0
RESENT: Final = "resent"
TOO_OLD: Final = "spool_age"
# How long a failed disk is left alone before it is tried again.
DISK_RETRY_S: Final = 1.0
_NOTHING: Final = Scan(0, 0, 0, 0, -1, 0)


class SpoolFull(Exception):
    """There is no room for a request now; nothing of it was kept."""


class SpoolFailed(Exception):
    """The disk refused a write or a sync; nothing of the request is promised."""


@dataclass(frozen=True)
class _Pending:
    envelope: Envelope
    durable: "Future[int]"


class Spool:
    """Requests on disk between the door and the store.

    Args:
        directory: Where the segments are; created if it is not there, and owned by this process.
        bytes_max: Bytes on disk at which requests are refused.
        segment_bytes_max: Bytes at which a segment is sealed.
        segment_age_max_s: Seconds after which it is sealed.
        disk_free_bytes_min: Free space of the disk below which requests are refused.
        age_max_s: Seconds after which what waits is given up.
        resends_bytes: Size of the file of requests that are known when they are sent again.
        sync: What makes a written file durable; an argument so that a test can fail it.

    Raises:
        SpoolInUse: Another collector owns the directory.
        NewerSegment: A newer version of tollbook wrote a segment there.
    """

    def __init__(
        self,
        directory: Path,
        bytes_max: int,
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
        segment_age_max_s: float = SEGMENT_AGE_MAX_S,
        disk_free_bytes_min: int = DISK_FREE_BYTES_MIN,
        age_max_s: float = SPOOL_AGE_MAX_S,
        resends_bytes: int = RESENDS_BYTES,
        sync: Callable[[int], None] = os.fdatasync,
    ) -> None:
        self._directory = directory
        self._due = Seal(segment_bytes_max, segment_age_max_s, lambda: len(self._claimed))
        self._age_max_s = age_max_s
        self._sync = sync
        self._lock_descriptor = lock(directory)
        recovered = recover(directory)
        self._digest = Digest(directory)
        self._resends = Resends(directory, resends_bytes)
        self._resends.remember_again(segment.path for segment in recovered.segments)
        # Requests that are being written, by name, so that a resend of one waits for it.
        self._writing: dict[bytes, Future[int]] = {}
        self._room = Room(directory, bytes_max, disk_free_bytes_min)
        for segment in recovered.segments:
            self._room.take(segment.size_bytes, segment.tenants)
        # One lock: what the writer waits for is said to it alone, and not to every loader.
        lock_of_both = threading.RLock()
        self._changed = threading.Condition(lock_of_both)
        self._arrived = threading.Condition(lock_of_both)
        self._pending: deque[_Pending] = deque()
        self._pending_bytes = 0
        self._sealed: deque[Segment] = deque(recovered.segments)
        self._claimed: dict[Path, Segment] = {}
        self._counts = SpoolCounts(
            torn_bytes=recovered.torn_bytes, damaged_records=recovered.damaged_records
        )
        self._sequence = max(
            [time.time_ns(), *(segment.sequence_last + 1 for segment in recovered.segments)]
        )
        self._closing = False
        self._broken = ""
        self._file = -1
        self._path = directory
        self._content = _NOTHING
        self._growing = Growing()
        self._writer = threading.Thread(target=self._run, name="tollbook-spool", daemon=True)
        self._writer.start()

    def digest(self, content: bytes) -> bytes:
        """Return what a request is known by when it is sent again."""
        return self._digest.of(content)

    def append(
        self,
        tenant: str,
        key: str,
        request: bytes,
        spans: int,
        rejected: tuple[tuple[str, int], ...] = (),
        digest: bytes = b"",
    ) -> "Future[int]":
        """Hand over a request and return a future: its sequence, once it is on disk.

        The future raises `SpoolFailed` when the disk failed.

        Args:
            tenant: Whose data it is.
            key: Public id of the key it came with.
            request: Protobuf.
            spans: Items in it.
            rejected: Items that were taken out of it, by reason.
            digest: Of the request as it came; one that was kept before is accounted for as resent.

        Raises:
            SpoolFull: There is no room; nothing was kept.
        """
        durable: Future[int] = Future()
        # A sender that goes away cannot take back what the writer is about to make durable.
        durable.set_running_or_notify_cancel()
        with self._changed:
            envelope = Envelope(
                tenant, key, time.time_ns(), self._sequence, spans, request, rejected, digest
            )
            if (writing := self._writing.get(envelope.name)) is not None:
                self._count_resent(spans)
                return writing
            self._refuse_without_room(tenant, len(request))
            if envelope.name and self._resends.knows(envelope.name):
                self._count_resent(spans)
                envelope = account(envelope, RESENT)
            elif envelope.name:
                self._writing[envelope.name] = durable
            self._sequence += 1
            self._pending.append(_Pending(envelope, durable))
            self._pending_bytes += len(envelope.request)
            self._arrived.notify()
        return durable

    def claim(self, timeout_s: float) -> Segment | None:
        """Return the oldest sealed segment that nobody has claimed, waiting for one; None: none."""
        with self._changed:
            self._due.loaders_waiting += 1
            self._arrived.notify()
            self._changed.wait_for(lambda: self._sealed or self._closing, timeout_s)
            self._due.loaders_waiting -= 1
            if not self._sealed:
                return None
            segment = self._sealed.popleft()
            self._claimed[segment.path] = segment
            return segment

    def release(self, segment: Segment) -> None:
        """Give a claimed segment back, to be claimed again first."""
        with self._changed:
            del self._claimed[segment.path]
            self._sealed.appendleft(segment)
            self._changed.notify_all()
            self._arrived.notify()

    def remove(self, segment: Segment) -> None:
        """Delete a claimed segment: it is durable elsewhere."""
        self._resends.sync()
        segment.path.unlink()
        sync_directory(self._directory)
        with self._changed:
            del self._claimed[segment.path]
            self._room.give_back(segment.size_bytes, segment.tenants)
            self._changed.notify_all()
            self._arrived.notify()

    def pace(self, insert_s: float) -> None:
        """Let segments wait as fits a store that took so long for the last one."""
        self._due.pace(insert_s)

    def postpone(self, segment: Segment) -> None:
        """Give a claimed segment back, to be claimed again after those that wait."""
        with self._changed:
            del self._claimed[segment.path]
            self._sealed.append(segment)
            self._changed.notify_all()
            self._arrived.notify()

    def read(self, segment: Segment) -> bytes:
        """Return the content of a claimed segment, without what changed on disk since it was whole.

        What changed is set aside and counted, for a flipped byte must not become a number.
        """
        content = segment.path.read_bytes()
        found = scan(content)
        if not found.damaged and not found.torn_bytes:
            return content
        set_damage_aside(segment.path)
        with self._changed:
            self._counts = replace(
                self._counts,
                damaged_records=self._counts.damaged_records
                + (segment.requests - found.requests or 1),
                damaged_spans=self._counts.damaged_spans + segment.spans - found.spans,
            )
        return segment.path.read_bytes()

    def set_aside(self, envelope: Envelope, part: int, reason: str) -> Path:
        """Keep a request, or a part of one, that the store refuses, and return its file.

        Args:
            envelope: What is refused.
            part: Number of the part, so that parts of a request have files of their own.
            reason: Why.
        """
        path = self._directory / f"{envelope.sequence:020d}-{part}{REFUSED}"
        write_durably(path.with_suffix(REASON), reason.encode())
        write_durably(path, header() + record(envelope))
        return path

    def mark_large(self, segment: Segment) -> Segment:
        """Mark a claimed segment, for ever, as one to be inserted in pieces, and return it."""
        path = segment.path.rename(segment.path.with_suffix(LARGE))
        sync_directory(self._directory)
        with self._changed:
            del self._claimed[segment.path]
            self._claimed[path] = replace(segment, path=path)
            return self._claimed[path]

    def adopt_retries(self) -> None:
        """Take requests that are to be tried again, see quarantine.py, as sealed segments."""
        with self._changed:
            for path in sorted(self._directory.glob(f"*{RETRY}")):
                content = scan(path.read_bytes())
                self._sealed.append(described(path.rename(path.with_suffix(SEALED)), content))
                self._room.take(content.intact_bytes, content.tenants)

    def give_up_old(self) -> None:
        """Replace what waited longer than the age budget by its account, with reason spool_age."""
        oldest_ns = time.time_ns() - int(self._age_max_s * 1e9)
        with self._changed:
            old = [each for each in self._sealed if each.received_first < oldest_ns and each.spans]
        for segment in old:
            with self._changed:
                if segment not in self._sealed:
                    continue
                left = reduced_to_accounts(segment.path, TOO_OLD)
                self._sealed[self._sealed.index(segment)] = left
                self._room.give_back(segment.size_bytes, segment.tenants)
                self._room.take(left.size_bytes, left.tenants)
                self._counts = replace(
                    self._counts, dropped_spans=self._counts.dropped_spans + segment.spans
                )

    @property
    def broken(self) -> str:
        """Why nothing can be written at the moment; empty: it can."""
        return self._broken

    def counts(self) -> SpoolCounts:
        """Return what was seen since the start, and what waits now."""
        with self._changed:
            waiting = [*self._sealed, *self._claimed.values()]
            now_ns = time.time_ns()
            oldest_ns = min((segment.received_first for segment in waiting), default=now_ns)
            return replace(
                self._counts,
                waiting_segments=len(waiting),
                waiting_spans=sum(segment.spans for segment in waiting) + self._content.spans,
                waiting_bytes=self._room.waiting_bytes,
                forgotten_requests=self._resends.forgotten,
                waiting_s=max(0.0, (now_ns - oldest_ns) / 1e9),
            )

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until every request was loaded, and return whether that is so."""
        with self._changed:
            return self._changed.wait_for(self._is_empty, timeout_s)

    def close(self) -> None:
        """Write what is pending, seal the open segment and give the directory back."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            self._arrived.notify()
        self._writer.join()
        self._resends.close()
        os.close(self._lock_descriptor)

    # What follows runs with the condition held.

    def _is_empty(self) -> bool:
        return not (self._pending or self._content.requests or self._sealed or self._claimed)

    def _count_resent(self, spans: int) -> None:
        self._counts = replace(
            self._counts,
            resent_requests=self._counts.resent_requests + 1,
            resent_spans=self._counts.resent_spans + spans,
        )

    def _refuse_without_room(self, tenant: str, request_bytes: int) -> None:
        reason = self._broken
        if self._closing and not reason:
            reason = "the collector is stopping"
        reason = reason or self._room.refusal(tenant, request_bytes, self._pending_bytes)
        if reason:
            self._counts = replace(self._counts, refused_requests=self._counts.refused_requests + 1)
            raise SpoolFull(f"the spool is full: {reason}; try again later")

    # What follows runs in the writer's thread, which alone touches the open file.

    def _run(self) -> None:
        while True:
            try:
                self._write()
                return
            except OSError as failure:
                self._give_up_pending(failure)
            with self._changed:
                # A disk that is full or read-only may be well again; what is synced waits for that.
                if self._arrived.wait_for(lambda: self._closing, DISK_RETRY_S):
                    return
                self._broken = ""

    def _give_up_pending(self, failure: OSError) -> None:
        with self._changed:
            self._broken = f"the disk of {self._directory} failed: {failure}"
            pending, self._pending = list(self._pending), deque()
            self._pending_bytes = 0
            self._writing.clear()
            self._counts = replace(
                self._counts, failed_requests=self._counts.failed_requests + len(pending)
            )
            self._changed.notify_all()
        for request in pending:
            request.durable.set_exception(SpoolFailed(self._broken))

    def _write(self) -> None:
        # What a failure of the disk left open is sealed first.
        self._seal()
        while True:
            with self._changed:
                self._arrived.wait_for(
                    lambda: self._pending or self._closing or self._due.is_due(self._content),
                    self._due.due_in_s(self._content),
                )
                group = list(self._pending)
                self._pending.clear()
                self._pending_bytes = 0
                closing = self._closing
            if group:
                self._commit(group)
            if self._due.is_due(self._content) or (closing and not group):
                self._seal()
            if closing and not group:
                return

    def _commit(self, group: list[_Pending]) -> None:
        written_now = [pending.envelope for pending in group]
        records = list(map(record_parts, written_now))
        try:
            if self._file < 0:
                self._open(written_now[0].sequence)
            written = write_all(self._file, [part for parts in records for part in parts])
            self._sync(self._file)
        except OSError as failure:
            self._fail(group, failure)
            return
        with self._changed:
            self._remember(written_now)
            self._room.take(written, self._growing.add(written_now, records))
            self._content = self._growing.content
            self._counts = replace(
                self._counts,
                requests=self._counts.requests + len(group),
                spans=self._counts.spans + sum(envelope.spans for envelope in written_now),
                request_bytes=self._counts.request_bytes
                + sum(len(envelope.request) for envelope in written_now),
            )
        for pending in group:
            pending.durable.set_result(pending.envelope.sequence)

    def _remember(self, written: list[Envelope]) -> None:
        for envelope in written:
            if envelope.name:
                self._resends.remember(envelope.name)
                self._writing.pop(envelope.name, None)

    def _open(self, sequence: int) -> None:
        self._path = self._directory / f"{sequence:020d}{OPEN}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.open(self._path, flags, FILE_MODE)
        self._due.begin()
        write_all(self._file, [header()])
        with self._changed:
            self._growing = Growing()
            self._content = self._growing.content
            self._room.take(len(header()), {})
        sync_directory(self._directory)

    def _fail(self, group: list[_Pending], failure: OSError) -> None:
        error = SpoolFailed(f"the disk of {self._directory} failed: {failure}; try again later")
        with self._changed:
            # What is left of the group may stay behind it, and then the token is of other bytes.
            self._content = replace(self._content, token="")
            self._counts = replace(
                self._counts, failed_requests=self._counts.failed_requests + len(group)
            )
            for pending in group:
                self._writing.pop(pending.envelope.name, None)
        try:
            if self._file >= 0:
                # Where the cut fails too the tail stays, and its requests may be stored although
                # their senders were told to try again: twice rather than never.
                with contextlib.suppress(OSError):
                    os.ftruncate(self._file, self._content.intact_bytes)
                self._seal()
        finally:
            for pending in group:
                pending.durable.set_exception(error)

    def _seal(self) -> None:
        """Close the segment and let it wait to be loaded; after a failure, call it again."""
        was_open = self._file >= 0
        if was_open:
            descriptor, self._file = self._file, -1
            os.close(descriptor)
        sealed = self._path.with_suffix(SEALED)
        if self._content.requests:
            # It is gone where an earlier call renamed it, and could not make that durable.
            with contextlib.suppress(FileNotFoundError):
                self._path.rename(sealed)
        elif was_open:
            self._path.unlink(missing_ok=True)
        else:
            return
        sync_directory(self._directory)
        with self._changed:
            if self._content.requests:
                self._sealed.append(described(sealed, self._content))
            else:
                self._room.give_back(self._content.intact_bytes, {})
            self._content = _NOTHING
            self._changed.notify_all()
