"""Ingest: how many spans a second a collector acknowledges, and how many can be asked for.

Starts a collector with its embedded store, sends gzip requests over some connections from the same
machine, and waits until every acknowledged span is there. Prints the figures; never a gate.

    python benchmarks/ingest.py [--spans 102400] [--per-request 512] [--connections 4]
"""

import argparse
import gzip
import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

MODELS = [
    ("openai", "gpt-6.1-sol"),
    ("openai", "gpt-5-mini"),
    ("openai", "gpt-4o-mini"),
    ("anthropic", "claude-sonnet-5-5"),
    ("anthropic", "claude-haiku-5-5"),
]
TEAMS = ["search", "support", "platform", "growth"]
DISTINCT_REQUESTS = 40
LOADED_WITHIN_S = 300


def request_body(draw: random.Random, spans: int) -> bytes:
    """Return an export request of model calls, gzipped."""
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    service = resource_spans.resource.attributes.add(key="service.name")
    service.value.string_value = draw.choice(["api", "worker", "chat"])
    scope_spans = resource_spans.scope_spans.add()
    now_ns = time.time_ns()
    for _ in range(spans):
        provider, model = draw.choice(MODELS)
        span = scope_spans.spans.add(
            trace_id=draw.randbytes(16),
            span_id=draw.randbytes(8),
            name=f"chat {model}",
            kind=3,
            start_time_unix_nano=now_ns,
            end_time_unix_nano=now_ns + draw.randrange(10**10),
        )
        texts = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
            "gen_ai.response.model": model,
            "gen_ai.response.id": f"resp_{draw.getrandbits(96):024x}",
            "tollbook.tags.team": draw.choice(TEAMS),
        }
        cached = draw.choice([0, 0, 1024, 4096])
        numbers = {
            "gen_ai.usage.input_tokens": cached + draw.randrange(1, 8_000),
            "gen_ai.usage.cache_read.input_tokens": cached,
            "gen_ai.usage.output_tokens": draw.randrange(1, 2_000),
        }
        for key, text in texts.items():
            span.attributes.add(key=key).value.string_value = text
        for key, number in numbers.items():
            span.attributes.add(key=key).value.int_value = number
    return gzip.compress(message.SerializeToString(), 6)


@contextmanager
def running_collector() -> Iterator[tuple[int, str, str]]:
    """Yield process id, OTLP address and API address of a collector on free ports."""
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "tollbook_collector", "up", "--data", data]
        for option in ("--otlp-http", "--otlp-grpc", "--api"):
            command += [option, "127.0.0.1:0"]
        environment = {**os.environ, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        assert process.stdout is not None
        text = ""
        for line in process.stdout:
            text += line
            if line.startswith("Next:"):
                break
        otlp, api = (re.search(rf"{name}\s+(\S+)", text) for name in ("OTLP/HTTP", "API"))
        if not otlp or not api:
            raise SystemExit(f"the collector did not start: {text}")
        try:
            yield process.pid, otlp[1], api[1]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and of its store so far."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    total = 0
    for each in (pid, *children):
        fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def send(otlp: str, bodies: list[bytes], latencies: list[float], refused: list[int]) -> None:
    """Send bodies over one connection, noting seconds per answer."""
    parts = urlsplit(otlp)
    connection = http.client.HTTPConnection(parts.netloc)
    headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
    for body in bodies:
        started = time.perf_counter()
        connection.request("POST", parts.path, body, headers)
        answer = connection.getresponse()
        answer.read()
        latencies.append(time.perf_counter() - started)
        if answer.status != 200:
            refused.append(answer.status)
    connection.close()


def health(api: str) -> dict[str, dict[str, int]]:
    """Return what the collector says about itself."""
    with urllib.request.urlopen(f"{api}/health") as answer:
        found: dict[str, dict[str, int]] = json.load(answer)
    return found


def main() -> None:
    """Run the benchmark and print its figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--spans", type=int, default=102_400)
    arguments.add_argument("--per-request", type=int, default=512)
    arguments.add_argument("--connections", type=int, default=4)
    options, _ = arguments.parse_known_args()
    draw = random.Random(1)
    bodies = [request_body(draw, options.per_request) for _ in range(DISTINCT_REQUESTS)]
    count = max(1, options.spans // options.per_request)
    requests = [bodies[number % DISTINCT_REQUESTS] for number in range(count)]
    latencies: list[float] = []
    refused: list[int] = []
    with running_collector() as (pid, otlp, api):
        before = cpu_seconds(pid)
        started = time.perf_counter()
        threads = [
            threading.Thread(
                target=send, args=(otlp, requests[first :: options.connections], latencies, refused)
            )
            for first in range(options.connections)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        accepted_s = time.perf_counter() - started
        spans = (count - len(refused)) * options.per_request
        while time.perf_counter() - started < LOADED_WITHIN_S:
            state = health(api)
            if state["store"].get("spans", 0) >= spans and not state["spool"]["waiting_bytes"]:
                break
            time.sleep(0.05)
        queryable_s = time.perf_counter() - started
        cpu_s = cpu_seconds(pid) - before
        stored = health(api)["store"]["spans"]
    latencies.sort()
    print(
        f"spans sent             {count * options.per_request:>10,}"
        f"   refused requests {len(refused)}"
    )
    print(f"spans acknowledged     {spans / accepted_s:>10,.0f} /s")
    print(f"spans queryable        {spans / queryable_s:>10,.0f} /s")
    print(
        f"ack p50 / p99          {latencies[len(latencies) // 2] * 1e3:>10.1f} ms / "
        f"{latencies[int(len(latencies) * 0.99)] * 1e3:.1f} ms"
    )
    print(f"collector and store    {cpu_s / spans * 1e6:>10.1f} us of CPU per span")
    print(f"stored / acknowledged  {stored:>10,} / {spans:,}")


if __name__ == "__main__":
    main()
