"""Step 5, accept: what becomes of a body, and handing what is kept to the spool.

The same for HTTP and gRPC. Bodies that cost more than a moment are read in a thread, of which there
are two: the loop goes on with the others, and memory has a bound. JSON, which takes thirty times as
long as protobuf, has a thread of its own, so that senders of protobuf do not wait for it.
"""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from tollbook_collector.intake.allowance import AllowanceSpent
from tollbook_collector.intake.decompress import decompressed
from tollbook_collector.intake.examine import Examined, examine
from tollbook_collector.intake.gather import gathered
from tollbook_collector.intake.json_reader import JsonReader
from tollbook_collector.intake.otlp_json import to_protobuf
from tollbook_collector.intake.signals import Signal
from tollbook_collector.spool.append import Spool

# A body up to this size, as it came, is read at once: a thread would cost more than it takes.
INLINE_BYTES_MAX: Final = 4 * 1024
READERS: Final = 2
# Bodies in memory that are not yet in the spool; two of the largest.
BODIES_BYTES_MAX: Final = 128 * 1024 * 1024
# One of several tenants may hold so many times what is free of them: two thirds at most, and there
# is always room for another.
BODIES_SHARE_OF_FREE: Final = 2
UNFAIR_RETRY_S: Final = 2
# Reasons that an answer names; the others are counted with them.
REASONS_NAMED_MAX: Final = 5


class Busy(Exception):
    """So much is being received that a request has to wait its turn; nothing of it was kept."""


@dataclass(frozen=True)
class Body:
    """A request as it came.

    Args:
        signal: What it is posted as.
        parts: Its bytes, as they came one after the other.
        encoding: Its compression, as the sender named it; empty: none.
        is_json: Whether it is OTLP/JSON, and not protobuf.
    """

    signal: Signal
    parts: Sequence[bytes]
    encoding: str = ""
    is_json: bool = False


class Door:
    """Takes requests and counts what became of them.

    Args:
        spools: Where accepted requests go, by the name of their signal.
        bodies_bytes_max: Bytes of bodies in memory beyond which further ones wait.
        tenants: How many may send; of more than one none holds all the memory.
    """

    def __init__(
        self,
        spools: Mapping[str, Spool],
        bodies_bytes_max: int = BODIES_BYTES_MAX,
        tenants: Callable[[], int] = lambda: 1,
    ) -> None:
        self._spools = spools
        self._bodies_bytes_max = bodies_bytes_max
        self._bodies_bytes = 0
        self._bodies_held: Counter[str] = Counter()
        self._tenants = tenants
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="tollbook-door")
        self._json = ThreadPoolExecutor(1, thread_name_prefix="tollbook-door-json")
        self._json_reader = JsonReader()
        self._lock = threading.Lock()
        self._outcomes: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()

    async def accept(self, tenant: str, key: str, body: Body) -> Examined:
        """Return what was kept once that is on disk; an empty request leaves no trace.

        Raises:
            UnknownEncoding, Damaged, TooLarge, NotOtlpJson, Undecodable: It never will be accepted.
            SpoolFull: There is no room; the sender may try again.
            SpoolFailed: The disk failed; the sender may try again.
            JsonReaderEnded: What reads large JSON ended; the sender may try again.
        """
        spool = self._spools[body.signal.name]
        size_bytes = sum(map(len, body.parts))
        if size_bytes > INLINE_BYTES_MAX or (body.encoding and size_bytes):
            loop = asyncio.get_running_loop()
            readers = self._json if body.is_json else self._readers
            examined = await loop.run_in_executor(
                readers, read_body, body, self._json_reader.to_protobuf, spool.digest
            )
        else:
            examined = read_body(body, digest=spool.digest)
        if examined.items or examined.rejected:
            rejected = tuple(sorted(examined.rejected.items()))
            await asyncio.wrap_future(
                spool.append(
                    tenant, key, examined.request, examined.items, rejected, examined.digest
                )
            )
        if examined.rejected or examined.trimmed_fields:
            self._count_rejected(body.signal, examined)
        return examined

    @contextlib.contextmanager
    def room(self, size_bytes: int, tenant: str = "") -> Iterator[None]:
        """Hold memory for a body while it is received and read.

        Raises:
            Busy: There is none now; the sender may try again.
            AllowanceSpent: Its tenant holds its share of it; it may try again.
        """
        held = self._bodies_held
        share = BODIES_SHARE_OF_FREE * (self._bodies_bytes_max - self._bodies_bytes)
        if held[tenant] and held[tenant] + size_bytes > share and self._tenants() > 1:
            raise AllowanceSpent(
                f"{held[tenant]} B of {tenant} are being received, its share is {share}",
                UNFAIR_RETRY_S,
            )
        if self._bodies_bytes and self._bodies_bytes + size_bytes > self._bodies_bytes_max:
            raise Busy(
                f"{self._bodies_bytes} B of requests are being received,"
                f" the limit is {self._bodies_bytes_max}; try again later"
            )
        self._bodies_bytes += size_bytes
        held[tenant] += size_bytes
        try:
            yield
        finally:
            self._bodies_bytes -= size_bytes
            held[tenant] -= size_bytes
            if not held[tenant]:
                del held[tenant]

    def takes(self, signal: Signal) -> bool:
        """Return whether there is a spool for a signal."""
        return signal.name in self._spools

    def close(self) -> None:
        """End the readers, after what they are reading."""
        self._json_reader.close()
        self._json.shutdown()
        self._readers.shutdown()

    def count(self, outcome: str) -> None:
        """Count a request by what became of it."""
        with self._lock:
            self._outcomes[outcome] += 1

    def outcomes(self) -> dict[str, int]:
        """Return how many requests had which outcome since the start."""
        with self._lock:
            return dict(sorted(self._outcomes.items()))

    def rejected(self) -> dict[str, int]:
        """Return how many items were rejected since the start, by `signal:reason`."""
        with self._lock:
            return dict(sorted(self._rejected.items()))

    def _count_rejected(self, signal: Signal, examined: Examined) -> None:
        with self._lock:
            for reason, items in examined.rejected.items():
                self._rejected[f"{signal.name}:{reason}"] += items
            if examined.trimmed_fields:
                self._rejected[f"{signal.name}:field_too_long"] += examined.trimmed_fields


def read_body(
    body: Body,
    convert: Callable[[Signal, bytes], bytes] = to_protobuf,
    digest: Callable[[bytes], bytes] = lambda content: b"",
) -> Examined:
    """Return what can be kept of a body.

    Args:
        body: A request as it came.
        convert: Makes protobuf of JSON.
        digest: Makes what it is known by when it comes again.

    Raises:
        UnknownEncoding, Damaged, TooLarge, NotOtlpJson, Undecodable: Nothing can.
        JsonReaderEnded: Of `convert`.
    """
    content = decompressed(gathered(body.parts), body.encoding)
    if body.is_json and content:
        content = convert(body.signal, content)
    examined = examine(body.signal, content)
    return replace(examined, digest=digest(content))


def partial_success(examined: Examined) -> tuple[int, str]:
    """Return how many items were rejected, and what the sender is told; empty: all is kept."""
    named = Counter(examined.rejected).most_common(REASONS_NAMED_MAX)
    parts = [f"{items} {reason}" for reason, items in named]
    if examined.trimmed_fields:
        parts.append(
            f"{examined.trimmed_fields} fields were left out because they are too long or too many"
        )
    return sum(examined.rejected.values()), "; ".join(parts)


def answer(signal: Signal, examined: Examined) -> bytes:
    """Return the export response in protobuf."""
    rejected, message = partial_success(examined)
    if not message:
        return b""
    response = signal.response()
    setattr(response.partial_success, f"rejected_{signal.items}", rejected)
    response.partial_success.error_message = message
    return bytes(response.SerializeToString())
