"""OpenTelemetry's own exporters, and curl, against a running collector.

The exporters are not among tollbook's dependencies: TOLLBOOK_TEST_EXPORTERS_PYTHON names a Python
that has those for HTTP and gRPC, TOLLBOOK_TEST_EXPORTERS_NODE a folder with the node_modules.
"""

import gzip
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from otlp_requests import Span, request
from waiting import wait_until

FOLDER = Path(__file__).parents[1] / "exporters"
WAIT_S = 60


def exporters_python() -> str:
    named = os.environ.get("TOLLBOOK_TEST_EXPORTERS_PYTHON", "")
    if named:
        return named
    try:
        found = importlib.util.find_spec("opentelemetry.exporter.otlp.proto.grpc")
    except ModuleNotFoundError:
        found = None
    if found is None:
        pytest.skip("the OpenTelemetry exporters for Python are not installed")
    return sys.executable


@pytest.fixture(scope="module", name="collector")
def _collector(module_collector: Callable[..., Any]) -> Any:
    """One collector for all senders: each test counts what is added."""
    return module_collector()


def count(collector: Any, table: str) -> int:
    # Users ask about spans; of the other signals the loader says what it has stored.
    if table == "spans":
        return int(collector.sql("SELECT count() AS n FROM spans")[0]["n"])
    return int(collector.get("/health")[table]["load"]["spans"])


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_the_exporters_of_python_deliver_all_three_signals(collector: Any, protocol: str) -> None:
    url = collector.otlp_http if protocol == "http" else collector.otlp_grpc
    before = {table: count(collector, table) for table in ("spans", "logs", "metrics")}

    sent = subprocess.run(
        [exporters_python(), str(FOLDER / "export.py"), protocol, url],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=True,
        env={**os.environ, "PYTHONPATH": ""},
    )

    assert "Failed" not in sent.stderr
    wait_until(lambda: count(collector, "spans") == before["spans"] + 5)
    wait_until(lambda: count(collector, "logs") == before["logs"] + 3)
    wait_until(lambda: count(collector, "metrics") > before["metrics"])


@pytest.mark.parametrize("protocol", ["http", "proto", "grpc"])
def test_the_exporters_of_node_deliver_spans(collector: Any, protocol: str) -> None:
    folder = os.environ.get("TOLLBOOK_TEST_EXPORTERS_NODE", "")
    if not folder or shutil.which("node") is None:
        pytest.skip("the OpenTelemetry exporters for Node are not installed")
    url = collector.otlp_grpc if protocol == "grpc" else collector.otlp_http
    before = count(collector, "spans")

    subprocess.run(
        ["node", str(FOLDER / "export.cjs"), protocol, url],
        timeout=WAIT_S,
        check=True,
        env={**os.environ, "NODE_PATH": f"{folder}/node_modules"},
    )

    wait_until(lambda: count(collector, "spans") == before + 5)


def curl(collector: Any, body: bytes, *headers: str) -> tuple[int, bytes]:
    options = [part for header in headers for part in ("-H", header)]
    url = f"{collector.otlp_http}/v1/traces"
    sent = subprocess.run(
        ["curl", "-sS", "--data-binary", "@-", "-w", "\n%{http_code}", *options, url],
        input=body,
        capture_output=True,
        timeout=WAIT_S,
        check=True,
    )
    answer, _, status = sent.stdout.rpartition(b"\n")
    return int(status), answer


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_sends_json_and_protobuf(collector: Any) -> None:
    protobuf = "content-type: application/x-protobuf"
    body = request([Span(), Span(trace_id=b"short")])
    span = {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174"}
    before = count(collector, "spans")
    document = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}

    plain = curl(collector, body, protobuf)
    another = request([Span(), Span(trace_id=b"short")])  # the same again would be known
    zipped = curl(collector, gzip.compress(another), protobuf, "content-encoding: gzip")
    as_json = curl(collector, json.dumps(document).encode(), "content-type: application/json")
    # A body of more than a megabyte makes curl ask first, with Expect: 100-continue.
    large = curl(collector, request([Span({"text": "x" * 200_000})] * 8), protobuf)

    assert [status for status, _ in (plain, zipped, as_json, large)] == [200] * 4
    assert b"1 invalid_trace_id" in plain[1]
    assert as_json[1] == b"{}"
    wait_until(lambda: count(collector, "spans") == before + 1 + 1 + 1 + 8)
    assert collector.get("/health")["rejected"] == {"traces:invalid_trace_id": 2}
