"""Held: how long the collector's loop stands still, and others wait, while hostile requests come.

Two probes run beside each attack, in a process of their own: a question for a path that is not
there, which only the loop answers, and a small request of spans, which is read and put on disk like
any other. What the first waits is what the loop was held, by a turn of its own or by a thread that
kept the interpreter. The machine has to have cores to spare, else the kernel's queue is measured.

    python benchmarks/held.py [--seconds 60]
"""

import argparse
import gzip
import http.client
import json
import multiprocessing
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

from corpus import requests
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from running import start

MEBIBYTE = 1024 * 1024
LIMIT_BYTES = 64 * MEBIBYTE
PROBE_EVERY_S = 0.004
IDS = ("traceId", "spanId", "parentSpanId")
PROTOBUF, JSON = "application/x-protobuf", "application/json"
Attack = tuple[str, bytes, dict[str, str]]


def attacks() -> Iterator[Attack]:
    """Yield what is sent: its name, its body and its headers."""
    zipped = {"content-type": PROTOBUF, "content-encoding": "gzip"}
    yield "nothing", b"", {"content-type": PROTOBUF}
    yield "gzip of 64 MiB zeros", gzip.compress(bytes(LIMIT_BYTES), 9), zipped
    yield "gzip of 10 M empty spans", gzip.compress(_empty_spans(10_000_000), 9), zipped
    yield "10 M empty spans", _empty_spans(10_000_000), {"content-type": PROTOBUF}
    yield "100,000 spans", *_spans(100_000)
    yield "50,000 spans", *_spans(50_000)
    yield "50,000 spans, the last one bad", *_spans(50_000, bad=True)
    yield "50,000 spans of 1 M attributes, one bad", *_spans(49_000, bad=True, attributes=20)
    yield "64 MiB of spans with texts", *_texts()
    yield "64 MiB of spans with texts, one bad", *_texts(bad=True)
    # Stored: what grows 200 times would be refused.
    yield "64 MiB of spans with texts, gzip", gzip.compress(_texts(bad=True)[0], 0), zipped
    yield "64 MiB of spans with texts, one too long", *_texts(long=True)
    yield "64 MiB of spans in JSON", _json_spans(LIMIT_BYTES), {"content-type": JSON}
    for name, body in _json_bodies():
        yield f"JSON: {name}", body, {"content-type": JSON}


def _empty_spans(count: int) -> bytes:
    spans = b"\x12\x00" * count
    scope = b"\x12" + _varint(len(spans)) + spans
    return b"\x0a" + _varint(len(scope)) + scope


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def _spans(count: int, bad: bool = False, attributes: int = 1) -> tuple[bytes, dict[str, str]]:
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    for number in range(count):
        span = spans.add(trace_id=b"t" * 16, span_id=number.to_bytes(8, "big"), name="chat")
        span.start_time_unix_nano = time.time_ns()
        for _ in range(attributes):
            span.attributes.add(key="gen_ai.request.model").value.string_value = "gpt-4o"
    if bad:
        spans[-1].span_id = b""
    return message.SerializeToString(), {"content-type": PROTOBUF}


def _texts(bad: bool = False, long: bool = False) -> tuple[bytes, dict[str, str]]:
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    for number in range(1, (LIMIT_BYTES - 300_100) // 200_100):
        span = spans.add(trace_id=b"t" * 16, span_id=number.to_bytes(8, "big"), name="chat")
        span.attributes.add(key="input").value.string_value = "x" * 200_000
    if bad:
        spans[-1].span_id = b""
    if long:
        spans[0].attributes.add(key="output").value.string_value = "x" * 300_000
    return message.SerializeToString(), {"content-type": PROTOBUF}


def _json_spans(size_bytes: int) -> bytes:
    (body,) = requests(random.Random(1), 1, 512)
    document = MessageToDict(
        ExportTraceServiceRequest.FromString(body), use_integers_for_enums=True
    )
    for resource in document["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                span.update({name: "ab" * (8 if name != IDS[0] else 16) for name in IDS})
    part = json.dumps(document["resourceSpans"]).encode()[1:-1]
    parts = (size_bytes - 100) // (len(part) + 1)
    return b'{"resourceSpans":[' + b",".join([part] * parts) + b"]}"


def _json_bodies() -> Iterator[tuple[str, bytes]]:
    def filled(begin: bytes, unit: bytes, end: bytes) -> bytes:
        return begin + unit * ((LIMIT_BYTES - len(begin) - len(end)) // len(unit)) + end

    yield "one string", filled(b'{"a":"', b"x", b'"}')
    yield "one string of escapes", filled(b'{"a":"', rb"\u00e9", b'"}')
    yield "strings", filled(b'{"a":[""', b',""', b"]}")
    yield "fractions", filled(b'{"a":[1', b",1.5", b"]}")
    yield "integers", filled(b'{"a":[1', b",1", b"]}")
    yield "two million objects", b'{"a":[{}' + b",{}" * 1_900_000 + b"]}"
    names = b",".join(b'"%07x":1' % number for number in range(LIMIT_BYTES // 13))
    yield "five million names", b"{" + names + b"}"
    yield "five million names, the last one twice", b"{" + names + b"," + names[-11:] + b"}"
    yield "one number", filled(b'{"a":', b"1", b"}")
    yield "quotes without fellow", filled(b'{"a":"', b"\\", b"")
    yield "spaces", filled(b'{"a":', b" ", b"1}")


def probe(otlp: str, said: Connection) -> None:
    """Ask again and again, and say what each answer took between two messages of the other side."""
    address = urlsplit(otlp)
    (small,) = requests(random.Random(2), 1, 16)
    waits: dict[str, list[float]] = {"loop": [], "request": []}
    lock = threading.Lock()

    def repeat(name: str, method: str, path: str, body: bytes | None) -> None:
        connection = http.client.HTTPConnection(address.netloc, timeout=300)
        while True:
            before = time.perf_counter()
            connection.request(method, path, body, {"content-type": PROTOBUF})
            connection.getresponse().read()
            with lock:
                waits[name].append(time.perf_counter() - before)
            time.sleep(PROBE_EVERY_S)

    for given in (("loop", "GET", "/nothing", None), ("request", "POST", address.path, small)):
        threading.Thread(target=repeat, args=given, daemon=True).start()
    while said.poll(None):
        if not said.recv():
            return
        with lock:
            said.send({name: sorted(found) for name, found in waits.items()})
            for found in waits.values():
                found.clear()


def attack(otlp: str, body: bytes, headers: dict[str, str], seconds: float) -> tuple[str, float]:
    """Send one request and return the answer's status and what it took; nothing: wait a second."""
    if not body:
        time.sleep(1.0)
        return "", 1.0
    address = urlsplit(otlp)
    connection = http.client.HTTPConnection(address.netloc, timeout=seconds)
    before = time.perf_counter()
    try:
        connection.request("POST", address.path, body, headers)
        status = str(connection.getresponse().status)
    except OSError as error:
        status = type(error).__name__
    connection.close()
    return status, time.perf_counter() - before


def main() -> None:
    """Run the attacks one after the other and print what the probes waited."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--seconds", type=float, default=60.0, help="for an answer")
    arguments.add_argument("--only", default="", help="attacks with this in their name")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="tollbook-held-") as directory:
        running = start(Path(directory) / "data", Path(directory) / "collector.log")
        mine, other = multiprocessing.Pipe()
        probing = multiprocessing.Process(target=probe, args=(running.otlp, other), daemon=True)
        probing.start()
        print(
            f"{'':42} answer       s   loop p50     p99     max   request p50     p99     max, ms"
        )
        try:
            for name, body, headers in attacks():
                if options.only not in name:
                    continue
                time.sleep(1.0)
                mine.send(True)
                mine.recv()
                status, took = attack(running.otlp, body, headers, options.seconds)
                mine.send(True)
                told = ""
                for found in mine.recv().values():
                    at = [found[int(len(found) * share)] for share in (0.5, 0.99)] if found else []
                    times = [*at, max(found, default=took)]
                    told += "   " + " ".join(f"{1e3 * each:>7.0f}" for each in times)
                print(f"{name:42} {status:6} {took:>7.2f}{told}", flush=True)
        finally:
            mine.send(False)
            running.stop()


if __name__ == "__main__":
    main()
