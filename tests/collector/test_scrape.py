"""Scraping: what a server shows becomes data points, and one that is ill costs nobody else."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tollbook_collector.intake.examine import examine
from tollbook_collector.intake.exposition import SAMPLES_MAX, read, to_otlp
from tollbook_collector.intake.scrape import ANSWER_BYTES_MAX, Scraper, Target
from tollbook_collector.intake.signals import METRICS
from tollbook_collector.spool.append import Spool
from tollbook_collector.spool.segment import envelopes

LONG_S = 30.0
VLLM = """# HELP vllm:prompt_tokens_total Number of prefill tokens processed.
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{model_name="m \\"1\\""} 1234.0
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{model_name="m"} 3 1700000000000
# TYPE vllm:e2e_request_latency_seconds histogram
vllm:e2e_request_latency_seconds_bucket{le="0.5",model_name="m"} 2
vllm:e2e_request_latency_seconds_bucket{le="1.0",model_name="m"} 5
vllm:e2e_request_latency_seconds_bucket{le="+Inf",model_name="m"} 6
vllm:e2e_request_latency_seconds_sum{model_name="m"} 4.5
vllm:e2e_request_latency_seconds_count{model_name="m"} 6
# TYPE nv_inference_count counter
nv_inference_count 7
this is no line
nv_broken{ 1
"""


class Shown:
    """A server on loopback that answers what it is told."""

    def __init__(self) -> None:
        self.status, self.body = 200, VLLM.encode()
        shown = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(shown.status)
                self.send_header("location", "http://127.0.0.1:9/")
                self.send_header("content-length", str(len(shown.body)))
                self.end_headers()
                self.wfile.write(shown.body)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/metrics"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture(name="shown")
def _shown() -> Iterator[Shown]:
    shown = Shown()
    yield shown
    shown.close()


@pytest.fixture(name="spool")
def _spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path, 10**8, segment_age_max_s=0.01, disk_free_bytes_min=0)
    yield spool
    spool.close()


def test_an_exposition_becomes_points_of_otlp() -> None:
    found = read(VLLM)

    body, points = to_otlp(found, {"service.name": "vllm"}, 17)

    scope = METRICS.request.FromString(body).resource_metrics[0].scope_metrics[0]
    by_name = {metric.name: metric for metric in scope.metrics}
    assert (points, found.skipped, examine(METRICS, body).items) == (4, 2, 4)
    total = by_name["vllm:prompt_tokens_total"].sum
    assert (total.is_monotonic, total.aggregation_temporality) == (True, 2)
    assert total.data_points[0].as_double == 1234.0
    assert total.data_points[0].attributes[0].value.string_value == 'm "1"'
    assert by_name["vllm:num_requests_running"].gauge.data_points[0].time_unix_nano == 17
    latency = by_name["vllm:e2e_request_latency_seconds"].histogram.data_points[0]
    assert (list(latency.bucket_counts), list(latency.explicit_bounds)) == ([2, 3, 1], [0.5, 1.0])
    assert (latency.sum, latency.count) == (4.5, 6)
    assert [each.key for each in latency.attributes] == ["model_name"]


def test_more_samples_than_the_limit_are_left_out_and_counted() -> None:
    found = read("".join(f'a{{n="{number}"}} 1\n' for number in range(SAMPLES_MAX + 3)))

    assert (len(found.samples), found.skipped) == (SAMPLES_MAX, 3)


def test_what_a_server_shows_is_on_disk_as_the_tenants(shown: Shown, spool: Spool) -> None:
    target = Target(url=shown.url, service="vllm", tenant="acme", names=("vllm:",))

    Scraper(lambda: (target,), spool).scrape()

    segment = spool.claim(LONG_S)
    assert segment is not None
    (envelope,) = envelopes(segment.path.read_bytes())
    message = METRICS.request.FromString(envelope.request)
    names = {metric.name for metric in message.resource_metrics[0].scope_metrics[0].metrics}
    assert (envelope.tenant, envelope.spans) == ("acme", 3)
    assert {name.split(":")[0] for name in names} == {"vllm"}


def test_each_is_asked_when_it_is_its_turn(shown: Shown, spool: Spool) -> None:
    clock = [0.0]
    target = Target(url=shown.url, service="s", every_s=10)
    scraper = Scraper(lambda: (target,), spool, lambda: clock[0])

    answers = []
    for clock[0] in (0.0, 9.0, 10.0, 19.0, 20.0):
        scraper.scrape()
        answers.append(scraper.counts()["answers"])

    assert answers == [1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [(500, b"", "Server Error"), (302, b"", "Found"), (200, b"x" * (ANSWER_BYTES_MAX + 1), "more")],
    ids=["error", "redirect", "too long"],
)
def test_a_server_that_misbehaves_is_counted_and_the_next_is_asked(
    shown: Shown, spool: Spool, status: int, body: bytes, words: str
) -> None:
    shown.status, shown.body = status, body
    well = Shown()
    targets = (Target(url=shown.url, service="ill"), Target(url=well.url, service="well"))
    scraper = Scraper(lambda: targets, spool)

    scraper.scrape()
    well.close()

    counts = scraper.counts()
    assert (counts["failures"], counts["answers"]) == (1, 1)
    assert words in str(counts["last_error"])


@pytest.mark.parametrize(
    "wrong",
    [{"url": "file:///etc/passwd"}, {"url": "http://user:password@host/"}, {"every_s": 1}],
    ids=str,
)
def test_a_target_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Target(**{"url": "http://127.0.0.1:1/", "service": "s", **wrong})
