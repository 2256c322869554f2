"""Stages: what each step of an insert costs, from decoding to the roll-ups, in CPU time.

The chain of materialised views is cut after each step in a database of its own, and the same
segments go into all of them in turn, so that whatever else the machine does falls on all alike.
Printed are CPU microseconds a span of a full segment, and milliseconds of an insert of one request,
which is planning.

    python benchmarks/stages.py [--spans 17408] [--repeats 4]
"""

import argparse
import random
import statistics
import tempfile
import time
import uuid
from pathlib import Path

from corpus import requests
from running import cpu_seconds

from tollbook_collector.money.book import put_in_force
from tollbook_collector.money.seed import read_book
from tollbook_collector.spool.segment import Envelope, header, record
from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse, StoreAddress
from tollbook_collector.store.embedded.process import EmbeddedStore

PER_REQUEST = 512
# The views that each step consists of; the chain is cut after a step by dropping all later ones.
STEPS: dict[str, tuple[str, ...]] = {
    "parse": (),
    "decode": ("decode",),
    "understand": ("understand",),
    "normalise": ("normalise",),
    "price": ("price",),
    "write": (),
    "spend": ("roll_up_hours", "roll_up_minutes"),
    "series": ("roll_up_series_minutes", "roll_up_series_hours", "roll_up_entities"),
    "behaviour, runs": ("roll_up_behaviour", "roll_up_runs"),
    "traces": ("roll_up_traces",),
    "books": ("account_traces", "report_client_losses"),
}
# Up to this step what is priced goes nowhere; its own cost is not that of writing the rows.
UNWRITTEN = "price"
# Those that no span passes through.
OF_OTHER_SIGNALS = frozenset(
    {
        "account_logs",
        "account_metrics",
        "decode_logs",
        "decode_log_calls",
        "account_log_calls",
        "decode_metrics",
    }
)
VIEWS = (
    "SELECT name FROM system.tables"
    " WHERE database = currentDatabase() AND engine = 'MaterializedView'"
)


def segment(bodies: list[bytes]) -> bytes:
    """Return requests as the spool would hand them to the store."""
    now = time.time_ns()
    records = [
        record(Envelope("bench", "k", now + number, number, PER_REQUEST, body))
        for number, body in enumerate(bodies)
    ]
    return header() + b"".join(records)


def stages(store: EmbeddedStore, large: Path, small: Path, repeats: int) -> dict[str, list[float]]:
    """Return the CPU seconds of a large and a small insert, by the step at which the chain ends."""
    databases = {}
    steps = list(STEPS)
    for place, step in enumerate(steps):
        name = f"stages_{uuid.uuid4().hex[:8]}"
        address = store.address
        databases[step] = ClickHouse(
            StoreAddress(address.url, address.user, address.password, name, handover=store.handover)
        )
        sql.migrate(databases[step])
        put_in_force(databases[step], read_book())
        databases[step].command("SYSTEM STOP MERGES")
        views = {str(name) for (name,) in databases[step].rows(VIEWS)} - OF_OTHER_SIGNALS
        known = {view for named in STEPS.values() for view in named}
        assert views == known, f"these views are in no step, or are gone: {views ^ known}"
        for later in steps[place + 1 :]:
            for view in STEPS[later]:
                databases[step].command(f"DROP VIEW {view}")
        if step == UNWRITTEN:
            databases[step].command("CREATE TABLE unwritten AS spans ENGINE = Null")
            databases[step].command("DROP VIEW price")
            priced = sql.read("views/30_price")
            assert "VIEW price TO spans AS" in priced
            databases[step].command(priced.replace("price TO spans", "price TO unwritten", 1))
    assert store.pid is not None
    found: dict[str, list[list[float]]] = {step: [[], []] for step in STEPS}
    for round_number in range(repeats + 1):
        for step, database in databases.items():
            for size, path in enumerate((large, small)):
                content = path.read_bytes()
                before = cpu_seconds(store.pid)
                # Several small ones, because the kernel counts in hundredths of a second.
                times = 1 if size == 0 else 5
                for _ in range(times):
                    database.insert_segment(content, uuid.uuid4().hex, path=path)
                if round_number:
                    found[step][size].append((cpu_seconds(store.pid) - before) / times)
    return {step: [statistics.median(each) for each in sizes] for step, sizes in found.items()}


def main() -> None:
    """Run the benchmark and print its table."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--spans", type=int, default=34 * PER_REQUEST)
    arguments.add_argument("--repeats", type=int, default=4)
    options, _ = arguments.parse_known_args()
    bodies = list(requests(random.Random(1), options.spans // PER_REQUEST, PER_REQUEST))
    spans = len(bodies) * PER_REQUEST
    with tempfile.TemporaryDirectory(prefix="tollbook-stages-") as directory:
        store = EmbeddedStore(Path(directory) / "store")
        large, small = Path(directory) / "large.segment", Path(directory) / "small.segment"
        large.write_bytes(segment(bodies))
        small.write_bytes(segment(bodies[:1]))
        store.start()
        try:
            found = stages(store, large, small, options.repeats)
        finally:
            store.stop()
    print(f"CPU of an insert of {spans:,} spans, and of one of {PER_REQUEST}, up to each step:")
    print("step              us/span    added     ms of a small one    added")
    last = [0.0, 0.0]
    for step, (large, small) in found.items():
        added = [(large - last[0]) / spans * 1e6, (small - last[1]) * 1e3]
        print(
            f"{step:<14} {large / spans * 1e6:>10.1f} {added[0]:>8.1f}"
            f" {small * 1e3:>21.0f} {added[1]:>8.0f}"
        )
        last = [large, small]


if __name__ == "__main__":
    main()
