"""Posts one OTLP request to the collector and says what became of it."""

import zlib
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from time import time
from typing import Final
from urllib.parse import urlsplit

from tollbook.settings import Settings

SEND_TIMEOUT_S: Final = 10.0  # for connecting, and for each read of the answer
ANSWER_BYTES_MAX: Final = 64 * 1024  # read of an answer's body
LIMITS_BYTES_MAX: Final = 8 * 2**20  # read of an answer with limits
GZIP_LEVEL: Final = 3
GZIP_FORMAT: Final = 31  # of zlib's wbits: a gzip header without a time, so equal input is equal
RETRYABLE_STATUSES: Final = frozenset({429, 502, 503, 504})
RETRY_AFTER_S_MAX: Final = 300.0  # a collector that asks for more is asked again after this
# Numbers of fields in opentelemetry-proto's trace_service.proto.
PARTIAL_SUCCESS: Final = 1
REJECTED_SPANS: Final = 1
UNSIGNED: Final = 2**64 - 1
# Of a request; the last where the interpreter ends and a thread that is needed cannot be started.
FAILURES: Final = (OSError, HTTPException, RuntimeError)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the collector said to a request.

    Attributes:
        delivered: Whether it took the request.
        retryable: Whether the same request may be taken later.
        rejected_spans: Spans of a request that it took but does not keep.
        retry_after_s: Seconds that it asks to wait for, or None.
        said: For a log line: the status or the error.
    """

    delivered: bool
    retryable: bool
    rejected_spans: int
    retry_after_s: float | None
    said: str


class Sender:
    """A connection to the collector, kept open between requests. Used by one thread at a time."""

    def __init__(self) -> None:
        self._connection: HTTPConnection | None = None
        self._url = ""

    def send(self, settings: Settings, body: bytes, timeout_s: float = SEND_TIMEOUT_S) -> Answer:
        """Post a compressed `ExportTraceServiceRequest`.

        Args:
            settings: Where to, and with which headers.
            body: The request from `compress`.
            timeout_s: Seconds for connecting and for each read.
        """
        reused = self._connection is not None and self._url == settings.traces_url
        try:
            return self._post(settings, body, timeout_s)
        except FAILURES as error:
            self.close()
            if not reused or isinstance(error, TimeoutError):
                return Answer(False, True, 0, None, f"{type(error).__name__}: {error}")
        # The collector may have closed a connection that was idle: once more on a new one.
        try:
            return self._post(settings, body, timeout_s)
        except FAILURES as error:
            self.close()
            return Answer(False, True, 0, None, f"{type(error).__name__}: {error}")

    def ask(self, settings: Settings, body: bytes, timeout_s: float) -> tuple[int, bytes]:
        """Post JSON to where limits are, on a connection of its own; return status and content.

        Raises:
            OSError, HTTPException, RuntimeError: There was no answer.
        """
        headers = {"content-type": "application/json", **dict(settings.headers)}
        try:
            connection = self._connect(settings.limits_url, timeout_s)
            connection.request("POST", urlsplit(settings.limits_url).path, body, headers)
            response = connection.getresponse()
            return response.status, response.read(LIMITS_BYTES_MAX)
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection, if one is open."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, settings: Settings, body: bytes, timeout_s: float) -> Answer:
        connection = self._connect(settings.traces_url, timeout_s)
        headers = {
            "content-type": "application/x-protobuf",
            "content-encoding": "gzip",
            **dict(settings.headers),
        }
        connection.request("POST", urlsplit(settings.traces_url).path or "/", body, headers)
        response = connection.getresponse()
        content = response.read(ANSWER_BYTES_MAX)
        if response.read(1) or response.will_close:
            self.close()
        return answer(response, content)

    def _connect(self, url: str, timeout_s: float) -> HTTPConnection:
        if self._connection is not None and self._url != url:
            self.close()
        if self._connection is None:
            parts = urlsplit(url)
            secure = parts.scheme == "https"
            kind = HTTPSConnection if secure else HTTPConnection
            self._connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
            self._url = url
        self._connection.timeout = timeout_s
        if self._connection.sock is not None:
            self._connection.sock.settimeout(timeout_s)
        return self._connection


def compress(request: bytes) -> bytes:
    """Return a request as gzip; equal requests give equal bytes."""
    compressor = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_FORMAT)
    return compressor.compress(request) + compressor.flush()


def answer(response: HTTPResponse, content: bytes) -> Answer:
    """Return what a response says."""
    status = response.status
    if 200 <= status < 300:
        return Answer(True, False, rejected_spans(content), None, str(status))
    retry_after_s = seconds(response.getheader("retry-after"))
    return Answer(False, status in RETRYABLE_STATUSES, 0, retry_after_s, f"status {status}")


def seconds(header: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for, at most 300; nonsense is None."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:9]), RETRY_AFTER_S_MAX)
    # Rare, so it is imported here and not by every program.
    from email.utils import mktime_tz, parsedate_tz

    date = parsedate_tz(text)
    if date is None:
        return None
    try:
        return min(max(mktime_tz(date) - time(), 0.0), RETRY_AFTER_S_MAX)
    except (OverflowError, ValueError):
        return None


def rejected_spans(content: bytes) -> int:
    """Return how many spans of a request that was taken are not kept, of its answer's protobuf.

    Some collectors say `partial_success` with every answer, and protobuf's own reader would add 13
    MB to a program for it; what cannot be read says nothing.
    """
    try:
        partial_success = field_of(content, PARTIAL_SUCCESS)
        if not isinstance(partial_success, bytes):
            return 0
        rejected = field_of(partial_success, REJECTED_SPANS)
    except (IndexError, ValueError):
        return 0
    return rejected if isinstance(rejected, int) and rejected < 2**63 else 0


def field_of(message: bytes, wanted: int) -> int | bytes:
    """Return the last value of a field of a protobuf message, 0 where it has none.

    Raises:
        IndexError, ValueError: It is no message, or has a kind of field that OTLP does not use.
    """
    place = 0
    value: int | bytes
    found: int | bytes = 0
    while place < len(message):
        key, place = read_varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, place = read_varint(message, place)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, place = message[place : place + size], place + size
        elif kind == 2:
            size, place = read_varint(message, place)
            value, place = message[place : place + size], place + size
        else:
            raise ValueError(f"field {number} is of the kind {kind}")
        if place > len(message):
            raise IndexError(f"field {number} is cut off")
        if number == wanted:
            found = value
    return found


def read_varint(message: bytes, place: int) -> tuple[int, int]:
    """Return the number in base 128 at a place, and the place behind it."""
    number = 0
    for shift in range(0, 70, 7):
        digit = message[place]
        place += 1
        number |= (digit & 0x7F) << shift
        if digit < 0x80:
            return number & UNSIGNED, place
    raise ValueError("a number has more than ten digits")
