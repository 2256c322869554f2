"""Keys as their users meet them: a running collector, by HTTP, gRPC, SQL and commands."""

import base64
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from otlp_requests import call, request
from waiting import wait_until

from tollbook_collector.intake.key_desk import KeyDesk
from tollbook_collector.intake.key_file import KeyFile
from tollbook_collector.intake.keys import ADMIN, INGEST, QUERY, id_of
from tollbook_collector.intake.signals import TRACES

PROTOBUF = {"content-type": "application/x-protobuf"}
TRACE_PATH = "/v1/traces"
# 429 where this machine was refused often already.
NOT_LET_IN = (401, 429)


def command(*arguments: str, key: str = "") -> "subprocess.CompletedProcess[str]":
    """Run the command line as a user does, with a key in its environment."""
    return subprocess.run(
        [sys.executable, "-m", "tollbook_collector", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TOLLBOOK_API_KEY": key},
    )


def made(*arguments: str, key: str = "") -> dict[str, Any]:
    """Make a key and return what is said of it."""
    done = command("keys", "create", "--json", *arguments, key=key)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def on_disk(data: Path, tenant: str, scope: str) -> str:
    """Make a key in the directory of a collector."""
    return KeyDesk(KeyFile(data / "keys")).create(tenant, (scope,))[1]


def http(
    url: str, key: str = "", body: bytes | None = None, method: str = "", **headers: str
) -> tuple[int, Any, dict[str, str]]:
    """Return status, body and headers of an answer."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if key:
        given["authorization"] = f"Bearer {key}"
    asked = urllib.request.Request(url, body, given, method=method or None)
    try:
        with urllib.request.urlopen(asked, timeout=120) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), {k.lower(): v for k, v in error.headers.items()}


@dataclass
class Tenants:
    """A running collector with two tenants, and their keys."""

    collector: Any
    data: Path
    operator: str
    ingest: dict[str, str]
    query: dict[str, str]

    def export(self, key: str, team: str = "t", count: int = 1) -> int:
        tags = {"tollbook.tags.team": team}
        spans = [call("openai", "gpt-4o", 1_000, 0, at=datetime.now(UTC), **tags)] * count
        body = request(spans)
        return http(self.collector.otlp_http + TRACE_PATH, key, body, **PROTOBUF)[0]

    def sql(self, key: str, statement: str) -> list[dict[str, Any]]:
        url = f"{self.collector.api}/v1/sql"
        _, answer, _ = http(url, key, statement.encode(), content_type="text/plain")
        return [json.loads(line) for line in answer.splitlines()]


@pytest.fixture(scope="module", name="tenants")
def _tenants(tmp_path_factory: pytest.TempPathFactory, module_collector: Any) -> Tenants:
    data = tmp_path_factory.mktemp("keys") / "data"
    operator = made("--data", str(data), "--tenant", "*", "--scope", "admin")["key"]
    ingest = {name: on_disk(data, name, INGEST) for name in ("acme", "rival")}
    query = {name: on_disk(data, name, QUERY) for name in ("acme", "rival")}
    return Tenants(module_collector(data), data, operator, ingest, query)


def wait_loaded(tenants: Tenants) -> None:
    def empty() -> bool:
        _, answer, _ = http(f"{tenants.collector.api}/health", tenants.query["acme"])
        return bool(json.loads(answer)["spool"]["waiting_bytes"] == 0)

    wait_until(empty)


def test_one_tenant_never_sees_another_ones_row(tenants: Tenants) -> None:
    """By SQL, REST and CLI, each with its own key."""
    assert tenants.export(tenants.ingest["acme"], "search") == 200
    assert tenants.export(tenants.ingest["rival"], "sales", 2) == 200
    wait_loaded(tenants)

    api = tenants.collector.api
    for name, team, calls in (("acme", "search", 1), ("rival", "sales", 2)):
        key = tenants.query[name]
        for table in ("calls", "spans", "spend_hourly", "books", "key_usage"):
            if table in ("calls", "spans"):
                rows = tenants.sql(key, f"SELECT tenant, count() AS n FROM {table} GROUP BY tenant")
                assert rows == [{"tenant": name, "n": calls}]
            else:
                rows = tenants.sql(key, f"SELECT DISTINCT tenant FROM {table}")
                assert {row["tenant"] for row in rows} <= {name}
        rest = json.loads(http(f"{api}/v1/spend?by=team&since=1d", key)[1])
        cli = command("spend", "--by", "team", "--since", "1d", "--json", "--api", api, key=key)
        for answer in (rest, json.loads(cli.stdout)):
            assert [row["dimensions"] for row in answer["rows"]] == [{"team": team}]
            assert answer["total"]["calls"] == calls


def test_the_tenant_is_that_of_the_key_whatever_a_request_says(tenants: Tenants) -> None:
    url = f"{tenants.collector.api}/v1/sql?tenant=acme"
    statement = b"SELECT DISTINCT tenant FROM calls WHERE tenant = 'acme'"

    status, answer, _ = http(
        url, tenants.query["rival"], statement, content_type="text/plain", x_tenant="acme"
    )

    assert (status, answer) == (200, b"")


@pytest.mark.parametrize("path", ["/v1/spend", "/v1/latency", "/v1/unpriced", "/metrics"])
def test_questions_need_a_key_that_may_read(tenants: Tenants, path: str) -> None:
    url = tenants.collector.api + path

    assert http(url)[0] in NOT_LET_IN
    assert http(url, "tollbook_not_a_key")[0] in NOT_LET_IN
    assert http(url, tenants.ingest["acme"])[0] == 403
    assert http(f"{url}?key={tenants.query['acme']}")[0] in NOT_LET_IN
    assert http(url, tenants.query["acme"])[0] == 200
    assert http(url, x_api_key=tenants.query["acme"])[0] == 200


def test_a_password_is_a_key_that_no_other_site_can_use(tenants: Tenants) -> None:
    url = tenants.collector.api
    password = base64.b64encode(b"any:" + tenants.query["acme"].encode()).decode()
    basic = {"authorization": f"Basic {password}"}

    asked = http(f"{url}/v1/spend", accept="text/html")
    foreign = {"sec_fetch_site": "cross-site", "content_type": "text/plain"}

    assert asked[0] in NOT_LET_IN
    assert http(f"{url}/v1/spend", **basic)[0] == 200
    assert http(f"{url}/v1/sql", body=b"SELECT 1 AS one", **basic, **foreign)[0] == 403


def test_the_door_needs_a_key_that_may_send(tenants: Tenants) -> None:
    assert tenants.export("") in NOT_LET_IN
    assert tenants.export(tenants.query["acme"]) == 403
    assert tenants.export(tenants.ingest["acme"]) == 200


def test_grpc_needs_the_same_keys(tenants: Tenants) -> None:
    body = request([call("openai", "gpt-4o", 1, 0)])

    def export(*metadata: tuple[str, str]) -> str:
        with grpc.insecure_channel(tenants.collector.otlp_grpc) as channel:
            send = channel.unary_unary(f"/{TRACES.service}/Export")
            try:
                send(body, timeout=120, metadata=metadata)
            except grpc.RpcError as error:
                return str(error.code().name)
        return "OK"

    assert export() == "UNAUTHENTICATED"
    assert export(("authorization", f"Bearer {tenants.query['acme']}")) == "PERMISSION_DENIED"
    assert export(("authorization", f"Bearer {tenants.ingest['acme']}")) == "OK"
    assert export(("x-api-key", tenants.ingest["acme"])) == "OK"


def test_opentelemetry_sends_a_key_by_its_own_setting(
    tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = on_disk(tenants.data, "otel", INGEST)
    reading = on_disk(tenants.data, "otel", QUERY)
    wait_until(lambda: tenants.sql(reading, "SELECT 1 AS one") == [{"one": 1}])
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer%20{key}")
    provider = TracerProvider()
    exporter = OTLPSpanExporter(endpoint=tenants.collector.otlp_http + TRACE_PATH)
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    with provider.get_tracer("t").start_as_current_span("work"):
        pass
    provider.shutdown()
    wait_loaded(tenants)

    assert tenants.sql(reading, "SELECT name FROM spans") == [{"name": "work"}]


def test_a_key_over_its_rate_is_told_when_to_come_back(tenants: Tenants) -> None:
    api = tenants.collector.api
    limited = made("--api", api, "--tenant", "acme", "--requests-per-s", "1", key=tenants.operator)
    body = request([call("openai", "gpt-4o", 1, 0)])
    url = tenants.collector.otlp_http + TRACE_PATH

    answers = [http(url, limited["key"], body, **PROTOBUF) for _ in range(5)]

    refused = [headers for status, _, headers in answers if status == 429]
    assert refused
    assert {headers["retry-after"] for headers in refused} == {"1"}
    with grpc.insecure_channel(tenants.collector.otlp_grpc) as channel:
        send = channel.unary_unary(f"/{TRACES.service}/Export")

        def send_often() -> None:
            for _ in range(5):
                send(body, timeout=120, metadata=(("x-api-key", limited["key"]),))

        with pytest.raises(grpc.RpcError) as failure:
            send_often()
    assert failure.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    details = dict(failure.value.trailing_metadata())["grpc-status-details-bin"]
    assert b"google.rpc.RetryInfo" in details


def test_a_key_is_made_listed_rotated_and_revoked_on_a_running_collector(tenants: Tenants) -> None:
    on_api = ("--api", tenants.collector.api)
    key = made(*on_api, "--tenant", "acme", "--name", "checkout", key=tenants.operator)
    assert tenants.export(key["key"]) == 200

    rotating = command("keys", "rotate", key["id"], "--json", *on_api, key=tenants.operator)
    new = json.loads(rotating.stdout)
    assert (tenants.export(key["key"]), tenants.export(new["key"])) == (200, 200)
    revoked = command("keys", "revoke", key["id"], *on_api, key=tenants.operator)
    listed = command("keys", "list", "--json", *on_api, key=tenants.operator)

    assert f"{key['id']} of acme is revoked" in revoked.stdout
    assert tenants.export(key["key"]) in NOT_LET_IN
    assert tenants.export(new["key"]) == 200
    states = {entry["id"]: entry["state"] for entry in json.loads(listed.stdout)}
    assert (states[key["id"]], states[new["id"]]) == ("revoked", "active")
    assert key["key"] not in listed.stdout + tenants.collector.log.read_text()


def test_a_revocation_on_the_disk_counts_within_seconds(tenants: Tenants) -> None:
    key = on_disk(tenants.data, "acme", INGEST)
    wait_until(lambda: tenants.export(key) == 200)

    command("keys", "revoke", id_of(key), "--data", str(tenants.data))

    wait_until(lambda: tenants.export(key) in NOT_LET_IN, 5.0)


def test_an_admin_of_a_tenant_manages_its_own_keys_alone(tenants: Tenants) -> None:
    api = tenants.collector.api
    admin = on_disk(tenants.data, "acme", ADMIN)
    wait_until(lambda: http(f"{api}/v1/keys", admin)[0] == 200)

    as_json = {"content_type": "application/json"}
    other = http(f"{api}/v1/keys", admin, b'{"tenant": "rival"}', **as_json)
    own = http(f"{api}/v1/keys", admin, b"{}", **as_json)
    listed = json.loads(http(f"{api}/v1/keys", admin)[1])
    reader = http(f"{api}/v1/keys", tenants.query["acme"])

    assert (other[0], own[0], reader[0]) == (400, 201, 403)
    assert b"makes keys of acme, not of 'rival'" in other[1]
    assert {entry["tenant"] for entry in listed["keys"]} == {"acme"}


def test_health_tells_strangers_no_more_than_whether_it_is_well(tenants: Tenants) -> None:
    api = tenants.collector.api

    assert json.loads(http(f"{api}/health")[1]) == {"status": "ok"}
    assert json.loads(http(f"{api}/ready")[1]) == {"ready": True}
    assert "spool" in json.loads(http(f"{api}/health", tenants.query["acme"])[1])


def test_a_second_collector_on_the_same_store_knows_the_keys_of_the_first(
    tenants: Tenants, tmp_path: Path, module_collector: Any
) -> None:
    store = tenants.data / "store"
    address = tenants.collector.store
    pepper = (tenants.data / "keys" / "pepper").read_text()
    environment = {
        "TOLLBOOK_CLICKHOUSE_PASSWORD": (store / "secret").read_text().strip(),
        "TOLLBOOK_KEY_PEPPER": pepper,
    }
    second = module_collector(tmp_path / "second", "--clickhouse-url", address, **environment)
    url = second.otlp_http + TRACE_PATH
    body = request([call("openai", "gpt-4o", 1, 0)])
    keys, asked = f"{tenants.collector.api}/v1/keys", b'{"tenant": "acme"}'
    made_there = http(keys, tenants.operator, asked, content_type="application/json")
    key = json.loads(made_there[1])

    wait_until(lambda: http(url, key["key"], body, **PROTOBUF)[0] == 200, 5.0)
    assert http(f"{keys}/{key['id']}", tenants.operator, method="DELETE")[0] == 200

    wait_until(lambda: http(url, key["key"], body, **PROTOBUF)[0] in NOT_LET_IN, 5.0)


def test_without_keys_another_address_is_refused_and_the_first_key_is_made_on_the_disk(
    tmp_path: Path,
) -> None:
    data = ("--data", str(tmp_path / "data"))
    listening = ("--otlp-http", "0.0.0.0:0", "--otlp-grpc", "127.0.0.1:0", "--api", "127.0.0.1:0")

    refused = command("up", *data, *listening)

    assert refused.returncode == 1
    assert "0.0.0.0:0 can be reached from other machines, and there are no keys" in refused.stderr
    assert "tollbook keys create --data" in refused.stderr
    assert not (tmp_path / "data" / "store").exists()
