"""Collectors: several before one store; one at a time is killed or stopped, at random under load.

Senders choose a collector at random, as a load balancer does. A request whose answer was lost is
sent again, byte for byte, to whichever collector is next; some are sent to two collectors anyway,
so that there are copies to find while collectors die. In the end everything is drained, copies
are taken back, and the tables are held against what was acknowledged:

    lost        a span that was acknowledged and is not stored
    doubled     a call that is billed more than once (copies that were found and taken back are not)
    foreign     a span that is stored and was never sent
    off         calls and dollars of the roll-ups by which they are not what the calls add up to
    drain       seconds from SIGTERM to the end of the process; the limit is 20

Exit status 1 when any of them is not as promised. The seed is printed.

With --older all begin with the code of another checkout, and what ends is replaced by this one: a
rolling upgrade under load, whose migrations run while older collectors still store.

    python benchmarks/collectors.py [--seconds 300] [--collectors 3] [--seed 1] [--twice 0.02]
                                    [--older DIRECTORY]
"""

import argparse
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
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse, StoreAddress
from tollbook_collector.store.embedded.process import EmbeddedStore

SPANS = 50
SENDERS = 3
# gpt-4o-mini: 0.15 and 0.60 dollars a million tokens.
SPAN_USD = 1_000 * Decimal("0.15") / 10**6 + 10 * Decimal("0.60") / 10**6
DRAIN_S_MAX = 20.0
ANSWER_S = 30.0
# A search rests ten times as long as the last one took.
SETTLED_S = 900.0


@dataclass
class Fleet:
    """Collectors by number, each with its directory and the port it listens on for OTLP."""

    url: str
    password: str
    directory: Path
    pepper: str
    older: Path | None = None
    upgraded: set[int] = field(default_factory=set)
    processes: dict[int, "subprocess.Popen[str]"] = field(default_factory=dict)
    otlp: dict[int, str] = field(default_factory=dict)
    slowest: tuple[float, str] = (0.0, "")
    api: dict[int, str] = field(default_factory=dict)

    def start(self, number: int) -> None:
        """Start a collector and wait until it listens."""
        command = [sys.executable, "-m", "tollbook_collector", "up"]
        command += ["--data", str(self.directory / f"collector-{number}")]
        for option in ("--otlp-http", "--otlp-grpc", "--api"):
            command += [option, "127.0.0.1:0"]
        environment = {
            **os.environ,
            "COLUMNS": "200",
            "PYTHONUNBUFFERED": "1",
            "TOLLBOOK_CLICKHOUSE_URL": self.url,
            "TOLLBOOK_CLICKHOUSE_PASSWORD": self.password,
            "TOLLBOOK_KEY_PEPPER": self.pepper,
            "TOLLBOOK_CANARY_EVERY_S": "0",
            "TOLLBOOK_LOG_LEVEL": "INFO",
        }
        if self.older and number not in self.upgraded:
            parts = ("agent", "collector")
            environment["PYTHONPATH"] = os.pathsep.join(str(self.older / part) for part in parts)
        log = (self.directory / f"collector-{number}.log").open("a")
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        )
        assert process.stdout is not None
        text = ""
        for line in process.stdout:
            text += line
            if line.startswith("Next:"):
                break
        found = re.search(r"OTLP/HTTP +(\S+)/v1/traces", text)
        asked = re.search(r"API +(\S+)", text)
        assert found, f"collector {number} did not start: {text}"
        assert asked, f"collector {number} did not say where it answers: {text}"
        self.processes[number] = process
        self.otlp[number], self.api[number] = found[1], asked[1]

    def waiting(self) -> int:
        """Return how many spans are in the spools of all collectors."""
        spans = 0
        for address in self.api.values():
            connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=ANSWER_S)
            connection.request("GET", "/health")
            spans += json.load(connection.getresponse())["spool"]["waiting_spans"]
            connection.close()
        return spans

    def end(self, number: int, sign: signal.Signals) -> float:
        """End a collector and return the seconds it took."""
        self.otlp.pop(number)
        self.upgraded.add(number)
        log = self.directory / f"collector-{number}.log"
        before, began = log.stat().st_size, time.monotonic()
        self.processes[number].send_signal(sign)
        self.processes[number].wait(120)
        took = time.monotonic() - began
        said = [line for line in log.read_bytes()[before:].decode().splitlines() if "end" in line]
        if sign == signal.SIGTERM and took > self.slowest[0]:
            self.slowest = (took, "\n".join(said))
        return took


@dataclass
class Sent:
    """What senders know: requests by their first span id, and whether they were acknowledged."""

    acknowledged: set[bytes] = field(default_factory=set)
    intended: set[bytes] = field(default_factory=set)
    resent: int = 0
    twice: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def request(draw: random.Random) -> tuple[bytes, list[bytes]]:
    """Return a request of spans with ids of their own."""
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    ids = []
    now = time.time_ns()
    for _ in range(SPANS):
        span = spans.add(
            trace_id=draw.randbytes(16), span_id=draw.randbytes(8), name="chat", kind=3
        )
        span.start_time_unix_nano, span.end_time_unix_nano = now, now + 10**9
        for name, value in (
            ("gen_ai.operation.name", "chat"),
            ("gen_ai.provider.name", "openai"),
            ("gen_ai.request.model", "gpt-4o-mini"),
            ("gen_ai.response.id", f"r-{span.span_id.hex()}"),
        ):
            span.attributes.add(key=name).value.string_value = value
        span.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 1_000
        span.attributes.add(key="gen_ai.usage.output_tokens").value.int_value = 10
        ids.append(span.span_id)
    return message.SerializeToString(), ids


def send(fleet: Fleet, sent: Sent, seed: int, until: float, twice: float) -> None:
    """Send until the time is over; each request until somebody has it."""
    draw = random.Random(seed)
    while time.monotonic() < until:
        body, ids = request(draw)
        with sent.lock:
            sent.intended |= set(ids)
        tries = 0
        while not post(draw.choice(list(fleet.otlp.values()) or [""]), body):
            tries += 1
            time.sleep(0.2)
        again = draw.random() < twice
        if again:
            post(draw.choice(list(fleet.otlp.values()) or [""]), body)
        with sent.lock:
            sent.acknowledged |= set(ids)
            sent.resent += tries > 0
            sent.twice += again


def post(address: str, body: bytes) -> bool:
    """Return whether a request was acknowledged."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_S)
    try:
        connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def settle(store: ClickHouse, fleet: Fleet) -> None:
    """Wait until nothing is in a spool and every hour was searched, or the time is over.

    The spans of an insert are there seconds before its roll-ups, by which hours are searched: only
    an insert that has ended is out of the spool.
    """
    until = time.monotonic() + SETTLED_S
    while time.monotonic() < until:
        if not (
            fleet.waiting()
            or store.rows(sql.read("queries/copy_rounds_open"))
            or store.rows(sql.read("queries/copy_hours"), {"limit": 1})
        ):
            return
        time.sleep(2)
    print(f"copies were still looked for after {SETTLED_S:g} s")


def main() -> int:
    """Run, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--collectors", type=int, default=3)
    parser.add_argument("--twice", type=float, default=0.02, help="share of requests sent twice")
    parser.add_argument("--older", type=Path, help="checkout whose code the collectors begin with")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"seed {options.seed}: {options.collectors} collectors, {options.seconds:g} s")
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name, EmbeddedStore(Path(name) / "store") as embedded:
        address = embedded.address
        pepper = draw.randbytes(32).hex()
        fleet = Fleet(address.url, address.password, Path(name), pepper, options.older)
        for number in range(options.collectors):
            fleet.start(number)
        sent = Sent()
        until = time.monotonic() + options.seconds
        senders = [
            threading.Thread(
                target=send, args=(fleet, sent, options.seed + n + 1, until, options.twice)
            )
            for n in range(SENDERS)
        ]
        for sender in senders:
            sender.start()
        kills, drains = 0, []
        while time.monotonic() < until:
            time.sleep(draw.uniform(1, 8))
            number = draw.randrange(options.collectors)
            if draw.random() < 0.5:
                fleet.end(number, signal.SIGKILL)
                kills += 1
            else:
                drains.append(fleet.end(number, signal.SIGTERM))
            fleet.start(number)
        for sender in senders:
            sender.join()
        store = ClickHouse(StoreAddress(address.url, address.user, address.password))
        settle(store, fleet)
        drains += [fleet.end(number, signal.SIGTERM) for number in list(fleet.otlp)]
        print(f"the slowest end said:\n{fleet.slowest[1]}")
        if options.older:
            print(f"{len(fleet.upgraded)} of {options.collectors} collectors were upgraded")
        return judge(store, sent, kills, drains)


def judge(store: ClickHouse, sent: Sent, kills: int, drains: list[float]) -> int:
    """Print what was found and return the exit status."""
    stored = {bytes(span) for (span,) in store.rows("SELECT DISTINCT span_id FROM spans")}
    [(rows, calls, cost)] = store.rows(
        "SELECT (SELECT count() FROM spans), sum(calls), sum(cost_usd) FROM spend"
    )
    lost, foreign = len(sent.acknowledged - stored), len(stored - sent.intended)
    doubled = int(calls) - len(stored)
    money = Decimal(cost) - len(stored) * SPAN_USD
    off = [
        (roll_up, int(extra), Decimal(usd))
        for (hour,) in store.rows("SELECT DISTINCT toString(hour) FROM spend_hourly")
        for roll_up, _, extra, usd in store.rows(
            sql.read("queries/roll_up_imbalance"), {"hour": str(hour)}
        )
    ]
    print(f"acknowledged {len(sent.acknowledged):,} spans; {sent.resent:,} requests sent again")
    print(f"{sent.twice:,} requests sent to two collectors")
    print(f"{kills} killed, {len(drains)} told to stop, the slowest in {max(drains):.1f} s")
    print(f"lost {lost}, doubled {doubled}, foreign {foreign}, dollars off by {money}")
    print(f"copies that were stored and taken back: {int(rows) - len(stored)}")
    print(f"roll-ups off by: {off or 'nothing'}")
    wrong = lost or doubled or foreign or money or off or max(drains) > DRAIN_S_MAX
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
