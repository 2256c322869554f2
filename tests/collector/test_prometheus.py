"""The collector's own counts, as Prometheus reads them."""

import re
from dataclasses import asdict
from typing import Any

from tollbook_collector.prometheus import METRICS, exposition
from tollbook_collector.spool.counts import SpoolCounts
from tollbook_collector.store.load import LoadCounts

SAMPLE = re.compile(r'tollbook_[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+-]+')


def status(**spool: int) -> dict[str, Any]:
    counts = {"spool": asdict(SpoolCounts(**spool)), "load": asdict(LoadCounts())}
    return {
        "intake": {"200": 5, "413": 1},
        "rejected": {"traces:timestamp": 2},
        "prices": {"source": "", "refused": ""},
        "unpriced_calls": {"unknown_model": 3},
        "store_restarts": 3,
        "keys": {"open": False, "refused": {"unknown": 4}, "over_allowance": 6},
        "books": {"missing": 8, "too_many": 0},
        "canary": {"sent": 9, "missing": 1},
        "cardinality": {"capped_dimensions": 1, "other_calls": 12},
        "scrape": {"answers": 2, "failures": 1},
        "duties": {"share keys": {"rounds": 11, "failures": 1}},
        **counts,
        "logs": counts,
        "metrics": counts,
    }


def test_every_line_is_a_comment_or_a_sample() -> None:
    store = {"refused": 10, "abandoned": 0, "failures": 1}
    lines = exposition(status(spans=7), 1, store).splitlines()

    samples = [line for line in lines if not line.startswith("# ")]
    assert all(SAMPLE.fullmatch(line) for line in samples), samples
    assert 'tollbook_intake_requests_total{outcome="413"} 1' in samples
    assert 'tollbook_intake_rejected_items_total{signal="traces",reason="timestamp"} 2' in samples
    assert 'tollbook_spool_items_total{signal="logs"} 7' in samples
    assert "tollbook_faults 1" in samples
    assert 'tollbook_keys_refused_requests_total{reason="unknown"} 4' in samples
    assert "tollbook_books_missing_items 8" in samples
    assert 'tollbook_canary_spans_total{outcome="missing"} 1' in samples
    assert 'tollbook_duty_failures_total{duty="share keys"} 1' in samples
    assert "tollbook_store_refused_requests_total 10" in samples


def test_every_metric_is_a_count_that_the_parts_have() -> None:
    fields = {"spool": set(asdict(SpoolCounts())), "load": set(asdict(LoadCounts()))}

    assert [m.name for m in METRICS if m.count not in fields[m.part]] == []


def test_before_the_loader_runs_its_metrics_are_left_out() -> None:
    early = {**status(), "load": {}}

    text = exposition(early, 0, {})

    assert 'tollbook_load_items_total{signal="traces"}' not in text
    assert 'tollbook_load_items_total{signal="logs"} 0' in text


def test_a_store_that_does_not_answer_has_no_counts_and_not_zero() -> None:
    assert "tollbook_store_failures_total" not in exposition(status(), 0, {})
