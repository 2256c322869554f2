"""Store copy: millions of spans moved to another store by a process that is killed at random.

Makes a store of so many spans over 30 days, roll-ups and all, copies it into another, killing the
copy several times, and compares counts and sums by day. Exit status 1 when a digit differs.
The seed is printed.

    python benchmarks/store_copy.py [--spans 5000000] [--kills 2] [--seed 1]
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from corpus import requests

from tollbook_collector.money.book import put_in_force
from tollbook_collector.money.seed import read_book
from tollbook_collector.spool.segment import Envelope, header, record
from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse, StoreAddress, StoreRefused
from tollbook_collector.store.copy import unfinished
from tollbook_collector.store.embedded.process import EmbeddedStore

DISTINCT = 20_000
AT_ONCE = 5
MULTIPLY = """
INSERT INTO spans SELECT spans.* REPLACE (
    'copy' AS key,
    reinterpretAsFixedString(cityHash64(span_id, number)) AS span_id,
    subtractHours(started_at, number * 7 % 720) AS started_at)
FROM spans CROSS JOIN numbers({first:UInt32}, {count:UInt32}) AS numbers
WHERE spans.key = 'key'
"""
COMPARED = (
    "SELECT toDate(started_at) AS day, count(), sum(cost_usd), sum(input_tokens),"
    " groupBitXor(cityHash64(span_id, trace_id, cost_usd)) FROM spans GROUP BY day ORDER BY day",
    "SELECT toDate(hour) AS day, sum(calls), sum(cost_usd) FROM spend_hourly"
    " GROUP BY day ORDER BY day",
)
PROGRAM = (
    "import sys; from tollbook_collector.store.client import ClickHouse, StoreAddress;"
    "from tollbook_collector.store.copy import StoreCopy; a = sys.argv;"
    "here, there = (ClickHouse(StoreAddress(*of)) for of in (a[1:4], a[4:7]));"
    "print(StoreCopy(here, there).run())"
)
AT_NS = 1_795_176_000_000_000_000


def fill(store: ClickHouse, spans: int, draw: random.Random) -> None:
    """Put so many spans into a store: some decoded, the others made of them."""
    sql.migrate(store)
    put_in_force(store, read_book())
    for number, body in enumerate(requests(draw, DISTINCT // 500, 500)):
        envelope = Envelope("original", "key", AT_NS, number + 1, 500, body)
        store.insert_segment(header() + record(envelope), f"{number}")
    for first in range(1, spans // DISTINCT, AT_ONCE):
        count = min(AT_ONCE, spans // DISTINCT - first)
        store.command(MULTIPLY, {"first": first, "count": count})


def sums(store: ClickHouse) -> list[Sequence[Any]]:
    """Return what is compared, by day."""
    return [row for statement in COMPARED for row in store.rows(statement)]


def _copied(store: ClickHouse) -> int:
    """Return the spans that a store has, 0 before it has the table."""
    try:
        [(rows,)] = store.rows("SELECT count() FROM spans")
    except StoreRefused:
        return 0
    return int(rows)


def main() -> int:
    """Run, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--spans", type=int, default=5_000_000)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    draw = random.Random(options.seed)
    print(f"seed {options.seed}")
    with (
        tempfile.TemporaryDirectory() as name,
        EmbeddedStore(Path(name) / "old") as old,
        EmbeddedStore(Path(name) / "new") as new,
    ):
        stores = [
            ClickHouse(StoreAddress(store.address.url, store.address.user, store.address.password))
            for store in (old, new)
        ]
        began = time.monotonic()
        fill(stores[0], options.spans, draw)
        [(rows,)] = stores[0].rows("SELECT count() FROM spans")
        print(f"{rows:,} spans made in {time.monotonic() - began:.0f} s")
        arguments = [
            text
            for store in (old, new)
            for text in (store.address.url, store.address.user, store.address.password)
        ]
        command, spent = [sys.executable, "-c", PROGRAM, *arguments], 0.0
        for kill in range(options.kills):
            began = time.monotonic()
            copying = subprocess.Popen(command)
            # Of each share of the rows, somewhere inside it: however fast this machine is.
            wanted = rows * (kill + draw.uniform(0.1, 0.9)) / (options.kills + 1)
            while copying.poll() is None and _copied(stores[1]) < wanted:
                time.sleep(0.05)
            copying.send_signal(signal.SIGKILL)
            killed = copying.wait() == -signal.SIGKILL
            spent += time.monotonic() - began
            print(f"killed {'while it copied' if killed and unfinished(stores[1]) else 'too late'}")
        began = time.monotonic()
        subprocess.run(command, check=True)
        spent += time.monotonic() - began
        here, there = (sums(store) for store in stores)
        print(f"copied in {spent:.0f} s with its kills; {len(here)} days of tables compared")
        print("the same to the last digit" if here == there else "DIFFERENT")
        return 0 if here == there else 1


if __name__ == "__main__":
    sys.exit(main())
