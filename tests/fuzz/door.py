"""What any bytes may do at the door: be refused with a named error, or be kept; nothing else.

`make fuzz` feeds it with mutations for minutes; tests/collector/test_fuzz.py with its seeds.
"""

import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import zstandard
from google.protobuf.json_format import MessageToJson
from otlp_requests import Span, call, request

from tollbook_collector.intake.accept import Body, answer, read_body
from tollbook_collector.intake.decompress import Damaged, TooLarge, UnknownEncoding
from tollbook_collector.intake.examine import Undecodable
from tollbook_collector.intake.otlp_json import NotOtlpJson
from tollbook_collector.intake.signals import SIGNALS, TRACES

REFUSALS = (Damaged, TooLarge, UnknownEncoding, Undecodable, NotOtlpJson)
ENCODINGS = ("", "gzip", "zstd", "deflate")
CPU_S_MAX = 1.0


class TooSlow(AssertionError):
    """One input cost more than CPU_S_MAX."""


def consume(data: bytes) -> None:
    """Read a body as the door does: the first byte says as what, the others are the body."""
    if not data:
        return
    mode, content = data[0], data[1:]
    signal = SIGNALS[mode % 3]
    body = Body(signal, content, ENCODINGS[(mode >> 2) % 4], bool(mode & 0x40))
    started = time.thread_time()
    try:
        examined = read_body(body)
    except REFUSALS:
        examined = None
    if examined is not None:
        # What is kept can be read again, and has as many items as were counted.
        again = read_body(Body(signal, examined.request))
        assert (again.items, dict(again.rejected)) == (examined.items, {})
        answer(signal, examined)
    if time.thread_time() - started > CPU_S_MAX:
        raise TooSlow(f"{time.thread_time() - started:.2f} s for {len(data)} B")


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
    yield bytes([0x40]) + MessageToJson(TRACES.request.FromString(body)).encode()
    for number in (1, 2):
        yield bytes([number]) + body
        yield bytes([number | 0x40]) + b'{"resourceLogs":[],"resourceMetrics":[]}'


if __name__ == "__main__":
    from under_atheris import run

    run(consume, seeds, Path(__file__).stem)
