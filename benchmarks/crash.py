"""Crash: kill -9 of the collector, its store, or both, at random moments under load, many times.

Senders write what they intend and what was acknowledged into files of their own, outside of the
collector. A request whose answer was lost is sent again, byte for byte, to the next collector.
After each round the spool is drained and the tables are held against those files:

    lost        acknowledged, and not stored whole
    doubled     a span that is stored more than once
    foreign     stored, and never sent
    books       received != stored + rejected + dropped, or roll-ups that say otherwise
    money       cost_usd differs from the arithmetic of what is stored, in the last digit

Exit status 1 when any of them is not 0. The seed is printed; the same seed draws the same moments.

    python benchmarks/crash.py [--rounds 100] [--seed 1] [--target random|collector|store|both]
"""

import argparse
import http.client
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from running import DidNotStart, Running, start

# gpt-4o-mini: 0.15 and 0.60 dollars a million tokens.
INPUT_TOKENS, OUTPUT_TOKENS = 1_000, 10
SPAN_USD = INPUT_TOKENS * Decimal("0.15") / 10**6 + OUTPUT_TOKENS * Decimal("0.60") / 10**6
# 2026-11-20 12:00 UTC, so that what a span costs does not depend on the day.
STARTED_NS = 1_795_176_000_000_000_000
ANSWER_S = 30.0
DRAINED_S = 120.0
START_ATTEMPTS = 40
TARGETS = ("collector", "store", "both")


class Template:
    """Requests that differ in their number and round only, made by replacing bytes.

    Args:
        spans: In each request.
    """

    def __init__(self, spans: int) -> None:
        self.spans = spans
        message = ExportTraceServiceRequest()
        resource_spans = message.resource_spans.add()
        service = resource_spans.resource.attributes.add(key="service.name")
        service.value.string_value = "round-######"
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name = "crash"
        for number in range(spans):
            span = scope_spans.spans.add(trace_id=b"T" * 16, name="chat gpt-4o-mini", kind=3)
            span.span_id = b"S" * 4 + number.to_bytes(4, "big")
            span.start_time_unix_nano = STARTED_NS
            span.end_time_unix_nano = STARTED_NS + 10**9
            for key, text in (
                ("gen_ai.operation.name", "chat"),
                ("gen_ai.provider.name", "openai"),
                ("gen_ai.request.model", "gpt-4o-mini"),
                ("gen_ai.response.id", "resp_" + "R" * 24),
            ):
                span.attributes.add(key=key).value.string_value = text
            for key, count in (("input", INPUT_TOKENS), ("output", OUTPUT_TOKENS)):
                span.attributes.add(key=f"gen_ai.usage.{key}_tokens").value.int_value = count
        self._parts = message.SerializeToString().split(b"R" * 24)

    def request(self, round_number: int, number: int) -> bytes:
        """Return a request whose trace id is its number, and whose spans are each other's."""
        parts = [self._parts[0]]
        for index, part in enumerate(self._parts[1:]):
            parts += [b"%012x%012x" % (number, index), part]
        return (
            b"".join(parts)
            .replace(b"round-######", b"round-%06d" % round_number)
            .replace(b"T" * 16, number.to_bytes(16, "big"))
            .replace(b"SSSS", number.to_bytes(4, "big"))
        )


@dataclass
class Sent:
    """What the senders know.

    Args:
        intended: Round of each request by its number.
        acknowledged: Requests that were answered 200, whichever time they were sent.
        resent: Times that a request was sent again.
        statuses: Other answers.
    """

    intended: dict[int, int] = field(default_factory=dict)
    acknowledged: set[int] = field(default_factory=set)
    resent: int = 0
    statuses: Counter[str] = field(default_factory=Counter)


class Senders:
    """Threads that send requests while they may, and again what was not answered.

    Args:
        count: How many.
        template: Makes the requests.
        directory: For the files of intents and answers.
        resend: Whether a request without an answer is sent again, byte for byte.
    """

    def __init__(self, count: int, template: Template, directory: Path, resend: bool) -> None:
        self.sent = Sent()
        self._template = template
        self._directory = directory
        self._resend = resend
        self._address = ""
        self._round = 0
        self._going = False
        self._ending = False
        self._busy = 0
        self._number = 0
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def go(self, address: str, round_number: int) -> None:
        """Send new requests to a collector."""
        with self._changed:
            self._address, self._round, self._going = address, round_number, True
            self._changed.notify_all()

    def settle(self, address: str) -> None:
        """Send no new requests, and wait until all that are under way have an answer."""
        with self._changed:
            self._address, self._going = address, False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._busy == 0)

    def end(self) -> None:
        """End the threads."""
        with self._changed:
            self._going, self._ending = False, True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self, sender: int) -> None:
        path = self._directory / f"sender-{sender}.log"
        with path.open("ab", buffering=0) as log:
            while (taken := self._take()) is not None:
                self._send(log, *taken)
                with self._changed:
                    self._busy -= 1
                    self._changed.notify_all()

    def _take(self) -> tuple[int, bytes] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._going or self._ending)
            if self._ending:
                return None
            self._number += 1
            self._busy += 1
            number, round_number = self._number, self._round
            self.sent.intended[number] = round_number
        return number, self._template.request(round_number, number)

    def _send(self, log: Any, number: int, body: bytes) -> None:
        note(log, f"INTENT {number}")
        attempt = 0
        while True:
            status = post(self._address, body)
            note(log, f"{'ACK' if status == '200' else 'ANSWER'} {number} {status}")
            if status == "200":
                self.sent.acknowledged.add(number)
                return
            with self._changed:
                self.sent.statuses[status] += 1
                attempt += 1
                # The next collector says where it is; until then the address answers to nobody.
                self._changed.wait(min(0.05 * attempt, 0.5))
                if self._ending or not (self._resend or status == "503"):
                    return
                self.sent.resent += 1


def note(log: Any, line: str) -> None:
    """Write a line so that it outlives this process and the machine."""
    log.write(line.encode() + b"\n")
    os.fdatasync(log.fileno())


def post(address: str, body: bytes) -> str:
    """Send a request and return its status, or what went wrong."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=ANSWER_S)
    try:
        connection.request("POST", parts.path, body, {"content-type": "application/x-protobuf"})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()
    return str(answer.status)


def start_again(data: Path, log: Path) -> Running:
    """Start a collector as a supervisor does: again, when it ends at once."""
    for _ in range(START_ATTEMPTS - 1):
        try:
            return start(data, log)
        except DidNotStart:
            time.sleep(0.25)
    return start(data, log)


def kill(running: Running, target: str, draw: random.Random) -> bool:
    """Kill without warning, and return whether the collector is gone."""
    store_pids = running.store_pids()
    store_first = draw.random() < 0.5
    if target in ("store", "both") and store_first:
        kill_all(store_pids)
    if target in ("collector", "both"):
        running.kill()
    if target in ("store", "both") and not store_first:
        kill_all(store_pids)
    return target != "store"


def kill_all(pids: list[int]) -> None:
    """Kill processes, of which some may be gone."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def wait_drained(running: Running) -> None:
    """Wait until everything that was acknowledged is in the tables."""
    deadline = time.monotonic() + DRAINED_S
    while time.monotonic() < deadline:
        try:
            health = running.health()
        except OSError:
            health = {}
        if health.get("store") and health["spool"]["waiting_bytes"] == 0:
            return
        time.sleep(0.05)
    raise SystemExit(f"the spool did not drain within {DRAINED_S} s: {running.health()}")


def check_round(running: Running, sent: Sent, spans: int, round_number: int) -> Counter[str]:
    """Hold the spans of a round against what its senders know."""
    found = {
        int(row["request"], 16): (int(row["n"]), int(row["ids"]))
        for row in running.rows(
            "SELECT hex(trace_id) AS request, count() AS n, uniqExact(span_id) AS ids"
            f" FROM spans WHERE service = 'round-{round_number:06d}' GROUP BY request"
        )
    }
    mine = {number for number, in_round in sent.intended.items() if in_round == round_number}
    wrong: Counter[str] = Counter()
    for number in mine & sent.acknowledged:
        wrong["lost"] += spans - found.get(number, (0, 0))[1]
    for number, (count, ids) in found.items():
        wrong["doubled"] += count - ids
        # A request is stored whole or not at all.
        wrong["cut"] += ids % spans
        wrong["foreign"] += ids if number not in mine else 0
    return wrong


def check_all(running: Running) -> Counter[str]:
    """Hold books, roll-ups and money against the spans."""
    # What the collector sends to itself is no call; only its books are held.
    (stored,) = running.rows(
        "SELECT count() AS n, sum(cost_usd) AS usd FROM spans WHERE tenant != '_canary'"
    )
    (books,) = running.rows(
        "SELECT sum(abs(imbalance)) AS imbalance, sumIf(stored, tenant != '_canary') AS stored"
        " FROM books WHERE signal = 'traces'"
    )
    wrong: Counter[str] = Counter()
    count = int(stored["n"])
    wrong["books"] = int(books["imbalance"]) + abs(int(books["stored"]) - count)
    for table in ("spend_hourly", "spend_minutely"):
        (total,) = running.rows(f"SELECT sum(calls) AS calls, sum(cost_usd) AS usd FROM {table}")
        wrong["books"] += abs(int(total["calls"]) - count)
        wrong["money"] += Decimal(total["usd"]) != count * SPAN_USD
    wrong["money"] += Decimal(stored["usd"]) != count * SPAN_USD
    return wrong


def main() -> int:
    """Run the rounds and print what was found."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--rounds", type=int, default=100)
    arguments.add_argument("--seed", type=int, default=0, help="0 draws one")
    arguments.add_argument("--target", choices=("random", *TARGETS), default="random")
    arguments.add_argument("--senders", type=int, default=4)
    arguments.add_argument("--spans", type=int, default=500, help="in a request")
    arguments.add_argument("--longest", type=float, default=3.0, help="seconds before a kill")
    arguments.add_argument("--no-resend", action="store_true", help="give up what has no answer")
    options = arguments.parse_args()
    seed = options.seed or random.SystemRandom().randrange(1, 10**6)
    print(f"seed {seed}: the same moments again with --seed {seed} --rounds {options.rounds}")
    with tempfile.TemporaryDirectory(prefix="tollbook-crash-") as directory:
        return run(options, random.Random(seed), Path(directory))


def run(options: argparse.Namespace, draw: random.Random, directory: Path) -> int:
    """Run the rounds; 0: nothing was wrong."""
    log, data = directory / "collector.log", directory / "data"
    template = Template(options.spans)
    wrong: Counter[str] = Counter()
    running = start(data, log)
    senders = Senders(options.senders, template, directory, not options.no_resend)
    began = time.monotonic()
    kills: Counter[str] = Counter()
    try:
        for round_number in range(options.rounds):
            senders.go(running.otlp, round_number)
            time.sleep(draw.uniform(0.1, options.longest))
            target = draw.choice(TARGETS) if options.target == "random" else options.target
            kills[target] += 1
            if kill(running, target, draw):
                running = start_again(data, log)
            senders.settle(running.otlp)
            wait_drained(running)
            found = check_round(running, senders.sent, options.spans, round_number)
            if round_number % 10 == 9 or round_number == options.rounds - 1:
                found += check_all(running)
            wrong.update(found)
            say(round_number, target, senders.sent, +found)
    finally:
        senders.end()
        if not +wrong:
            running.stop()
        else:
            running.kill()
            sys.stdout.write(log.read_text()[-20_000:])
    sent, whole = senders.sent, template.spans
    print(f"{options.rounds} rounds in {time.monotonic() - began:.0f} s, killed {dict(kills)}")
    print(
        f"spans sent {len(sent.intended) * whole:,},"
        f" acknowledged {len(sent.acknowledged) * whole:,},"
        f" requests sent again {sent.resent}, other answers {dict(sent.statuses)}"
    )
    names = ("lost", "doubled", "cut", "foreign", "books", "money")
    print(", ".join(f"{name} {wrong[name]}" for name in names))
    return 1 if +wrong else 0


def say(round_number: int, target: str, sent: Sent, found: Counter[str]) -> None:
    """Print a line for a round."""
    verdict = ", ".join(f"{count} {name}" for name, count in found.items()) or "right"
    print(
        f"round {round_number:>4}  killed {target:<9}"
        f"  acknowledged {len(sent.acknowledged):>7} requests  {verdict}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
