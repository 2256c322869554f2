"""Ingest: how many spans a second a collector acknowledges, and how many can be asked for.

Starts a collector with its embedded store, sends requests of agent runs in six dialects, compressed
with gzip, over some connections from the same machine, and waits until every acknowledged span is
there and no other. Then it sends at half of that rate, and looks how long a span takes from its
answer to a row. Last it prints what each step of an insert costs, see stages.py. Never a gate.

    python benchmarks/ingest.py [--spans 1000000] [--per-request 512] [--no-stages]
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from corpus import Endless
from looks import Looks, told
from running import Running, cpu_seconds, start
from soak import Load, drain

# Requests with texts of their own; the others repeat these as other spans.
DISTINCT_REQUESTS = 100
# Requests are made before the clock starts, so many more than the full load takes.
STEADY_REQUESTS = 1_200
STEADY_S = 10.0
STEADY_SHARE = 0.5
# All but what the collector sends to itself.
SENT = "tenant != '_canary'"
# What Phoenix 20.26.1 on SQLite made queryable of such a corpus on two cores.
PHOENIX_SPANS_PER_S = 148


def stored(running: Running) -> int:
    """Return how many spans can be asked for."""
    return int(running.rows(f"SELECT count() AS n FROM spans WHERE {SENT}")[0]["n"])


def doubled(running: Running) -> int:
    """Return how many spans there are more than once."""
    statement = f"SELECT count() - uniqExact(trace_id, span_id) AS n FROM spans WHERE {SENT}"
    return int(running.rows(statement)[0]["n"])


def bytes_on_disk(running: Running) -> int:
    """Return the size of the table of spans."""
    statement = "SELECT sum(bytes_on_disk) AS n FROM system.parts WHERE active AND table = 'spans'"
    return int(running.rows(statement)[0]["n"])


def full_load(running: Running, load: Load, options: argparse.Namespace) -> float:
    """Send as fast as is answered, print the figures, and return the queryable rate."""
    pids = [running.process.pid, *running.store_pids()]
    before = [cpu_seconds(pid) for pid in pids]
    started = time.monotonic()
    load.send(options.spans // options.per_request)
    accepted_s = time.monotonic() - started
    drain(running)
    queryable_s = time.monotonic() - started
    cpu_s = [cpu_seconds(pid) - each for pid, each in zip(pids, before, strict=True)]
    spans, found = load.acknowledged, stored(running)
    latencies = load.latencies()
    size = bytes_on_disk(running)
    print(f"spans acknowledged     {spans / accepted_s:>10,.0f} /s")
    print(
        f"spans queryable        {spans / queryable_s:>10,.0f} /s,"
        f" {spans / queryable_s / PHOENIX_SPANS_PER_S:,.0f} times Phoenix"
    )
    of_all = [latencies[int(len(latencies) * share)] * 1e3 for share in (0.5, 0.95, 0.99)]
    print("ack p50 / p95 / p99    {:>10.1f} / {:.1f} / {:.1f} ms at full load".format(*of_all))
    print(
        f"CPU of a span          {cpu_s[0] / spans * 1e6:>10.1f} us in the collector,"
        f" {sum(cpu_s[1:]) / spans * 1e6:.1f} us in its store"
    )
    print(f"bytes of a span        {size / spans:>10.1f}")
    twice = doubled(running)
    print(
        f"stored / acknowledged  {found:>10,} / {spans:,}: {spans - found + twice:,} missing,"
        f" {twice:,} doubled, refused requests {load.refused}"
    )
    return spans / queryable_s


def steady(running: Running, load: Load, rate: float) -> None:
    """Send at a rate and print how long spans take from their answer to a row."""
    looks = Looks(running, load)
    load.run(STEADY_S, rate)
    delays = told(looks.stop())
    print(f"queryable after        {delays}, p50 / p95 / p99 / longest at {rate:,.0f} spans/s")


def main() -> None:
    """Run the benchmark and print its figures."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--spans", type=int, default=102_400)
    arguments.add_argument("--per-request", type=int, default=512)
    arguments.add_argument("--connections", type=int, default=4)
    arguments.add_argument("--no-stages", dest="stages", action="store_false")
    options, _ = arguments.parse_known_args()
    made = Endless(1, DISTINCT_REQUESTS, options.per_request)
    count = options.spans // options.per_request + STEADY_REQUESTS
    bodies = [made(number) for number in range(count)]
    with tempfile.TemporaryDirectory(prefix="tollbook-ingest-") as directory:
        running = start(Path(directory) / "data", Path(directory) / "collector.log")
        load = Load(running.otlp, bodies.__getitem__, options.per_request, options.connections)
        try:
            rate = full_load(running, load, options)
            steady(running, load, STEADY_SHARE * rate)
        finally:
            load.end()
            running.stop()
    if options.stages:
        subprocess.run([sys.executable, str(Path(__file__).with_name("stages.py"))], check=True)


if __name__ == "__main__":
    main()
