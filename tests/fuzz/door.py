"""What any bytes may do at the door: be refused with a named error, or be kept; nothing else.

`make fuzz` feeds it with mutations for minutes; tests/collector/test_fuzz.py with its seeds.
"""

import contextlib
import gzip
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import zstandard
from google.protobuf.json_format import MessageToJson
from otlp_requests import Span, call, request

from tollbook_collector.intake import examine, gather, rewrite, wire
from tollbook_collector.intake.accept import Body, answer, read_body
from tollbook_collector.intake.decompress import Damaged, TooLarge, UnknownEncoding
from tollbook_collector.intake.examine import Undecodable
from tollbook_collector.intake.otlp_json import NotOtlpJson
from tollbook_collector.intake.signals import SIGNALS, TRACES

REFUSALS = (Damaged, TooLarge, UnknownEncoding, Undecodable, NotOtlpJson)
ENCODINGS = ("", "gzip", "zstd", "deflate")
CPU_S_MAX = 1.0
# A large request is read and changed in pieces; of such a size a mutation makes many.
SMALL_PIECE_BYTES = 48
# No proto3 has groups: the reader skips them, and a large request with one is refused.
HAS_GROUP = "wire type 3"


class TooSlow(AssertionError):
    """One input cost more than CPU_S_MAX."""


def consume(data: bytes) -> None:
    """Read a body as the door does: the first byte says as what, the others are the body.

    Its highest bit says that it is read in small pieces too, which must come to the same.
    """
    if not data:
        return
    mode, content = data[0], data[1:]
    signal = SIGNALS[mode % 3]
    middle = len(content) // 2
    parts = [content[:middle], content[middle:]]
    body = Body(signal, parts, ENCODINGS[(mode >> 2) % 4], bool(mode & 0x40))
    started = time.thread_time()
    try:
        examined = read_body(body)
    except REFUSALS:
        examined = None
    if examined is not None:
        # What is kept can be read again, and has as many items as were counted.
        again = read_body(Body(signal, [examined.request]))
        assert (again.items, dict(again.rejected)) == (examined.items, {})
        answer(signal, examined)
    if mode & 0x80:
        with small_pieces():
            in_pieces = outcome(body)
        assert in_pieces in (TooLarge, HAS_GROUP) or in_pieces == outcome(body)
    if time.thread_time() - started > CPU_S_MAX:
        raise TooSlow(f"{time.thread_time() - started:.2f} s for {len(data)} B")


@contextlib.contextmanager
def small_pieces() -> Iterator[None]:
    """Cut requests into pieces of SMALL_PIECE_BYTES."""
    with contextlib.ExitStack() as stack:
        for module in (examine, rewrite, wire):
            stack.enter_context(mock.patch.object(module, "PIECE_BYTES_MAX", SMALL_PIECE_BYTES))
        stack.enter_context(mock.patch.object(gather, "TURN_BYTES", SMALL_PIECE_BYTES))
        yield


def outcome(body: Body) -> Any:
    """Return what is kept of a body and what is not, or as what it is refused."""
    try:
        found = read_body(body)
    except REFUSALS as refusal:
        return HAS_GROUP if HAS_GROUP in str(refusal) else type(refusal)
    kept = body.signal.request.FromString(found.request).SerializeToString(deterministic=True)
    return kept, found.items, dict(found.rejected), found.trimmed_fields


def seeds() -> Iterator[bytes]:
    """Yield inputs to begin from: a request in each encoding, and in JSON."""
    nested = {"a": [1, "x", {"b": 2.5}], "c": b"\xff", "d": True}
    body = request([call("openai", "gpt-4o", 10, 1, nested=nested), Span(), Span(span_id=b"short")])
    packed = {
        "": body,
        "gzip": gzip.compress(body),
        "zstd": zstandard.compress(body),
        "deflate": gzip.zlib.compress(body),  # type: ignore[attr-defined]
    }
    for number, encoding in enumerate(ENCODINGS):
        yield bytes([number << 2]) + packed[encoding]
    yield bytes([0x80]) + body
    yield bytes([0x80]) + body + b"\x1b\x1c"  # with a group, see HAS_GROUP
    yield bytes([0x40]) + MessageToJson(TRACES.request.FromString(body)).encode()
    for number in (1, 2):
        yield bytes([number]) + body
        yield bytes([0x80 | number]) + body
        yield bytes([number | 0x40]) + b'{"resourceLogs":[],"resourceMetrics":[]}'


if __name__ == "__main__":
    from under_atheris import run

    run(consume, seeds, Path(__file__).stem)
