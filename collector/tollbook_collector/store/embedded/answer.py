"""The answer to a statement: headers, body, and an error at whatever point it comes."""

import itertools
import json
import secrets
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tollbook_collector.store.embedded.exchange import Exchange, Headers
from tollbook_collector.store.embedded.failure import QueryFailed
from tollbook_collector.store.embedded.request import Request

DISPLAY_NAME: Final = "tollbook embedded store"
SANDBOXED_HEADER: Final = "X-Tollbook-Sandboxed"
# An answer waits for this much of its body before its status is sent, as ClickHouse's does: an
# error that comes early still becomes a status.
HELD_BYTES: Final = 1024 * 1024
# With wait_end_of_query=1 a whole result waits: this much in memory, the rest in a file.
WAITING_BYTES_IN_MEMORY: Final = 64 * 1024 * 1024
TAG_BYTES: Final = 8
_CONTENT_TYPES: Final = (
    ("jsoneachrow", "application/x-ndjson; charset=UTF-8"),
    ("json", "application/json; charset=UTF-8"),
    ("csvwithnames", "text/csv; charset=UTF-8; header=present"),
    ("csv", "text/csv; charset=UTF-8; header=absent"),
    ("tabseparated", "text/tab-separated-values; charset=UTF-8"),
    ("tsv", "text/tab-separated-values; charset=UTF-8"),
    ("xml", "application/xml; charset=UTF-8"),
    ("parquet", "application/octet-stream"),
    ("pretty", "text/plain; charset=UTF-8"),
    ("vertical", "text/plain; charset=UTF-8"),
    ("values", "text/plain; charset=UTF-8"),
    ("markdown", "text/markdown; charset=UTF-8"),
)


@dataclass(frozen=True)
class Identity:
    """What the store says about itself in every answer."""

    version: str
    timezone: str
    sandboxed: bool

    def headers(self) -> dict[str, str]:
        """Return the headers of every answer."""
        return {
            "X-ClickHouse-Server-Display-Name": DISPLAY_NAME,
            "X-ClickHouse-Timezone": self.timezone,
            SANDBOXED_HEADER: "1" if self.sandboxed else "0",
        }

    def failure_headers(self, failure: QueryFailed) -> dict[str, str]:
        """Return the headers of an answer that is an error."""
        return {**self.headers(), "X-ClickHouse-Exception-Code": str(failure.code)}

    def failure_body(self, failure: QueryFailed) -> bytes:
        """Return the body of an answer that is an error."""
        return f"{failure.text(self.version)}\n".encode("utf-8", "surrogateescape")


@dataclass
class Summary:
    """What a statement read and wrote so far, in rows and bytes before compression.

    `engine_ns` is how long the engine had it; ClickHouse's own summary does not say that.
    """

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    engine_ns: int = 0


class Answer:
    """One request's answer, written by its worker thread."""

    def __init__(
        self, exchange: Exchange, request: Request, identity: Identity, temporary: Path
    ) -> None:
        self.summary = Summary()
        self._exchange = exchange
        self._request = request
        self._identity = identity
        self._temporary = temporary
        self._began_ns = time.perf_counter_ns()
        # Random, so that no row of a result can be taken for the mark before an error.
        self._tag = secrets.token_hex(TAG_BYTES)

    def send(self, pieces: Iterable[bytes], output_format: str) -> None:
        """Send a result. Its status waits for its first part, or for all of it where asked to.

        Raises:
            QueryFailed: If the result fails; `fail` knows what has been sent by then.
            ClientGone: If the client has left.
        """
        remaining = iter(pieces)
        held = bytearray()
        for piece in remaining:
            held += piece
            if len(held) > HELD_BYTES:
                break
        else:
            self._send_whole(bytes(held), output_format)
            return
        if self._request.wait_end_of_query:
            self._send_waiting(itertools.chain((bytes(held),), remaining), output_format)
            return
        self.summary.result_bytes = len(held)
        self._exchange.start(200, self._headers(output_format), None)
        self._exchange.write(bytes(held))
        del held
        for piece in remaining:
            self._exchange.write(piece)
        self._exchange.finish()

    def fail(self, failure: QueryFailed) -> None:
        """Send an error: as the status if nothing has been sent, else inside of the body.

        Raises:
            ClientGone: If the client has left.
        """
        body = self._identity.failure_body(failure)
        if self._exchange.started:
            # The form in which clients look for it since ClickHouse 25.11. The transfer itself ends
            # well, as there: of a broken one some clients give up the last part, and this is it.
            head = f"\r\n__exception__\r\n{self._tag}\r\n".encode()
            tail = f"{len(body)} {self._tag}\r\n__exception__\r\n".encode()
            self._exchange.finish(head + body + tail)
            return
        headers = [*self._identity.failure_headers(failure).items()]
        headers.append(("X-ClickHouse-Query-Id", self._request.query_id))
        headers.append(("Content-Type", "text/plain; charset=UTF-8"))
        self._exchange.start_plain(failure.status, headers, len(body))
        self._exchange.finish(body)

    def _send_whole(self, body: bytes, output_format: str) -> None:
        self.summary.result_bytes = len(body)
        self._exchange.start(200, self._headers(output_format), len(body))
        self._exchange.finish(body)

    def _send_waiting(self, pieces: Iterator[bytes], output_format: str) -> None:
        with tempfile.SpooledTemporaryFile(
            WAITING_BYTES_IN_MEMORY, dir=str(self._temporary)
        ) as spooled:
            for piece in pieces:
                spooled.write(piece)
            length = spooled.tell()
            spooled.seek(0)
            self.summary.result_bytes = length
            self._exchange.start(200, self._headers(output_format), length)
            while piece := spooled.read(HELD_BYTES):
                self._exchange.write(piece)
            self._exchange.finish()

    def _headers(self, output_format: str) -> Headers:
        counts = {name: str(count) for name, count in vars(self.summary).items()}
        counts["total_rows_to_read"] = "0"
        counts["elapsed_ns"] = str(time.perf_counter_ns() - self._began_ns)
        return [
            *self._identity.headers().items(),
            ("Content-Type", content_type(output_format)),
            ("X-ClickHouse-Query-Id", self._request.query_id),
            ("X-ClickHouse-Format", output_format),
            ("X-ClickHouse-Exception-Tag", self._tag),
            ("X-ClickHouse-Summary", json.dumps(counts, separators=(",", ":"))),
        ]


def content_type(output_format: str) -> str:
    """Return the media type of a format of ClickHouse's."""
    name = output_format.lower()
    return next(
        (media for prefix, media in _CONTENT_TYPES if name.startswith(prefix)),
        "application/octet-stream",
    )
