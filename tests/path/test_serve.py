"""How a collector listens and ends: TLS, certificates of senders, its log, SIGTERM."""

import json
import queue
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from certificates import Authority
from otlp_requests import call, request

from tollbook_collector import ending, serve
from tollbook_collector.serve import TlsUnusable
from tollbook_collector.settings import Settings
from tollbook_collector.store import client
from tollbook_collector.store.client import StoreUnavailable

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
# Says how many objects are looked through once the collector is ready, and how many are not.
COUNTING = """
import asyncio, gc, os, signal, sys
from tollbook_collector.serve import serve
from tollbook_collector.settings import Settings

def ready(addresses):
    print(len(gc.get_objects()), gc.get_freeze_count())
    os.kill(os.getpid(), signal.SIGTERM)

free = "127.0.0.1:0"
given = {"data": sys.argv[1], "clickhouse_url": sys.argv[2]}
asyncio.run(serve(Settings(**given, otlp_http=free, otlp_grpc=free, api=free), ready))
"""


def test_senders_need_a_certificate_and_people_need_none(
    tmp_path: Path, start_collector: Callable[..., Any]
) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.pair("collector")
    sender, sender_key = authority.pair("sender")
    collector = start_collector(
        None,
        "--log-format",
        "json",
        TOLLBOOK_TLS_CERTIFICATE=str(certificate),
        TOLLBOOK_TLS_KEY=str(key),
        TOLLBOOK_TLS_CLIENT_CA=str(authority.file),
        TOLLBOOK_LOG_LEVEL="info",
    )
    body = request([call("openai", "gpt-4o", 1, 1)])
    stranger = ssl.create_default_context(cafile=str(authority.file))
    known = ssl.create_default_context(cafile=str(authority.file))
    known.load_cert_chain(sender, sender_key)

    def export(context: ssl.SSLContext) -> int:
        headers = {"content-type": "application/x-protobuf"}
        asked = urllib.request.Request(f"{collector.otlp_http}/v1/traces", body, headers)
        with urllib.request.urlopen(asked, timeout=120, context=context) as answer:
            return int(answer.status)

    def export_grpc(*pair: bytes) -> bytes:
        credentials = grpc.ssl_channel_credentials(authority.file.read_bytes(), *pair)
        with grpc.secure_channel(collector.otlp_grpc, credentials) as channel:
            return bytes(channel.unary_unary(EXPORT)(body, timeout=120))

    assert collector.otlp_http.startswith("https://")
    assert export(known) == 200
    assert export_grpc(sender_key.read_bytes(), sender.read_bytes()) == b""
    with pytest.raises((urllib.error.URLError, ssl.SSLError, ConnectionError)):
        export(stranger)
    with pytest.raises(grpc.RpcError):
        export_grpc()
    with urllib.request.urlopen(f"{collector.api}/live", timeout=120, context=stranger) as live:
        assert json.load(live) == {"live": True}
    collector.process.send_signal(signal.SIGTERM)
    assert collector.stop() == 0
    events = [json.loads(line) for line in collector.log.read_text().splitlines()]
    assert any(event["message"].startswith("stopping") for event in events)


def test_the_steps_of_an_end_follow_each_other_and_all_of_it_takes_less_than_20_seconds() -> None:
    steps = [
        ending.LISTENING_ENDS_S,
        ending.LEASE_ENDS_S,
        ending.INSERTS_END_S,
        ending.STORE_ENDS_S,
        ending.END_S,
        20.0,
    ]

    assert steps == sorted(set(steps))


def test_an_end_in_which_something_hangs_is_cut_off_and_says_what_hung(
    caplog: pytest.LogCaptureFixture,
) -> None:
    left: queue.Queue[int] = queue.Queue()
    end = ending.Ending(0.01, left.put)

    with end.step("loading"):
        end.begin()
        status = left.get(timeout=120)

    assert status == 0
    assert "while loading was under way" in caplog.text


def test_a_step_gets_what_those_before_it_have_left_and_never_nothing() -> None:
    end = ending.Ending(leave=lambda _: None)
    first = end.left(1_000.0)

    assert end.left(1_000.0) <= first <= 1_000.0
    assert end.left(-1.0) == ending.STEP_S_MIN


def test_a_collector_whose_store_is_away_takes_spans_and_leaves_them_on_its_disk(
    tmp_path: Path, start_collector: Callable[..., Any]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        away = f"http://127.0.0.1:{taken.getsockname()[1]}"
    collector = start_collector(None, "--clickhouse-url", away)

    status = collector.export(request([call("openai", "gpt-4o", 1, 1)]))
    collector.process.send_signal(signal.SIGTERM)

    assert (status, collector.stop()) == (200, 0)
    assert "1 spans in 1 segments of traces wait in the spool" in collector.log.read_text()
    assert len(list(tmp_path.rglob("*.segment"))) == 1


def test_garbage_collection_does_not_look_through_what_a_start_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        away = f"http://127.0.0.1:{taken.getsockname()[1]}"
    arguments = [sys.executable, "-c", COUNTING, str(tmp_path), away]

    said = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=True)
    looked_through, left_out = map(int, said.stdout.split())

    assert looked_through < left_out / 100


def test_a_store_that_takes_connections_and_says_nothing_counts_as_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "GREETING_TIMEOUT_S", 1)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(StoreUnavailable, match="timed out"):
            client.ClickHouse(client.StoreAddress(url, "default", ""))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tls_certificate": "a.pem"}, "both or neither"),
        ({"tls_client_ca": "a.pem"}, "TOLLBOOK_TLS_CERTIFICATE"),
        ({"tls_certificate": "no-such.pem", "tls_key": "no-such.key"}, "no-such.pem"),
    ],
)
async def test_tls_that_cannot_be_used_stops_the_start(given: dict[str, str], said: str) -> None:
    with pytest.raises(TlsUnusable, match=said):
        await serve.serve(Settings(**given), lambda _: None)


async def test_a_certificate_with_the_key_of_another_stops_the_start(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, _ = authority.pair("one")
    _, key = authority.pair("two")
    settings = Settings(tls_certificate=str(certificate), tls_key=str(key))

    with pytest.raises(TlsUnusable, match=r"one\.pem"):
        await serve.serve(settings, lambda _: None)
