"""The doctor: each usual mistake found, and nothing found where it was not made."""

import re
import resource
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority

from tollbook_collector.commands import doctor_machine as machine
from tollbook_collector.commands import doctor_settings as set_up
from tollbook_collector.commands import doctor_surroundings as around
from tollbook_collector.commands.finding import Finding
from tollbook_collector.intake.key_desk import KeyDesk
from tollbook_collector.intake.key_file import KeyFile
from tollbook_collector.settings import Settings

NOW = datetime.now(UTC)
PEPPER = "5a" * 32


def worst(findings: Finding | Iterable[Finding]) -> str:
    """Return the gravest verdict; ok: nothing was found."""
    given = [findings] if isinstance(findings, Finding) else list(findings)
    verdicts = {finding.verdict for finding in given}
    for finding in given:
        assert finding.verdict == "ok" or finding.remedy or "keys cannot" in finding.text
    return next((verdict for verdict in ("bad", "note") if verdict in verdicts), "ok")


@pytest.fixture(name="settings")
def _settings(tmp_path: Path) -> Callable[..., Settings]:
    (tmp_path / "data").mkdir()

    def made(**given: Any) -> Settings:
        return Settings(**{"data": tmp_path / "data", "policy": tmp_path / "t.toml", **given})

    return made


def test_a_directory_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert worst(machine.directory(tmp_path / "file" / "data")) == "bad"
    assert worst(machine.directory(tmp_path / "data")) == "ok"


@pytest.mark.parametrize(
    ("kind", "verdict"), [("nfs4", "bad"), ("tmpfs", "note"), ("overlay", "note"), ("ext4", "ok")]
)
def test_a_file_system_that_forgets_or_is_far_away(tmp_path: Path, kind: str, verdict: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/x {tmp_path} {kind} rw 0 0\n")

    assert worst(machine.file_system(tmp_path / "data", mounts)) == verdict


@pytest.mark.parametrize(("free", "verdict"), [(10**8, "bad"), (10**9, "note"), (10**11, "ok")])
def test_a_disk_that_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, verdict: str
) -> None:
    usage = type("Usage", (), {"free": free})
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: usage)

    assert worst(machine.disk(tmp_path)) == verdict


@pytest.mark.parametrize(("left", "verdict"), [(50, "bad"), (10**6, "ok")])
def test_a_disk_without_inodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int, verdict: str
) -> None:
    state = type("State", (), {"f_files": 10**7, "f_favail": left})
    monkeypatch.setattr(machine.os, "statvfs", lambda _: state)

    assert worst(machine.inodes(tmp_path)) == verdict


@pytest.mark.parametrize(("limit", "verdict"), [(256, "bad"), (65_536, "ok"), (-1, "ok")])
def test_too_few_open_files(monkeypatch: pytest.MonkeyPatch, limit: int, verdict: str) -> None:
    assert resource.RLIM_INFINITY == -1
    monkeypatch.setattr(machine.resource, "getrlimit", lambda _: (limit, limit))

    assert worst(machine.open_files()) == verdict


@pytest.mark.parametrize(
    ("limit", "verdict"), [(str(512 * 1024**2), "note"), (str(8 * 1024**3), "ok"), ("max", "ok")]
)
def test_too_little_memory(tmp_path: Path, limit: str, verdict: str) -> None:
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "meminfo").write_text("MemTotal:       16000000 kB\n")

    assert worst(machine.memory(tmp_path, tmp_path / "meminfo")) == verdict


def test_a_kernel_that_cannot_confine(tmp_path: Path) -> None:
    (tmp_path / "with").write_text("capability,landlock,yama")
    (tmp_path / "without").write_text("capability,yama")

    assert worst(machine.sandbox(tmp_path / "without")) == "note"
    assert worst(machine.sandbox(tmp_path / "with")) == "ok"


@pytest.mark.parametrize(("off", "verdict"), [(300, "bad"), (-300, "bad"), (5, "ok")])
def test_clocks_that_differ(off: int, verdict: str) -> None:
    answered = (NOW + timedelta(seconds=off)).strftime("%a, %d %b %Y %H:%M:%S GMT")

    assert worst(machine.clock(answered, NOW)) == verdict
    assert list(machine.clock("", NOW)) == []


@pytest.mark.parametrize(
    ("variable", "remedy"),
    [
        ("TOLLBOOK_CLICKHOUSE_URI", "TOLLBOOK_CLICKHOUSE_URL"),
        ("TOLLBOOK_PORT_4318_TCP", "enableServiceLinks"),
        ("TOLLBOOK_DATA", ""),
        ("TOLLBOOK_ENDPOINT", ""),
        ("PATH", ""),
    ],
)
def test_a_variable_that_was_mistyped(variable: str, remedy: str) -> None:
    found = list(set_up.names({variable: "x"}))

    assert bool(found) == bool(remedy)
    assert all(remedy in finding.remedy for finding in found)


def test_every_variable_of_the_documents_is_known() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    # A word that ends in `_` is the beginning of several.
    named = set(re.findall(r"`(TOLLBOOK_[A-Z_]+)`", readme))

    assert list(set_up.names(dict.fromkeys(named, "x"))) == []


def test_two_ports_that_are_one(settings: Callable[..., Settings]) -> None:
    assert worst(set_up.addresses(settings(api="127.0.0.1:4318"))) == "bad"
    assert worst(set_up.addresses(settings())) == "ok"


def test_listening_to_others_without_keys(settings: Callable[..., Settings]) -> None:
    outside = {"otlp_http": "0.0.0.0:4318", "tls_certificate": "c", "tls_key": "k"}
    open_to_all = settings(**outside)

    assert worst(set_up.keys(open_to_all)) == "bad"
    KeyDesk(KeyFile(open_to_all.data / "keys")).create("acme", ("ingest",))
    assert worst(set_up.keys(open_to_all)) == "ok"


def test_listening_to_others_without_tls(settings: Callable[..., Settings], tmp_path: Path) -> None:
    token = KeyDesk(KeyFile(tmp_path / "other")).create("*", ("admin",))[1]
    given = {"otlp_http": "0.0.0.0:4318", "first_key": token}

    assert worst(set_up.keys(settings(**given))) == "note"
    assert worst(set_up.keys(settings(**given, tls_certificate="c", tls_key="k"))) == "ok"


def test_a_first_key_with_a_wrong_letter(settings: Callable[..., Settings], tmp_path: Path) -> None:
    token = KeyDesk(KeyFile(tmp_path / "other")).create("*", ("admin",))[1]

    assert worst(set_up.keys(settings(first_key=token[:-1] + "!"))) == "bad"
    assert worst(set_up.keys(settings(first_key=token))) == "ok"


def test_a_fleet_whose_collectors_have_peppers_of_their_own(
    settings: Callable[..., Settings],
) -> None:
    server = {"clickhouse_url": "http://clickhouse:8123"}

    assert worst(set_up.keys(settings(**server))) == "note"
    assert worst(set_up.keys(settings(**server, key_pepper=PEPPER))) == "ok"


def test_a_certificate_that_ended_ends_soon_or_belongs_to_another_key(
    settings: Callable[..., Settings], tmp_path: Path
) -> None:
    authority = Authority(tmp_path, days=400)
    certificate, key = authority.pair("one")
    _, other = authority.pair("two")
    key.chmod(0o600)
    pair = settings(tls_certificate=str(certificate), tls_key=str(key))

    assert worst(set_up.certificate(pair, NOW)) == "ok"
    assert worst(set_up.certificate(pair, NOW + timedelta(days=390))) == "note"
    assert worst(set_up.certificate(pair, NOW + timedelta(days=500))) == "bad"
    wrong = settings(tls_certificate=str(certificate), tls_key=str(other))
    assert worst(set_up.certificate(wrong, NOW)) == "bad"
    key.chmod(0o644)
    assert worst(set_up.certificate(pair, NOW)) == "note"
    assert list(set_up.certificate(settings(), NOW)) == []


def test_a_policy_that_cannot_be_obeyed(settings: Callable[..., Settings], tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text("[budget]\n")
    assert worst(set_up.files(settings())) == "bad"

    (tmp_path / "t.toml").write_text("")
    assert worst(set_up.files(settings())) == "ok"


def test_a_price_file_that_cannot_be_read(settings: Callable[..., Settings]) -> None:
    given = settings()
    (given.data / "prices").mkdir()
    (given.data / "prices" / "mine.toml").write_text("[[model]]\nprice = 'cheap'\n")
    assert worst(set_up.files(given)) == "bad"

    (given.data / "prices" / "mine.toml").unlink()
    assert worst(set_up.files(given)) == "ok"


def test_secrets_that_others_can_read(settings: Callable[..., Settings]) -> None:
    given = settings()
    KeyFile(given.data / "keys").pepper()
    assert worst(set_up.secrets(given)) == "ok"

    (given.data / "keys" / "pepper").chmod(0o644)
    assert worst(set_up.secrets(given)) == "bad"


def test_a_server_that_does_not_answer(settings: Callable[..., Settings], priced: Any) -> None:
    address = priced._address
    answering = {
        "clickhouse_url": address.url,
        "clickhouse_user": address.user,
        "clickhouse_password": address.password,
        "clickhouse_database": address.database,
    }

    assert worst(set_up.server(settings(clickhouse_url="http://127.0.0.1:1"))) == "bad"
    assert worst(set_up.server(settings(**{**answering, "clickhouse_password": "no"}))) == "bad"
    assert worst(set_up.server(settings(clickhouse_cluster="main"))) == "bad"
    assert worst(set_up.server(settings(**answering))) == "ok"
    assert worst(set_up.server(settings())) == "ok"


@pytest.mark.parametrize(
    ("environment", "verdict"),
    [
        ({"TOLLBOOK_ENDPOINT": "http://collector:4317"}, "bad"),
        ({"TOLLBOOK_ENDPOINT": "http://collector:4318/v1/traces"}, "bad"),
        ({"TOLLBOOK_ENDPOINT": "collector:4318"}, "bad"),
        ({"TOLLBOOK_ENDPOINT": "http://collector:4318"}, "ok"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317"}, "bad"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "ok",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "bad",
        ),
        ({}, "ok"),
    ],
)
def test_the_wrong_port_or_path_of_an_exporter(environment: dict[str, str], verdict: str) -> None:
    assert worst(around.endpoint(environment)) == verdict


def test_a_proxy_between_program_and_collector() -> None:
    to = {"TOLLBOOK_ENDPOINT": "http://collector:4318", "HTTP_PROXY": "http://u:secret@proxy:3128"}

    [finding] = around.proxy(to)

    assert finding.verdict == "note"
    assert "secret" not in finding.text
    assert list(around.proxy({**to, "NO_PROXY": "collector"})) == []
    assert list(around.proxy({"HTTP_PROXY": "http://proxy:3128"})) == []


def test_metering_that_somebody_switched_off() -> None:
    assert worst(around.switched_off({"TOLLBOOK_DISABLED": "true"})) == "note"
    assert worst(around.switched_off({"OTEL_SDK_DISABLED": "TRUE"})) == "note"
    assert worst(around.switched_off({"TOLLBOOK_DISABLED": "false"})) == "ok"


def test_another_meter_of_the_same_calls() -> None:
    assert worst(around.other_meters(lambda name: name == "openlit" or None)) == "note"
    assert worst(around.other_meters(lambda _: None)) == "ok"


def test_no_library_to_meter() -> None:
    assert worst(around.clients(lambda _: None)) == "note"
    assert worst(around.clients(lambda name: name == "openai" or None)) == "ok"


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ({"faults": ["the store does not take traces"]}, "bad"),
        ({"notes": ["12 calls have no price"]}, "note"),
        ({"spool": {"waiting_bytes": 10**9}}, "note"),
        ({"faults": [], "notes": [], "spool": {"waiting_bytes": 10**6}}, "ok"),
    ],
)
def test_what_a_running_collector_says_of_itself(said: dict[str, Any], verdict: str) -> None:
    assert worst(around.health(said)) == verdict
