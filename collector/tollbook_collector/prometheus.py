"""The collector's own counts in the text format of Prometheus.

Each family has one line in METRICS: its name, its type, what it counts, and where in the status it
is. Names end in their unit, and in `_total` where they only grow until a restart.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
SIGNALS: Final = ("traces", "logs", "metrics")


@dataclass(frozen=True)
class Metric:
    """A metric that each signal has.

    Args:
        name: As Prometheus shall know it.
        kind: counter or gauge.
        text: What it counts.
        part: spool or load.
        count: Field of that part's counts.
    """

    name: str
    kind: str
    text: str
    part: str
    count: str


METRICS: Final = (
    Metric("spool_requests_total", "counter", "Requests made durable.", "spool", "requests"),
    Metric("spool_items_total", "counter", "Items made durable.", "spool", "spans"),
    Metric("spool_bytes_total", "counter", "Bytes of these requests.", "spool", "request_bytes"),
    Metric(
        "spool_refused_requests_total",
        "counter",
        "Requests answered 503 because there was no room.",
        "spool",
        "refused_requests",
    ),
    Metric(
        "spool_resent_requests_total",
        "counter",
        "Requests sent again, byte for byte, and not kept twice.",
        "spool",
        "resent_requests",
    ),
    Metric(
        "spool_dropped_items_total",
        "counter",
        "Items given up because they waited longer than the age budget.",
        "spool",
        "dropped_spans",
    ),
    Metric(
        "spool_failed_requests_total",
        "counter",
        "Requests answered 503 because the disk failed.",
        "spool",
        "failed_requests",
    ),
    Metric(
        "spool_damaged_records_total",
        "counter",
        "Records that had changed on disk.",
        "spool",
        "damaged_records",
    ),
    Metric("spool_waiting_segments", "gauge", "Segments not loaded.", "spool", "waiting_segments"),
    Metric("spool_waiting_items", "gauge", "Items not loaded.", "spool", "waiting_spans"),
    Metric("spool_waiting_bytes", "gauge", "Bytes not loaded.", "spool", "waiting_bytes"),
    Metric(
        "load_lag_seconds",
        "gauge",
        "Age of the oldest segment that is not loaded.",
        "spool",
        "waiting_s",
    ),
    Metric("load_segments_total", "counter", "Segments durable in the store.", "load", "segments"),
    Metric("load_items_total", "counter", "Items durable in the store.", "load", "spans"),
    Metric("load_insert_seconds_total", "counter", "Time of inserts.", "load", "insert_s"),
    Metric("load_retries_total", "counter", "Inserts that failed.", "load", "retries"),
    Metric("load_quarantined_items_total", "counter", "Items set aside.", "load", "refused_spans"),
    Metric("load_faults_total", "counter", "Faults of the loader itself.", "load", "faults"),
)


STORE_METRICS: Final = {
    "refused": ("store_refused_requests_total", "Requests it turned away, full of others."),
    "abandoned": ("store_abandoned_requests_total", "Requests whose asker left before the end."),
    "failures": ("store_failures_total", "Failures of its own, that are none of the engine's."),
}


def exposition(status: Mapping[str, Any], faults: int, store: Mapping[str, int]) -> str:
    """Return a collector's status as Prometheus reads it.

    Args:
        status: What `Collector.status` returns.
        faults: How many things keep the collector from doing its work.
        store: What `Collector.store_counts` returns.
    """
    return "".join((*_lines(status, faults), *_store_counts(store)))


def _lines(status: Mapping[str, Any], faults: int) -> Iterator[str]:
    yield _head("faults", "gauge", "Things that keep the collector from its work.")
    yield f"tollbook_faults {faults}\n"
    yield _head("store_restarts_total", "counter", "Restarts of the embedded store.")
    yield f"tollbook_store_restarts_total {status['store_restarts']}\n"
    yield _head("unpriced_calls", "gauge", "Calls of the last 24 hours without a price.")
    for reason, count in status["unpriced_calls"].items():
        yield f'tollbook_unpriced_calls{{reason="{reason}"}} {count}\n'
    yield _head("prices_refused", "gauge", "1: price files are refused, the old book holds.")
    yield f"tollbook_prices_refused {int(bool(status['prices']['refused']))}\n"
    yield _head("intake_requests_total", "counter", "Requests by what became of them.")
    for outcome, count in status["intake"].items():
        yield f'tollbook_intake_requests_total{{outcome="{outcome}"}} {count}\n'
    yield _head("intake_rejected_items_total", "counter", "Items taken out of requests.")
    for name, count in status["rejected"].items():
        signal, _, reason = name.partition(":")
        labels = f'signal="{signal}",reason="{reason}"'
        yield f"tollbook_intake_rejected_items_total{{{labels}}} {count}\n"
    yield from _self_checks(status)
    for metric in METRICS:
        yield _head(metric.name, metric.kind, metric.text)
        for signal in SIGNALS:
            counts = (status if signal == "traces" else status[signal])[metric.part]
            if metric.count in counts:
                yield f'tollbook_{metric.name}{{signal="{signal}"}} {counts[metric.count]}\n'


def _store_counts(store: Mapping[str, int]) -> Iterator[str]:
    for count, (name, text) in STORE_METRICS.items():
        if count in store:
            yield _head(name, "counter", text)
            yield f"tollbook_{name} {store[count]}\n"


def _self_checks(status: Mapping[str, Any]) -> Iterator[str]:
    keys = status["keys"]
    yield _head("keys_refused_requests_total", "counter", "Requests without a key that may.")
    for reason, count in keys["refused"].items():
        yield f'tollbook_keys_refused_requests_total{{reason="{reason}"}} {count}\n'
    yield _head("keys_over_allowance_total", "counter", "Requests over what their key may send.")
    yield f"tollbook_keys_over_allowance_total {keys['over_allowance']}\n"
    yield _head("books_missing_items", "gauge", "Items that the books miss.")
    yield f"tollbook_books_missing_items {status['books']['missing']}\n"
    yield _head("books_too_many_items", "gauge", "Items that the books have too many.")
    yield f"tollbook_books_too_many_items {status['books']['too_many']}\n"
    yield _head("canary_spans_total", "counter", "Spans of the canary by what became of them.")
    for outcome, count in status["canary"].items():
        yield f'tollbook_canary_spans_total{{outcome="{outcome}"}} {count}\n'
    cardinality = status["cardinality"]
    yield _head("capped_dimensions", "gauge", "Dimensions of tenants with too many values today.")
    yield f"tollbook_capped_dimensions {cardinality['capped_dimensions']}\n"
    yield _head("capped_calls", "gauge", "Calls of today with (other) in a dimension.")
    yield f"tollbook_capped_calls {cardinality['other_calls']}\n"
    scrape = status["scrape"]
    yield _head("scrape_answers_total", "counter", "Answers of scraped servers that were kept.")
    yield f"tollbook_scrape_answers_total {scrape['answers']}\n"
    yield _head("scrape_failures_total", "counter", "Questions that brought no answer to keep.")
    yield f"tollbook_scrape_failures_total {scrape['failures']}\n"
    yield _head("duty_rounds_total", "counter", "Rounds of each duty that ended well.")
    for name, counts in status["duties"].items():
        yield f'tollbook_duty_rounds_total{{duty="{name}"}} {counts["rounds"]}\n'
    yield _head("duty_failures_total", "counter", "Rounds of each duty that failed.")
    for name, counts in status["duties"].items():
        yield f'tollbook_duty_failures_total{{duty="{name}"}} {counts["failures"]}\n'


def _head(name: str, kind: str, text: str) -> str:
    return f"# HELP tollbook_{name} {text}\n# TYPE tollbook_{name} {kind}\n"
