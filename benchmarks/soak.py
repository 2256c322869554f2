"""Soak: minutes under steady load, and whether memory, files, parts and latency stay flat.

The rate is 80 % of what a short run measures first, or that of --rate. Every few seconds a line is
printed; at the end the last third is held against the second of three, the first being a warm-up:
by their means, of files by the fewest that were open, and of the store's memory by the least and
the most. A merge holds files of all that it merges for as long as it runs, and an insert up to a
gigabyte, so how many samples fall into one is chance; what leaks stays when it has ended. Threads
are counted by themselves: the engine keeps as many as ever ran at a time, idle, and three files of
/proc for each.
Exit status 1 when something grew beyond its bound, or a span is missing.

    python benchmarks/soak.py [--minutes 10] [--rate 50000] [--per-request 512]
"""

import argparse
import http.client
import queue
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from corpus import Endless
from looks import Looks, told
from running import Running, open_files, resident_bytes, start, threads

DISTINCT_REQUESTS = 60
SAMPLE_S = 5.0
MEASURE_S = 20.0
SHARE = 0.8
MEBIBYTE = 1024 * 1024
HEADERS = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}


@dataclass(frozen=True)
class Sample:
    """What a moment of the run looked like; memory, files and threads are those of both."""

    at_s: float
    acknowledged: int
    stored: int
    collector_mib: float
    store_mib: float
    files: int
    threads: int
    parts: int
    p50_ms: float
    p99_ms: float
    lag_s: float


@dataclass(frozen=True)
class Bound:
    """How far the last third may lie above the second: as a factor, and beyond it."""

    name: str
    of: Callable[[list[float]], float]
    factor: float
    beyond: float


BOUNDS = (
    Bound("collector_mib", statistics.fmean, 1.10, 16),
    Bound("store_mib", min, 1.15, 96),
    Bound("store_mib", max, 1.15, 96),
    Bound("files", min, 1.10, 20),
    Bound("threads", statistics.fmean, 1.20, 16),
    Bound("parts", statistics.fmean, 1.30, 20),
    Bound("p99_ms", statistics.fmean, 1.50, 50),
    Bound("lag_s", statistics.fmean, 1.50, 1.0),
)


class Load:
    """Sends requests at a rate, over some connections, each request once.

    Args:
        otlp: Where to.
        made: Returns the request of a number, compressed.
        spans: In each.
        connections: How many.
    """

    def __init__(
        self, otlp: str, made: Callable[[int], bytes], spans: int, connections: int = 4
    ) -> None:
        self._otlp = urlsplit(otlp)
        self._made = made
        self._spans = spans
        self._queue: queue.Queue[bytes | None] = queue.Queue(2 * connections)
        self._lock = threading.Lock()
        self._latencies: list[float] = []
        self._sent = 0
        self.acknowledged = 0
        self.refused = 0
        self._threads = [threading.Thread(target=self._send) for _ in range(connections)]
        for thread in self._threads:
            thread.start()

    def run(self, seconds: float, spans_per_s: float) -> float:
        """Send for so long, 0 for as fast as is answered; return the seconds it took."""
        started = time.monotonic()
        number = 0
        while (now := time.monotonic() - started) < seconds:
            due = number * self._spans / spans_per_s if spans_per_s else 0.0
            if due > now:
                time.sleep(due - now)
            self._put()
            number += 1
        return time.monotonic() - started

    def send(self, count: int) -> None:
        """Send so many requests, and wait for the answers."""
        for _ in range(count):
            self._put()
        self._queue.join()

    def _put(self) -> None:
        self._queue.put(self._made(self._sent))
        self._sent += 1

    def latencies(self) -> list[float]:
        """Return the seconds of the answers since the last time, sorted."""
        with self._lock:
            found, self._latencies = self._latencies, []
        return sorted(found)

    def end(self) -> None:
        """Send what is queued and end."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        connection = http.client.HTTPConnection(self._otlp.netloc, timeout=60)
        while (body := self._queue.get()) is not None:
            started = time.perf_counter()
            try:
                connection.request("POST", self._otlp.path, body, HEADERS)
            except OSError:
                # The collector closes a connection that was idle.
                connection.close()
                connection.request("POST", self._otlp.path, body, HEADERS)
            answer = connection.getresponse()
            answer.read()
            took = time.perf_counter() - started
            with self._lock:
                self._latencies.append(took)
                self.acknowledged += self._spans if answer.status == 200 else 0
                self.refused += answer.status != 200
            self._queue.task_done()


def sample(running: Running, load: Load, began: float) -> Sample:
    """Look at a running collector."""
    health = running.health()
    store = running.store_pids()[0]
    (parts,) = running.rows("SELECT count() AS n FROM system.parts WHERE active")
    latencies = load.latencies() or [0.0]
    return Sample(
        at_s=time.monotonic() - began,
        acknowledged=load.acknowledged,
        stored=int(health["store"].get("spans", 0)),
        collector_mib=resident_bytes(running.process.pid) / MEBIBYTE,
        store_mib=resident_bytes(store) / MEBIBYTE,
        files=open_files(running.process.pid) + open_files(store),
        threads=threads(running.process.pid) + threads(store),
        parts=int(parts["n"]),
        p50_ms=latencies[len(latencies) // 2] * 1e3,
        p99_ms=latencies[int(len(latencies) * 0.99)] * 1e3,
        lag_s=float(health["spool"]["waiting_s"]),
    )


def verdicts(samples: list[Sample]) -> list[tuple[str, float, float, bool]]:
    """Return what is judged, by what of the second third and of the last, and if that is flat."""
    third = len(samples) // 3
    found = []
    for bound in BOUNDS:
        middle, last = (
            bound.of([float(getattr(each, bound.name)) for each in part])
            for part in (samples[third : 2 * third], samples[2 * third :])
        )
        name = f"{bound.name} {bound.of.__name__.removeprefix('f')}"
        found.append((name, middle, last, last <= middle * bound.factor + bound.beyond))
    return found


def main() -> int:
    """Run the soak and print its table and verdict."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--minutes", type=float, default=10.0)
    arguments.add_argument("--rate", type=float, default=0.0, help="spans a second; 0: measured")
    arguments.add_argument("--per-request", type=int, default=512)
    options = arguments.parse_args()
    made = Endless(1, DISTINCT_REQUESTS, options.per_request)
    with tempfile.TemporaryDirectory(prefix="tollbook-soak-") as directory:
        running = start(Path(directory) / "data", Path(directory) / "collector.log")
        load = Load(running.otlp, made, options.per_request)
        try:
            rate = options.rate or SHARE * measured(running, load)
            return soak(running, load, rate, options.minutes * 60)
        finally:
            running.stop()


def measured(running: Running, load: Load) -> float:
    """Return the spans a second that become queryable at full load."""
    started = time.monotonic()
    load.run(MEASURE_S, 0.0)
    drain(running)
    rate = load.acknowledged / (time.monotonic() - started)
    load.latencies()
    print(f"measured {rate:,.0f} spans/s queryable at full load")
    return rate


def soak(running: Running, load: Load, rate: float, seconds: float) -> int:
    """Send at a rate and print a line a sample; 0: everything was flat and nothing is missing."""
    print(f"sending {rate:,.0f} spans/s for {seconds:.0f} s")
    print("    at    acknowledged  collector    store  files threads  parts    p50      p99    lag")
    began = time.monotonic()
    looks = Looks(running, load)
    sending = threading.Thread(target=load.run, args=(seconds, rate))
    sending.start()
    samples: list[Sample] = []
    while sending.is_alive():
        sending.join(SAMPLE_S)
        samples.append(now := sample(running, load, began))
        print(
            f"{now.at_s:>5.0f}s {now.acknowledged:>15,} {now.collector_mib:>6.0f} MiB"
            f" {now.store_mib:>4.0f} MiB {now.files:>6} {now.threads:>7} {now.parts:>6}"
            f" {now.p50_ms:>3.0f} ms {now.p99_ms:>5.0f} ms {now.lag_s:>4.1f} s",
            flush=True,
        )
    load.end()
    print(f"queryable after {told(looks.stop())}, p50 / p95 / p99 / longest")
    drain(running)
    stored = int(running.health()["store"]["spans"])
    found = verdicts(samples)
    for name, middle, last, flat in found:
        print(f"{name:<18} {middle:>9.1f} -> {last:>9.1f}  {'flat' if flat else 'GROWS'}")
    print(f"refused requests {load.refused}, stored {stored:,} of {load.acknowledged:,}")
    return 0 if stored == load.acknowledged and all(flat for *_, flat in found) else 1


def drain(running: Running) -> None:
    """Wait until the spool is empty."""
    while (health := running.health()).get("spool", {}).get("waiting_bytes", 1):
        if health["faults"]:
            print(health["faults"])
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
