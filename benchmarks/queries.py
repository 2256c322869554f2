"""Pages and their queries over a month of spans: how long each takes, warm, which is the slowest.

Fills an embedded store with spans that the engine makes up itself, asks every page for its answer,
and prints the 50th and 95th percentile of the page and of its slowest query. Never a gate.

    python benchmarks/queries.py [--spans 10000000] [--rounds 20] [--inserting 25000] [--data DIR]
"""

import argparse
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from tollbook_collector.answer.api import create_api
from tollbook_collector.app import Collector
from tollbook_collector.settings import OPEN_TENANT, Settings
from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse

FILL = (Path(__file__).parent / "spans.sql").read_text()
# What the engine needs so that the long list of aliases is planned in a second and not in a minute.
FILL_SETTINGS = {"query_plan_merge_expressions": 0, "max_insert_threads": 1}
INSERT_SPANS = 250_000
DAY_S = 86_400
PAGE_TARGET_MS = 400.0


class Timed:
    """A store that notes how long each of its answers took.

    Args:
        clickhouse: What answers.
    """

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self._names: dict[str, str] = {}
        self.took_ms: dict[str, list[float]] = defaultdict(list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clickhouse, name)

    def rows(
        self,
        statement: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""
        with self._timed(statement):
            return self._clickhouse.rows(statement, parameters, settings)

    def formatted(
        self,
        statement: str,
        format_name: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return the answer of a query in a format."""
        with self._timed(statement):
            return self._clickhouse.formatted(statement, format_name, parameters, settings)

    @contextmanager
    def _timed(self, statement: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.took_ms[self._name(statement)].append(1000 * (time.perf_counter() - started))

    def _name(self, statement: str) -> str:
        if not self._names:
            folder = Path(sql.__file__).parent / "queries"
            self._names = {
                sql.read(f"queries/{path.stem}"): path.stem for path in folder.glob("*.sql")
            }
        return self._names.get(statement, "another statement")


class Measured(Collector):
    """A collector that only answers: nothing is loaded, watched or detected meanwhile."""

    timed: Timed

    @property
    def store(self) -> Any:
        """The store that notes its times."""
        return self.timed

    @property
    def ledger(self) -> Any:
        """The same."""
        return self.timed

    def _store(self) -> Any:
        return self.timed


def fill(clickhouse: ClickHouse, spans: int, days: int, now: datetime) -> None:
    """Insert spans over the days before now."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    done = 0
    for back in range(days - 1, -1, -1):
        day = midnight - timedelta(days=back)
        until_s = DAY_S if back else max((now - midnight).total_seconds() - 60, 60.0)
        left = int(spans / days * until_s / DAY_S) // 40 * 40
        while left > 0:
            rows = min(left, INSERT_SPANS)
            parameters = {
                "tenant": OPEN_TENANT,
                "day": day.strftime("%Y-%m-%d %H:%M:%S"),
                "rows": rows,
                "before": done,
                "from_s": 0.0,
                "until_s": until_s,
                "growth": 1.0,
            }
            clickhouse.command(FILL, parameters, FILL_SETTINGS)
            left -= rows
            done += rows
        print(f"\rfilled to {day:%Y-%m-%d}: {done:>12,} spans", end="", flush=True)
    print()


def keep_inserting(
    clickhouse: ClickHouse, spans_per_s: int, after: int, stopping: threading.Event
) -> None:
    """Insert spans of now at a rate until told to stop: the rest of the machine's work."""
    rows = max(40, spans_per_s // 4 // 40 * 40)
    done = after
    while not stopping.wait(rows / spans_per_s):
        now = datetime.now(UTC)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        second = (now - midnight).total_seconds()
        parameters = {
            "tenant": OPEN_TENANT,
            "day": midnight.strftime("%Y-%m-%d %H:%M:%S"),
            "rows": rows,
            "before": done,
            "from_s": max(second - 30, 0),
            "until_s": second,
            "growth": 1.0,
        }
        clickhouse.command(FILL, parameters, FILL_SETTINGS)
        done += rows


def addresses(client: TestClient) -> list[str]:
    """Return the addresses of all pages, those of a call, a run and a trace among them."""
    navigation = client.get("/").text.split('<nav aria-label="Pages">')[1].split("</nav>")[0]
    paths = [piece.split('"')[0] for piece in navigation.split('href="')[1:]]
    one = client.get("/v1/calls?limit=1").json()["rows"][0]
    paths += ["/?since=30d", "/explore?since=30d&by=team&then=model", "/calls?order=cost&since=7d"]
    paths += ["/models?since=30d", f"/calls/{one['trace']}/{one['span']}"]
    paths += [f"/v1/traces/{one['trace']}", "/v1/spend?by=day,model,team&since=30d"]
    return paths


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile of values, the next larger one that was measured."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def measure(client: TestClient, timed: Timed, rounds: int) -> None:
    """Ask each page again and again and print how long it took."""
    print(f"{'page':<42} {'p50 ms':>8} {'p95 ms':>8}   slowest query (p95 ms)")
    late = []
    for path in addresses(client):
        client.get(path)
        timed.took_ms.clear()
        took = []
        for _ in range(rounds):
            started = time.perf_counter()
            answer = client.get(path)
            took.append(1000 * (time.perf_counter() - started))
            if answer.status_code != 200:
                raise SystemExit(f"{path} answered {answer.status_code}: {answer.text[:400]}")
        slowest, times = max(
            timed.took_ms.items(), key=lambda item: percentile(item[1], 0.95), default=("-", [0.0])
        )
        p95 = percentile(took, 0.95)
        late += [path] if p95 > PAGE_TARGET_MS else []
        shown = path if len(path) <= 42 else path[:41] + "…"
        print(
            f"{shown:<42} {percentile(took, 0.5):>8.1f} {p95:>8.1f}   "
            f"{slowest} ({percentile(times, 0.95):.1f})"
        )
    print(f"over {PAGE_TARGET_MS:.0f} ms: {', '.join(late) or 'none'}")


def main() -> None:
    """Run the benchmark and print its figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--spans", type=int, default=10_000_000)
    arguments.add_argument("--days", type=int, default=30)
    arguments.add_argument("--rounds", type=int, default=20)
    arguments.add_argument("--inserting", type=int, default=0, help="spans a second meanwhile")
    arguments.add_argument("--data", type=Path, help="kept, and filled only if it is empty")
    options, _ = arguments.parse_known_args()
    with tempfile.TemporaryDirectory() as temporary:
        collector = Measured(Settings(data=options.data or Path(temporary), canary_every_s=0))
        run(collector, options)
        collector.close()


def run(collector: Measured, options: argparse.Namespace) -> None:
    """Fill the store of a collector and measure its pages."""
    clickhouse = ClickHouse(collector._store_address())
    sql.migrate(clickhouse)
    collector._begin_prices(clickhouse)
    ((there,),) = clickhouse.rows("SELECT count() FROM spans")
    if not there:
        started = time.perf_counter()
        fill(clickhouse, options.spans, options.days, datetime.now(UTC))
        print(f"in {time.perf_counter() - started:.0f} s")
    collector.timed = Timed(clickhouse)
    stopping = threading.Event()
    inserting = threading.Thread(
        target=keep_inserting,
        args=(clickhouse, options.inserting, options.spans * 2, stopping),
        daemon=True,
    )
    if options.inserting:
        inserting.start()
    with TestClient(create_api(collector), base_url="http://127.0.0.1") as client:
        measure(client, collector.timed, options.rounds)
    stopping.set()
    if options.inserting:
        inserting.join()
    clickhouse.close()


if __name__ == "__main__":
    main()
