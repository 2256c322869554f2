"""Pages and panels of dashboards over a month of spans: how long each takes while spans come.

Fills an embedded store with spans that the engine makes up itself, asks every page and every panel
for its answer, and prints the 50th and 95th percentile of each, and what a page asks; then opens
the pages in Chromium, if there is one, and prints when their first content was painted. Never a
gate.

    python benchmarks/queries.py [--spans 10000000] [--rounds 20] [--inserting 35000] [--data DIR]
        [--only pages|trace|panels|paint] [--panels-since 24h] [--pause 0.5]

Without a pause one reader takes what both cores give, and spans come in as fast as is left; with
one, spans that come slower than offered say that the machine does not bear both.
"""

import argparse
import http.client
import itertools
import json
import multiprocessing
import re
import shutil
import socket
import tempfile
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import corpus
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import sync_playwright

from tollbook_collector.answer.api import create_api
from tollbook_collector.answer.questions import Period
from tollbook_collector.app import Collector
from tollbook_collector.ending import Ending
from tollbook_collector.settings import OPEN_TENANT, Settings
from tollbook_collector.spool.segment import Envelope, header, record
from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse

FILL = (Path(__file__).parent / "spans.sql").read_text()
# What the engine needs so that the long list of aliases is planned in a second and not in a minute.
FILL_SETTINGS = {"query_plan_merge_expressions": 0, "max_insert_threads": 1}
INSERT_SPANS = 250_000
DAY_S = 86_400
PAGE_TARGET_MS = 400.0
DASHBOARDS = Path(__file__).parents[1] / "dashboards"
OTHER_TENANT = "others"
# Segments that are made, and that wait; others have their texts.
SEGMENTS = 8
# How often it is looked whether the first segments are made.
MADE_LOOK_S = 0.2
MADE_WITHIN_S = 60.0
# What comes in so long is sealed as one segment where spans keep coming.
SEGMENT_S = 1.05
REQUEST_SPANS = 512
# Stands in an address for another trace each time: of one that was asked before the store knows
# where it is not.
ANY_TRACE = "{trace}"
TRACE_COST = f"/v1/traces/{ANY_TRACE}/cost"
TRACE_ROUNDS = 120
TRACES = """
SELECT lower(hex(trace_id))
FROM trace_parts
WHERE tenant = {tenant:String}
ORDER BY cityHash64(trace_id, {seed:UInt64})
LIMIT 2000
"""
PARTS = ("pages", "trace", "panels", "paint")
PAINT_ROUNDS = 5
KEEP_ALIVE_S = 600
QUERIES_TOLD = 6
PAINTED = """() => new Promise((told) => new PerformanceObserver((list) => {
    const [first] = list.getEntriesByName("first-contentful-paint");
    if (first) told(first.startTime);
}).observe({ type: "paint", buffered: true }))"""


class Timed:
    """A store that notes how long each of its answers took, for the asker and for the store.

    Args:
        clickhouse: What answers.
    """

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self._names: dict[str, str] = {}
        self.took_ms: dict[str, list[float]] = defaultdict(list)
        self.worked_ms: dict[str, list[float]] = defaultdict(list)
        self.engine_ms: dict[str, list[float]] = defaultdict(list)

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
            answered = self._clickhouse.answered(statement, parameters, settings)
        # From its thread's first step to its last one, and how long the engine had the statement.
        name, counts = self._name(statement), answered.counts
        self.worked_ms[name].append(counts["elapsed_ns"] / 1e6)
        self.engine_ms[name].append(counts.get("engine_ns", 0) / 1e6)
        return answered.rows

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

    def clear(self) -> None:
        """Forget all times."""
        for times in (self.took_ms, self.worked_ms, self.engine_ms):
            times.clear()

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


def make_segments(files: "multiprocessing.Queue[Path]", directory: Path, requests: int) -> None:
    """Write segments of so many requests without end, no span twice, as the spool hands them on."""
    corpus.STARTED_NS = time.time_ns()
    made = corpus.Endless(1, SEGMENTS * requests, REQUEST_SPANS)
    for number in itertools.count():
        now_ns, first = time.time_ns(), number * requests
        path = directory / f"{number}.segment"
        path.write_bytes(
            header()
            + b"".join(
                record(
                    Envelope(
                        OTHER_TENANT,
                        "k",
                        now_ns + place,
                        first + place,
                        REQUEST_SPANS,
                        made.uncompressed(first + place),
                    )
                )
                for place in range(requests)
            )
        )
        files.put(path)


class Inserting:
    """Inserts segments at a rate until told to stop: what the store has to do besides.

    They are another tenant's: minutes at such a rate would be more spans than the month that is
    asked about. As many at once as the loader has, as one insert uses one core, and from files as
    there; a process of its own writes them, so that what asks is not held up by it.

    Args:
        clickhouse: Where to.
        spans_per_s: The rate; what comes late is made up for.
        inserters: Inserts at one time.
        directory: Where the files are, on the disk of the store.
    """

    def __init__(
        self, clickhouse: ClickHouse, spans_per_s: int, inserters: int, directory: Path
    ) -> None:
        self._clickhouse = clickhouse
        requests = max(1, round(spans_per_s * SEGMENT_S / REQUEST_SPANS))
        self._segment_spans = requests * REQUEST_SPANS
        self._every_s = self._segment_spans / spans_per_s
        directory.mkdir(exist_ok=True)
        spawned = multiprocessing.get_context("spawn")
        self._files: multiprocessing.Queue[Path] = spawned.Queue(SEGMENTS)
        self._maker = spawned.Process(
            target=make_segments, args=(self._files, directory, requests), daemon=True
        )
        self._maker.start()
        while not self._files.full():
            time.sleep(MADE_LOOK_S)
        self._numbers = itertools.count()
        self._inserted = itertools.count()
        self._stopping = threading.Event()
        self._started = time.monotonic()
        self._threads = [threading.Thread(target=self._insert) for _ in range(inserters)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop, and print how many spans came in of those that were offered."""
        self._stopping.set()
        took_s = time.monotonic() - self._started
        spans = next(self._inserted) * self._segment_spans
        for thread in self._threads:
            thread.join()
        self._maker.terminate()
        offered = self._segment_spans / self._every_s
        late_s = max(0.0, took_s - spans / offered)
        print(
            f"meanwhile {spans / took_s:,.0f} spans a second came in of {offered:,.0f} offered:"
            f" after {took_s:.0f} s those of {late_s:.0f} s wait"
        )

    def _insert(self) -> None:
        while not self._stopping.is_set():
            number = next(self._numbers)
            if self._stopping.wait(
                max(0.0, self._started + number * self._every_s - time.monotonic())
            ):
                return
            path = self._files.get(timeout=MADE_WITHIN_S)
            self._clickhouse.insert_segment(None, uuid.uuid4().hex, path=path)
            path.unlink()
            next(self._inserted)


class Reader:
    """Asks as a browser does: one question after the other, by a connection that stays open.

    Args:
        port: Of the API on this machine.
    """

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)

    def get(self, path: str) -> str:
        """Return the answer at a path."""
        return self._asked("GET", path)

    def post(self, path: str, content: str) -> str:
        """Return the answer to what is sent to a path."""
        return self._asked("POST", path, content.encode())

    def _asked(self, method: str, path: str, content: bytes | None = None) -> str:
        self._connection.request(method, path, content)
        answer = self._connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            raise SystemExit(f"{path} answered {answer.status}: {text[:400]}")
        return text


def addresses(reader: Reader) -> list[str]:
    """Return the addresses of all pages, those of a call, a run and a trace among them."""
    navigation = reader.get("/").split('<nav aria-label="Pages">')[1].split("</nav>")[0]
    paths = [piece.split('"')[0] for piece in navigation.split('href="')[1:]]
    one = json.loads(reader.get("/v1/calls?limit=1"))["rows"][0]
    paths += ["/?since=30d", "/explore?since=30d&by=team&then=model", "/calls?order=cost&since=7d"]
    paths += ["/models?since=30d", f"/calls/{one['trace']}/{one['span']}"]
    paths += [f"/v1/traces/{one['trace']}", TRACE_COST]
    paths += ["/v1/spend?by=day,model,team&since=30d"]
    return paths


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile of values, the next larger one that was measured."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def timed_ms(asking: Callable[[], str], rounds: int, pause_s: float) -> list[float]:
    """Return how long a question took each time but the first, which warms it."""
    took = []
    for _ in range(rounds + 1):
        time.sleep(pause_s)
        started = time.perf_counter()
        asking()
        took.append(1000 * (time.perf_counter() - started))
    return took[1:]


def told(name: str, took: Sequence[float], besides: str = "") -> bool:
    """Print the times of a page or panel and return whether they are over the target."""
    shown = name if len(name) <= 42 else name[:41] + "…"
    p95 = percentile(took, 0.95)
    print(f"{shown:<42} {percentile(took, 0.5):>8.1f} {p95:>8.1f}   {besides}", flush=True)
    return p95 > PAGE_TARGET_MS


def measure_pages(
    reader: Reader,
    paths: Sequence[str],
    timed: Timed,
    traces: Iterator[str],
    rounds: int,
    pause_s: float,
) -> None:
    """Ask each page again and again and print how long it took."""

    def asked(path: str) -> str:
        return reader.get(path.replace(ANY_TRACE, next(traces)))

    print(f"{'page':<42} {'p50 ms':>8} {'p95 ms':>8}   its queries, at the median (in the store)")
    late = []
    for path in paths:
        # Of ten the 95th percentile is the slowest: what is to take 5 ms is asked more often.
        times = max(rounds, TRACE_ROUNDS) if path == TRACE_COST else rounds
        timed.clear()
        took = timed_ms(partial(asked, path), times, pause_s)
        if told(path, took, _queries(timed, times + 1)):
            late.append(path)
        if path == TRACE_COST:
            told("  asked by the collector of the store", timed.took_ms["trace_cost"][1:])
            told("  in the store, from request to answer", timed.worked_ms["trace_cost"][1:])
            told("  in the engine, from statement to result", timed.engine_ms["trace_cost"][1:])
    print(f"over {PAGE_TARGET_MS:.0f} ms: {', '.join(late) or 'none'}")


def _queries(timed: Timed, pages: int) -> str:
    """Return the queries of a page with their times and how often it asks them, slowest first."""
    took_ms, worked_ms = timed.took_ms, timed.worked_ms
    spent = {name: percentile(times, 0.5) * len(times) for name, times in took_ms.items()}
    return ", ".join(
        f"{name} {percentile(took_ms[name], 0.5):.0f}"
        + (f" ({percentile(worked_ms[name], 0.5):.1f})" if name in worked_ms else "")
        + (f" x{len(took_ms[name]) // pages}" if len(took_ms[name]) > pages else "")
        for name in sorted(spent, key=lambda name: -spent[name])[:QUERIES_TOLD]
    )


def panels(since: str) -> Iterator[tuple[str, str]]:
    """Yield the name and statement of each panel, as Grafana's data source would send it."""
    period = Period.back(since)
    begin, end = (int(at.timestamp()) for at in (period.since, period.until))
    bucket_s = max(60, (end - begin) // 300)
    for path in sorted(DASHBOARDS.glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                statement = re.sub(
                    r"\$__timeFilter\((\w+)\)",
                    rf"\1 >= toDateTime({begin}) AND \1 <= toDateTime({end})",
                    target["rawSql"],
                )
                statement = re.sub(
                    r"\$__timeInterval\((\w+)\)",
                    rf"toStartOfInterval(toDateTime(\1), INTERVAL {bucket_s} second)",
                    statement,
                )
                yield f"{path.stem}: {panel['title']}", statement.replace("$tenant", OPEN_TENANT)


def measure_panels(reader: Reader, since: str, rounds: int, pause_s: float) -> None:
    """Ask each panel of the dashboards again and again and print how long it took."""
    print(f"{'panel, ' + since:<42} {'p50 ms':>8} {'p95 ms':>8}")
    late = []
    for name, statement in panels(since):
        asking = partial(reader.post, "/v1/sql?format=table", statement)
        if told(name, timed_ms(asking, rounds, pause_s)):
            late.append(name)
    print(f"over {PAGE_TARGET_MS:.0f} ms: {', '.join(late) or 'none'}")


def measure_paint(port: int) -> None:
    """Open each page in Chromium and print when its first content was on the screen."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("no chromium: not painted")
        return
    print(f"{'first content painted':<42} {'p50 ms':>8} {'max ms':>8}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page()
        tab.goto(f"http://127.0.0.1:{port}/")
        for url in tab.eval_on_selector_all(
            "header nav a", "links => links.map(link => link.href)"
        ):
            took = []
            for _ in range(PAINT_ROUNDS):
                tab.goto(url)
                took.append(float(tab.evaluate(PAINTED)))
            print(f"{url[url.index('/', 8) :]:<42} {sorted(took)[2]:>8.1f} {max(took):>8.1f}")
        browser.close()


@contextmanager
def served(api: FastAPI) -> Iterator[int]:
    """Serve an API on this machine and yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(api, log_config=None, ws="none", timeout_keep_alive=KEEP_ALIVE_S)
        )
        serving = threading.Thread(target=server.run, args=([listener],), daemon=True)
        serving.start()
        yield int(listener.getsockname()[1])
        server.should_exit = True
        serving.join()


def main() -> None:
    """Run the benchmark and print its figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--spans", type=int, default=10_000_000)
    arguments.add_argument("--days", type=int, default=30)
    arguments.add_argument("--rounds", type=int, default=20)
    arguments.add_argument("--inserting", type=int, default=0, help="spans a second meanwhile")
    arguments.add_argument("--inserters", type=int, default=2)
    arguments.add_argument("--pause", type=float, default=0.0, help="before each question, s")
    arguments.add_argument("--only", choices=PARTS)
    arguments.add_argument("--panels-since", default="24h")
    arguments.add_argument("--data", type=Path, help="kept, and filled only if it is empty")
    options, _ = arguments.parse_known_args()
    with tempfile.TemporaryDirectory() as temporary:
        collector = Measured(Settings(data=options.data or Path(temporary), canary_every_s=0))
        run(collector, options)
        collector.close(Ending())


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
    inserting = None
    if options.inserting:
        directory = Path(collector._settings.data) / "segments"
        inserting = Inserting(clickhouse, options.inserting, options.inserters, directory)
    asked = [options.only] if options.only else [part for part in PARTS if part != "trace"]
    with served(create_api(collector)) as port:
        reader = Reader(port)
        if "pages" in asked or "trace" in asked:
            asked_for = {"tenant": OPEN_TENANT, "seed": time.time_ns()}
            traces = itertools.cycle(str(row[0]) for row in clickhouse.rows(TRACES, asked_for))
            paths = addresses(reader) if "pages" in asked else [TRACE_COST]
            measure_pages(reader, paths, collector.timed, traces, options.rounds, options.pause)
        if "panels" in asked:
            measure_panels(reader, options.panels_since, options.rounds, options.pause)
        if "paint" in asked:
            measure_paint(port)
    if inserting:
        inserting.stop()
    clickhouse.close()


if __name__ == "__main__":
    main()
