"""What the detectors cost on the live path: many series in an embedded store, hour after hour.

Writes weeks of spend of `--series` customers, lets the finder make its records, and then adds an
hour at a time and looks, as the duty does: screen in SQL, rows to Python, judged, explained, kept.
A loop is put into one of the hours, and must be told.
"""

import argparse
import os
import resource
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tollbook_collector.detect.find import Finder
from tollbook_collector.detect.findings import Findings
from tollbook_collector.detect.section import DetectSection
from tollbook_collector.detect.series import HOUR
from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse, StoreAddress
from tollbook_collector.store.embedded.process import EmbeddedStore

MIDNIGHT = datetime(2026, 11, 18, tzinfo=UTC)
DAYS = 57
HOURS = 4
STATEMENT = Path(__file__).with_name("series.sql")


def main() -> None:
    """Print CPU seconds of each round, and the memory of the finder's process."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--series", type=int, default=10_000)
    count = arguments.parse_args().series
    with tempfile.TemporaryDirectory() as directory:
        store = EmbeddedStore(Path(directory))
        store.start()
        address = store.address
        clickhouse = ClickHouse(StoreAddress(address.url, address.user, address.password))
        try:
            sql.migrate(clickhouse)
            _run(clickhouse, count)
        finally:
            clickhouse.close()
            store.stop()


def _run(clickhouse: ClickHouse, count: int) -> None:
    for back in range(DAYS, 0, -1):
        _add(clickhouse, count, MIDNIGHT - timedelta(days=back), 24)
    section = DetectSection(series=(("customer",),))
    finder = Finder(lambda: clickhouse, lambda: section, Findings)
    _timed(f"records of {count} series, once a day", finder, clickhouse, MIDNIGHT)
    for hour in range(1, HOURS + 1):
        _add(clickhouse, count, MIDNIGHT + timedelta(hours=hour - 1), 1)
        if hour == HOURS:
            _loop(clickhouse, MIDNIGHT + timedelta(hours=hour - 1))
        _timed(f"hour {hour}", finder, clickhouse, MIDNIGHT + timedelta(hours=hour))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory of the finder's process at most {peak:.0f} MB")


def _timed(what: str, finder: Finder, clickhouse: ClickHouse, until: datetime) -> None:
    cpu, of_store, wall = time.process_time(), _store_cpu_s(), time.monotonic()
    told = finder.look(clickhouse, "bench", HOUR, until)
    python, store, all_s = (
        time.process_time() - cpu,
        _store_cpu_s() - of_store,
        time.monotonic() - wall,
    )
    print(
        f"{what}: {python:.1f} s of Python's CPU, {store:.1f} s of the store's,"
        f" {all_s:.1f} s in all; told {[one.dimensions for one in told]}"
    )


def _store_cpu_s() -> float:
    """Return the CPU seconds of this process's children: the embedded store."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:  # it has ended
            continue
        if int(fields[1]) == os.getpid():
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _add(clickhouse: ClickHouse, count: int, day: datetime, hours: int) -> None:
    parameters = {"day": f"{day:%Y-%m-%d %H:%M:%S}", "hours": hours, "customers": count}
    clickhouse.command(STATEMENT.read_text(encoding="utf-8"), parameters)


def _loop(clickhouse: ClickHouse, at: datetime) -> None:
    columns = ("tenant", "hour", "service", "model", "customer", "calls", "cost_usd")
    row = ["bench", at, "shop", "gpt-5-mini", "customer-7", 20_000, 80]
    clickhouse.insert("series_hourly", columns, [row])


if __name__ == "__main__":
    main()
