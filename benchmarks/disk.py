"""Disk: what a span, a log record, a metric point and a row of each roll-up take, merged.

Each kind goes into a store of its own as segments, the parts are merged into one, and bytes on disk
are divided by rows. Times are spread over a week, so that they compress as in life. These are
sizes, no times: the same seed gives about the same on any machine.

    python benchmarks/disk.py [--rows 200000] [--seed 1]
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import corpus
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber

from tollbook_collector.money.book import put_in_force
from tollbook_collector.money.seed import read_book
from tollbook_collector.spool.segment import Envelope, header, record
from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse, StoreAddress
from tollbook_collector.store.embedded.process import EmbeddedStore

ITEMS = 500  # of a request
SEGMENT_REQUESTS = 40
WEEK_NS = 7 * 24 * 3600 * 10**9
ENDED_NS = corpus.STARTED_NS
ROLL_UPS = ("spend_minutely", "spend_hourly", "series_hourly", "behaviour_hourly")
SIZES = """
SELECT sum(bytes_on_disk), sum(rows) FROM system.parts
WHERE active AND database = currentDatabase() AND table = {table:String}
"""


def metered(draw: random.Random, at: int) -> bytes:
    """Return calls as our SDK sends them: no content, four tags."""
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    for _ in range(ITEMS):
        began = at + draw.randrange(10**10)
        span = spans.add(
            trace_id=draw.randbytes(16), span_id=draw.randbytes(8), name="chat", kind=3
        )
        span.start_time_unix_nano = began
        span.end_time_unix_nano = began + int(draw.lognormvariate(0, 0.7) * 9e8)
        provider, model = draw.choice(corpus.MODELS)
        words = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
            "gen_ai.response.model": model,
            "gen_ai.response.id": f"resp_{draw.randbytes(12).hex()}",
            "gen_ai.response.finish_reasons": "stop",
            "user.id": f"u{draw.randrange(5000)}",
            "tollbook.tags.team": draw.choice(corpus.TEAMS),
            "tollbook.tags.feature": f"feature-{draw.randrange(20)}",
            "tollbook.tags.customer": f"customer-{draw.randrange(200)}",
        }
        for key, word in words.items():
            span.attributes.add(key=key).value.string_value = word
        for key, most in (("input", 4_000), ("output", 900), ("cache_read.input", 500)):
            count = span.attributes.add(key=f"gen_ai.usage.{key}_tokens")
            count.value.int_value = draw.randrange(1, most)
    return message.SerializeToString()


def six_dialects(characters: int) -> Callable[[random.Random, int], bytes]:
    """Return what makes agent runs of six instrumentations, with so much text in a call."""
    made: list[Iterator[bytes]] = []

    def next_one(draw: random.Random, at: int) -> bytes:
        made[:] = made or [corpus.requests(draw, sys.maxsize, ITEMS)]
        corpus.STARTED_NS, corpus.TEXT_CHARS = at, characters * 2 // 3
        return next(made[0])

    return next_one


def logs(draw: random.Random, at: int) -> bytes:
    """Return log records of some 120 characters with three attributes."""
    message = ExportLogsServiceRequest()
    kept = message.resource_logs.add()
    kept.resource.attributes.add(key="service.name").value.string_value = "checkout"
    records = kept.scope_logs.add().log_records
    for _ in range(ITEMS):
        one = records.add(
            time_unix_nano=at + draw.randrange(10**10),
            severity_number=SeverityNumber.SEVERITY_NUMBER_INFO,
        )
        one.body.string_value = " ".join(draw.choices(corpus.DIALECTS, k=11))
        for key in ("request", "user", "path"):
            one.attributes.add(key=key).value.string_value = f"{key}-{draw.randrange(5000)}"
    return message.SerializeToString()


def metrics(draw: random.Random, at: int) -> bytes:
    """Return points of gauges with two attributes."""
    message = ExportMetricsServiceRequest()
    points = message.resource_metrics.add().scope_metrics.add().metrics.add(name="load", unit="1")
    for _ in range(ITEMS):
        point = points.gauge.data_points.add(
            as_double=draw.random(), time_unix_nano=at + draw.randrange(10**10)
        )
        for key in ("model", "host"):
            point.attributes.add(key=key).value.string_value = f"{key}-{draw.randrange(20)}"
    return message.SerializeToString()


KINDS: list[tuple[str, str, str, Callable[[random.Random, int], bytes]]] = [
    ("a call as the SDK sends it, no content", "traces", "spans", metered),
    ("a span of agents, six dialects, 600 characters a call", "traces", "spans", six_dialects(600)),
    ("the same, 6,000 characters a call", "traces", "spans", six_dialects(6_000)),
    ("a log record of 120 characters", "logs", "log_records", logs),
    ("a metric point", "metrics", "metric_points", metrics),
]


def fill(
    store: ClickHouse,
    signal: str,
    made: Callable[[random.Random, int], bytes],
    rows: int,
    draw: random.Random,
) -> None:
    """Insert so many rows, in order of time, in segments as a collector would."""
    requests = rows // ITEMS
    for first in range(0, requests, SEGMENT_REQUESTS):
        content = header()
        for number in range(first, min(first + SEGMENT_REQUESTS, requests)):
            at = ENDED_NS - WEEK_NS + WEEK_NS * number // requests
            body = made(draw, at)
            content += record(Envelope("disk", "key", at + 10**10, number + 1, ITEMS, body))
        store.insert_segment(content, f"{signal}-{first}", signal)


def merged(store: ClickHouse, table: str) -> tuple[int, int]:
    """Return the bytes and rows of a table of which all is merged."""
    store.command(f"OPTIMIZE TABLE {table} FINAL")
    [(size, rows)] = store.rows(SIZES, {"table": table})
    return int(size), int(rows)


def measured(rows: int, seed: int) -> Iterator[tuple[str, str, int, int]]:
    """Yield a name, a table, its bytes and rows."""
    for number, (name, signal, table, made) in enumerate(KINDS):
        draw = random.Random(seed)
        with tempfile.TemporaryDirectory() as data, EmbeddedStore(Path(data)) as embedded:
            address = embedded.address
            store = ClickHouse(StoreAddress(address.url, address.user, address.password))
            sql.migrate(store)
            put_in_force(store, read_book())
            fill(store, signal, made, rows, draw)
            yield (name, table, *merged(store, table))
            for roll_up in ROLL_UPS if number == 0 else ():
                yield (f"a row of {roll_up}", roll_up, *merged(store, roll_up))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print("| disk, merged | bytes | rows measured |\n|---|---|---|")
    for name, _, size, rows in measured(options.rows, options.seed):
        print(f"| {name} | {size / max(rows, 1):,.0f} | {rows:,} |", flush=True)


if __name__ == "__main__":
    main()
