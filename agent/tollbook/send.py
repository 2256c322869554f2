"""Posts one OTLP request to the collector and says what became of it."""

import zlib
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from importlib import import_module
from time import time
from typing import Final
from urllib.parse import urlsplit

from tollbook.settings import Settings

SEND_TIMEOUT_S: Final = 10.0  # for connecting, and for each read of the answer
ANSWER_BYTES_MAX: Final = 64 * 1024  # read of an answer's body
GZIP_LEVEL: Final = 3
GZIP_FORMAT: Final = 31  # of zlib's wbits: a gzip header without a time, so equal input is equal
RETRYABLE_STATUSES: Final = frozenset({429, 502, 503, 504})
RETRY_AFTER_S_MAX: Final = 300.0  # a collector that asks for more is asked again after this


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
        except (OSError, HTTPException) as error:
            self.close()
            if not reused or isinstance(error, TimeoutError):
                return Answer(False, True, 0, None, f"{type(error).__name__}: {error}")
        # The collector may have closed a connection that was idle: once more on a new one.
        try:
            return self._post(settings, body, timeout_s)
        except (OSError, HTTPException) as error:
            self.close()
            return Answer(False, True, 0, None, f"{type(error).__name__}: {error}")

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
    """Return how many spans of a request that was taken are not kept."""
    if not content:
        return 0
    # Rare, so protobuf is imported here and not by every program.
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    decode_error = import_module("google.protobuf.message").DecodeError
    try:
        said = ExportTraceServiceResponse.FromString(content)
    except decode_error:
        return 0
    return max(int(said.partial_success.rejected_spans), 0)
