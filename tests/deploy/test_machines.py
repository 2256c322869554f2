"""Image, compose files, unit and configurations: valid, pinned, and without rights."""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
import yaml
from manifests import DEPLOY

from tollbook_collector.settings import Settings

DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
COMPOSE = sorted(DEPLOY.glob("compose*.yml"))
ROOT = DEPLOY.parent
# Of the server's users; compose hands them on under other names.
PASSWORDS = {"READER_PASSWORD", "WRITER_PASSWORD"}


def instructions(text: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile and their arguments, lines joined."""
    joined = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", text))
    pairs = [line.split(None, 1) for line in joined.splitlines() if line.strip()]
    return [(pair[0].upper(), pair[1]) for pair in pairs]


def pins(lock: Path) -> set[str]:
    return set(re.findall(r"(?m)^[a-z0-9._-]+==\S+", lock.read_text()))


def test_the_image_runs_without_root_has_a_health_check_and_ends_on_sigterm() -> None:
    found = dict(instructions(DOCKERFILE))

    assert found["USER"] == "10001:10001"
    assert found["STOPSIGNAL"] == "SIGTERM"
    assert "/live" in found["HEALTHCHECK"]
    assert found["ENTRYPOINT"] == '["tollbook"]'
    assert "ADD" not in found


def test_the_image_takes_nothing_from_a_network_that_is_not_pinned_by_hash() -> None:
    fetched = [
        argument
        for name, argument in instructions(DOCKERFILE)
        if name == "RUN" and "pip install" in argument
    ]

    for line in fetched:
        for command in re.findall(r"pip install [^&]+", line):
            assert "--require-hashes" in command or "--no-index" in command, command
    assert not re.search(r"\b(curl|wget|apt-get|git clone)\b", DOCKERFILE)


def test_the_image_has_the_versions_that_the_tests_ran_with() -> None:
    tested = pins(ROOT / "requirements.lock")

    for name in ("requirements.lock", "build.lock"):
        assert pins(DEPLOY / name)
        assert pins(DEPLOY / name) <= tested, name


def test_what_the_image_copies_is_there_and_let_through_to_the_builder() -> None:
    let_through = [
        line[1:]
        for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    for name, argument in instructions(DOCKERFILE):
        if name == "COPY" and "--from" not in argument:
            for source in argument.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert source in let_through


def test_every_variable_in_the_image_and_in_compose_files_is_a_setting() -> None:
    text = DOCKERFILE + "".join(path.read_text() for path in COMPOSE)
    named = set(re.findall(r"\bTOLLBOOK_([A-Z_]+)[:=]", text)) - PASSWORDS

    assert named
    assert {name.lower() for name in named} <= set(Settings.model_fields)


def test_hadolint_finds_nothing() -> None:
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed: make deploy-check")

    said = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True)

    assert (said.returncode, said.stdout) == (0, "")


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_a_compose_file_is_valid_by_the_specification_s_schema(path: Path) -> None:
    checker = shutil.which("check-jsonschema")
    if checker is None:
        pytest.skip("check-jsonschema is not installed: make deploy-check")

    said = subprocess.run(
        [checker, "--builtin-schema", "vendor.compose-spec", path], capture_output=True, text=True
    )

    assert said.returncode == 0, said.stdout


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_services_have_no_rights_and_listen_on_this_machine_only(path: Path) -> None:
    content = yaml.safe_load(path.read_text())

    for name, service in content["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert re.search(r":[0-9][0-9.]*$", service["image"]), name
        for mount in service["volumes"]:
            source = mount.split(":")[0]
            assert source in content["volumes"] or (DEPLOY / source).exists(), mount
    collector = content["services"]["tollbook"]
    assert collector["read_only"] is True
    assert int(collector["stop_grace_period"].removesuffix("s")) > 20


def test_grafana_finds_its_dashboards_where_their_provisioning_looks() -> None:
    content = yaml.safe_load((DEPLOY / "compose.clickhouse.yml").read_text())
    mounts = dict(mount.split(":")[:2] for mount in content["services"]["grafana"]["volumes"])
    [provider] = yaml.safe_load((ROOT / "dashboards/provisioning/dashboards.yml").read_text())[
        "providers"
    ]

    assert mounts["../dashboards"] == provider["options"]["path"]
    assert list((DEPLOY / "../dashboards").glob("*.json"))


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_every_secret_of_a_compose_file_has_to_be_given(path: Path) -> None:
    secrets = re.findall(r"(?m)^\s+\w*(?:PASSWORD|KEY): (.*)$", path.read_text())

    assert secrets
    assert [value for value in secrets if not re.match(r"\$\{\w+:\?.+\}$", value)] == []


def test_the_unit_is_valid_and_confined(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "tollbook.service"
    text = (DEPLOY / "systemd/tollbook.service").read_text()
    # The program is not where the unit will find it.
    unit.write_text(text.replace("/opt/tollbook/bin/tollbook", "/bin/true"))

    verified = subprocess.run([analyze, "verify", unit], capture_output=True, text=True)
    exposed = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=35", unit],
        capture_output=True,
        text=True,
    )

    assert "tollbook.service" not in verified.stderr, verified.stderr
    assert exposed.returncode == 0, exposed.stdout[-200:]


def test_the_unit_waits_longer_than_a_collector_takes_to_end() -> None:
    text = (DEPLOY / "systemd/tollbook.service").read_text()

    assert int(re.findall(r"(?m)^TimeoutStopSec=(\d+)", text)[0]) > 20
    assert "KillMode=mixed" in text


@pytest.mark.parametrize("path", sorted(DEPLOY.glob("clickhouse/*/*.xml")), ids=lambda p: p.name)
def test_a_configuration_of_the_server_is_well_formed(path: Path) -> None:
    assert ElementTree.parse(path).getroot().tag == "clickhouse"


def test_each_system_log_of_the_server_is_off_or_ends() -> None:
    root = ElementTree.parse(DEPLOY / "clickhouse/config.d/tollbook.xml").getroot()
    logs = [entry for entry in root if entry.tag.endswith("_log")]

    assert len(logs) > 10
    for entry in logs:
        assert entry.get("remove") == "1" or entry.find("ttl") is not None, entry.tag


def test_the_opentelemetry_collector_keeps_what_tollbook_has_not_taken_yet() -> None:
    content: dict[str, Any] = yaml.safe_load((DEPLOY / "otel-collector.yaml").read_text())
    exporter = content["exporters"]["otlp_http/tollbook"]

    for signal, pipeline in content["service"]["pipelines"].items():
        for kind in ("receivers", "processors", "exporters"):
            assert set(pipeline[kind]) <= set(content[kind]), (signal, kind)
        # It answers its sender before its batch is anywhere.
        assert "batch" not in pipeline["processors"]
    assert exporter["sending_queue"]["storage"] in content["extensions"]
    assert content["extensions"][exporter["sending_queue"]["storage"]]["fsync"] is True
    assert exporter["retry_on_failure"]["max_elapsed_time"] == 0
    assert set(content["service"]["extensions"]) == set(content["extensions"])
