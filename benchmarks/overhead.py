"""What tollbook adds to a model call, beside what a bare span of OpenTelemetry's SDK adds.

In one process, calls of the real clients are made in turn with the libraries' own request method
(A), with the metered one (B), inside a span of fifteen attributes that a BatchSpanProcessor
exports (C), and with the own one again (A'), one of each a round and in an order of chance; each
is clocked, by the CPU time of the calling thread, which other programs disturb least (`--clock
wall`: on the wall). What is printed are medians of the differences B - A and C - A of a round,
where A is the mean of both, and of A' - A, which would be nothing on a machine alone. The program
has a TracerProvider of its own, so anthropic's own tracing is at work where tollbook meters,
which takes its place and sends its header; where tollbook does not meter it is switched off.
Beside them stands the median of B - C with the interval that holds it in 95 of 100 runs (by the
order of the rounds, so nothing is supposed of how they scatter): below 0 tollbook is the cheaper.
Answers come from inside of the process, spans go to a collector on loopback. Then what the export
thread needs for a span, what importing takes, and how long a process takes to end while the
collector is down. `--rounds N` for more or fewer; names of scenarios for some of them.

With `--processes N` each arm has processes of its own instead, as `processes.py` says, and
OpenTelemetry's instrumentations are an arm too where they are installed.
"""

import argparse
import asyncio
import gc
import math
import operator
import random
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import processes
from processes import in_spans, tracer_of
from scenarios import Call, calls, chat_answer

import tollbook

ROUNDS: Final = 300
BLOCKS: Final = 40  # of each process, with `--processes`
WARM_CALLS: Final = 15  # of each arm, so that all is imported and remembered


class Taker(BaseHTTPRequestHandler):
    """A collector that takes everything."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer that it is taken."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def compare(url: str, rounds: int, clock: Callable[[], int], names: Sequence[str]) -> None:
    """Make each call as its library does, as tollbook meters it, and in a bare span, in turn."""
    tollbook.instrument(service="benchmark", endpoint=url)
    loop = asyncio.new_event_loop()
    bare, metered = calls(False, loop), calls(True, loop)
    in_a_span = in_spans(tracer_of(url))
    print(f"microseconds of a call, and what is added to it: medians of {rounds} rounds")
    heads = f"{'tollbook adds':>14} {'a bare span adds':>17} {'nothing':>9}"
    print(f"{'':24} {'without':>9} {heads} {'tollbook less a bare span':>28}")
    for name in names or bare:
        call = bare[name]
        arms = (call, metered[name], in_a_span(call), call)
        took_ns = clocked(arms, rounds, clock)
        without_ns = [(one + other) / 2 for one, other in zip(took_ns[0], took_ns[3], strict=True)]
        added_us = [
            statistics.median(map(operator.sub, took, without_ns)) / 1e3 for took in took_ns
        ]
        print(
            f"{name:24} {statistics.median(without_ns) / 1e3:9.0f} {added_us[1]:+14.1f}"
            f" {added_us[2]:+17.1f} {added_us[3] - added_us[0]:+9.1f}"
            f" {less(took_ns[1], took_ns[2]):>28}",
            flush=True,
        )
    flushed = tollbook.flush(5.0)
    print(f"delivered {flushed.delivered}, queued {flushed.queued}, dropped {flushed.dropped}")
    print_encoding()
    print_imports()
    print_exits()


def less(took_ns: Sequence[int], other_ns: Sequence[int]) -> str:
    """Return the median of the differences of rounds, in microseconds, and its 95 % interval.

    The interval is that of the sign test: from the order statistics 0.98 sqrt(n) about the middle.
    """
    differences = sorted(map(operator.sub, took_ns, other_ns))
    middle, around = len(differences) / 2, 0.98 * math.sqrt(len(differences))
    first, last = max(0, int(middle - around)), min(len(differences) - 1, int(middle + around))
    ends = f"{differences[first] / 1e3:+.1f} to {differences[last] / 1e3:+.1f}"
    return f"{statistics.median(differences) / 1e3:+.1f} ({ends})"


def clocked(arms: Sequence[Call], rounds: int, clock: Callable[[], int]) -> list[list[int]]:
    """Return nanoseconds of each call of each arm: one of each a round, in an order of chance.

    What a call leaves to the collector of garbage is part of what it costs, so that stays on.
    """
    for arm in arms:
        for _ in range(WARM_CALLS):
            arm()
    gc.collect()
    gc.freeze()
    chance = random.Random(1)
    order = list(range(len(arms)))
    took_ns: list[list[int]] = [[] for _ in arms]
    for _ in range(rounds):
        chance.shuffle(order)
        for number in order:
            began_ns = clock()
            arms[number]()
            took_ns[number].append(clock() - began_ns)
    return took_ns


def print_encoding() -> None:
    """Print what the export thread needs for a span, ours and by protobuf's own messages."""
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from tollbook.clients.openai import APIS
    from tollbook.export import Exporter
    from tollbook.meter import Asked, Observation
    from tollbook.price import RATES_PATH, PriceBook
    from tollbook.reading import read
    from tollbook.settings import read_settings
    from tollbook.span import span_attributes, span_bytes
    from tollbook.tally import Losses

    class BaseUrl:
        host, scheme, port = "api.openai.com", "https", None

    losses = Losses()
    api = APIS["/chat/completions"]
    observation = Observation(api, Asked("gpt-4o"), BaseUrl(), Exporter(read_settings({}), losses))
    observation.keep(api.answer(chat_answer()))
    prices = PriceBook(RATES_PATH, losses)
    call = read(observation, {})
    cost = prices.cost(call)

    def by_messages() -> bytes:
        pairs = []
        for key, value in span_attributes(call, cost):
            if value is None:
                continue
            if isinstance(value, str):
                said = AnyValue(string_value=value)
            elif isinstance(value, bool):
                said = AnyValue(bool_value=value)
            elif isinstance(value, int):
                said = AnyValue(int_value=value)
            elif isinstance(value, float):
                said = AnyValue(double_value=value)
            else:
                said = AnyValue()
                said.array_value.values.extend(AnyValue(string_value=item) for item in value)
            pairs.append(KeyValue(key=key, value=said))
        span = Span(
            trace_id=call.trace_id,
            span_id=call.span_id,
            name="chat gpt-4o",
            kind=Span.SPAN_KIND_CLIENT,
            start_time_unix_nano=call.start_time_ns,
            end_time_unix_nano=call.end_time_ns,
            attributes=pairs,
        )
        return bytes(span.SerializeToString())

    assert len(by_messages()) == len(span_bytes(call, cost, losses))
    steps: dict[str, Callable[[], object]] = {
        "read": lambda: read(observation, {}),
        "price": lambda: prices.cost(call),
        "encode": lambda: span_bytes(call, cost, losses),
        "encode by protobuf's messages": by_messages,
    }
    print("export thread, microseconds per span (medians)")
    for name, step in steps.items():
        clocks = []
        for _ in range(2000):
            began_ns = time.perf_counter_ns()
            step()
            clocks.append(time.perf_counter_ns() - began_ns)
        print(f"{name:30} {statistics.median(clocks) / 1e3:8.1f}")


def print_imports() -> None:
    """Print the CPU time that imports take in a process of their own, the least of five."""
    print("import, milliseconds of CPU (least of 5)")
    both = "opentelemetry.sdk.trace, opentelemetry.exporter.otlp.proto.http.trace_exporter"
    for name in ("tollbook", both):
        program = f"import time; a=time.process_time(); import {name}; print(time.process_time()-a)"
        command = [sys.executable, "-c", program]
        took_s = [float(subprocess.check_output(command)) for _ in range(5)]
        print(f"{name.split('.')[0]:30} {min(took_s) * 1e3:8.1f}")


EXITING: Final = """
import sys, time
import openai, tollbook
if sys.argv[1]:
    tollbook.instrument(endpoint=sys.argv[1])
for _ in range(20):
    with tollbook.call(provider="local", model="m") as call:
        call.usage(input_tokens=1, output_tokens=1)
print(time.time(), flush=True)
"""


def print_exits() -> None:
    """Print how long a process takes to end, with a collector that refuses and one that hangs."""
    print("exit after 20 calls, seconds on the wall (least of 3)")
    with socket.socket() as refusing, socket.socket() as hanging:
        refusing.bind(("127.0.0.1", 0))
        hanging.bind(("127.0.0.1", 0))
        hanging.listen()
        for name, end in (("not metered", None), ("refused", refusing), ("hung", hanging)):
            url = f"http://127.0.0.1:{end.getsockname()[1]}" if end is not None else ""
            took_s = []
            for _ in range(3):
                command = [sys.executable, "-c", EXITING, url]
                ended = subprocess.run(command, capture_output=True, check=True)
                took_s.append(time.time() - float(ended.stdout))
            print(f"{name:30} {min(took_s):8.2f}")


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenarios", nargs="*", help="some of them; default all")
    parser.add_argument("--rounds", type=int, help=f"default {ROUNDS}; of blocks {BLOCKS}")
    parser.add_argument("--clock", choices=("cpu", "wall"), default="cpu")
    parser.add_argument("--processes", type=int, metavar="N", help="N fresh processes of each arm")
    asked = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    if asked.processes:
        processes.compare(url, asked.scenarios, asked.processes, asked.rounds or BLOCKS)
        return
    clock = time.thread_time_ns if asked.clock == "cpu" else time.perf_counter_ns
    compare(url, asked.rounds or ROUNDS, clock, asked.scenarios)


if __name__ == "__main__":
    main()
