"""The collector as a process: what it acknowledged is there, through crashes of its store."""

import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from otlp_requests import call, request
from waiting import wait_until


def store_pids(collector: Any) -> list[int]:
    """Return the process ids of the collector's embedded store: one, or none while it restarts."""
    found = []
    for children in Path(f"/proc/{collector.process.pid}/task").glob("*/children"):
        for child in children.read_text().split():
            command = Path(f"/proc/{child}/cmdline")
            if command.exists() and b"store.embedded" in command.read_bytes():
                found.append(int(child))
    return found


def store_pid(collector: Any) -> int:
    """Return the process id of the collector's embedded store, waiting while it restarts."""
    wait_until(lambda: len(store_pids(collector)) == 1)
    return store_pids(collector)[0]


@pytest.fixture(scope="module")
def shared_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the collector that tests share."""
    return tmp_path_factory.mktemp("shared") / "data"


@pytest.fixture(scope="module")
def shared(module_collector: Any, shared_data: Path) -> Any:
    """A collector that several tests ask, each about calls of its own."""
    return module_collector(shared_data)


def test_a_call_becomes_a_row_of_priced_spend(shared: Any) -> None:
    spans = [call("openai", "gpt-4o", 1_000, 100, **{"tollbook.tags.team": "search"})]

    status = shared.export(request(spans))
    shared.wait_loaded()

    assert status == 200
    rows = shared.sql("SELECT model, team, input_tokens, cost_usd FROM calls WHERE team = 'search'")
    cost = 1_000 * Decimal("2.5") / 10**6 + 100 * Decimal(10) / 10**6
    assert rows == [
        {"model": "gpt-4o", "team": "search", "input_tokens": 1_000, "cost_usd": str(cost)}
    ]


def test_health_and_readiness_ask_the_store(shared: Any) -> None:
    before = shared.get("/health")
    shared.export(request([call("openai", "gpt-4o", 1, 1)] * 3))
    shared.wait_loaded()

    health, ready = shared.get("/health"), shared.get("/ready")

    assert health["status"] == "ok"
    assert [health[part]["spans"] - before[part]["spans"] for part in ("store", "spool")] == [3, 3]
    assert ready == {"ready": True, "faults": []}


def test_spend_is_told_by_dimension_and_in_total(shared: Any) -> None:
    now = datetime.now(UTC)
    spans = [
        call("openai", "gpt-4o", 1_000_000, 0, at=now, **{"tollbook.tags.team": "a"}),
        call("openai", "gpt-4o-mini", 1_000_000, 0, at=now, **{"tollbook.tags.team": "b"}),
        call("openai", "mystery", 10, 0, at=now, **{"tollbook.tags.team": "b"}),
    ]
    shared.export(request(spans))
    shared.wait_loaded()

    answer = shared.get("/v1/spend?by=team,model&since=1h")

    rows = [
        (row["dimensions"], row["cost_usd"], row["unpriced_calls"])
        for row in answer["rows"]
        if row["dimensions"]["team"] in {"a", "b"}
    ]
    assert rows == [
        ({"team": "a", "model": "gpt-4o"}, "2.5", 0),
        ({"team": "b", "model": "gpt-4o-mini"}, "0.15", 0),
        ({"team": "b", "model": "mystery"}, None, 1),
    ]
    of_all = [row["cost_usd"] for row in answer["rows"] if row["cost_usd"] is not None]
    assert Decimal(answer["total"]["cost_usd"]) == sum(map(Decimal, of_all))
    assert shared.get("/v1/spend?by=colour")["error"].startswith("'colour' is not a dimension")


def test_killing_the_store_under_load_loses_and_doubles_nothing(collector: Any) -> None:
    """Four senders; the store is killed without warning again and again while they send."""
    kills, senders, requests_each, spans_each = 3, 4, 40, 25
    statuses: list[int] = []

    def send() -> None:
        for _ in range(requests_each):
            body = request([call("openai", "gpt-4o", 1_000, 10)] * spans_each)
            statuses.append(collector.export(body))

    threads = [threading.Thread(target=send) for _ in range(senders)]
    for thread in threads:
        thread.start()
    for _ in range(kills):
        before = collector.get("/health")["load"]["segments"]
        os.kill(store_pid(collector), signal.SIGKILL)
        _wait_for_a_load_after(collector, before)
    for thread in threads:
        thread.join()
    collector.wait_loaded()

    acknowledged = statuses.count(200) * spans_each
    assert acknowledged == senders * requests_each * spans_each
    rows = collector.sql("SELECT count() AS n, uniqExact(span_id) AS ids FROM calls")
    assert rows == [{"n": acknowledged, "ids": acknowledged}]
    for table in ("spend_hourly", "spend_minutely"):
        (total,) = collector.sql(f"SELECT sum(calls) AS calls, sum(cost_usd) AS usd FROM {table}")
        assert int(total["calls"]) == acknowledged
        each = 1_000 * Decimal("2.5") / 10**6 + 10 * Decimal(10) / 10**6
        assert Decimal(total["usd"]) == acknowledged * each


def _wait_for_a_load_after(collector: Any, segments: int) -> None:
    """Wait until the restarted store has taken a segment, or nothing is left to take."""

    def loaded() -> bool:
        health = collector.get("/health")
        return bool(health["load"]["segments"] > segments or health["spool"]["waiting_bytes"] == 0)

    wait_until(loaded)


def test_a_killed_collector_loads_at_its_next_start_what_it_acknowledged(
    start_collector: Any, tmp_path: Path
) -> None:
    first = start_collector(tmp_path / "data")
    os.kill(store_pid(first), signal.SIGSTOP)
    store = store_pid(first)
    assert first.export(request([call("openai", "gpt-4o", 10, 1)] * 7)) == 200
    first.process.kill()
    first.process.wait()
    os.kill(store, signal.SIGCONT)

    second = start_collector(tmp_path / "data")
    second.wait_loaded()

    assert second.sql("SELECT count() AS n FROM calls") == [{"n": 7}]
    # It stops cleanly and leaves nothing behind.
    left = store_pid(second)
    assert second.stop() == 0
    assert not Path(f"/proc/{left}").exists()


def test_a_second_collector_on_the_same_data_gets_one_clear_sentence(
    shared: Any, shared_data: Path
) -> None:
    command = [sys.executable, "-m", "tollbook_collector", "up", "--data", str(shared_data)]
    for option in ("--otlp-http", "--otlp-grpc", "--api"):
        command += [option, "127.0.0.1:0"]
    second = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    assert second.returncode == 1
    assert f"belongs to the collector with process id {shared.process.pid}" in second.stderr
    assert "Traceback" not in second.stderr
