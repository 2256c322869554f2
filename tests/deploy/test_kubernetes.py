"""The manifests and the chart: valid by Kubernetes' schema, safe, or refused with a reason."""

import json
from typing import Any

import jsonschema
import pytest
import yaml
from manifests import CHART, DEPLOY, HEADER, RENDERED, check, documents, pod_specs, rendered

from tollbook_collector.settings import Settings

SERVER = {"clickhouse": {"url": "http://clickhouse:8123"}}
EVERYTHING: dict[str, Any] = {
    "replicas": 3,
    "clickhouse": {"url": "https://ch.example.com", "cluster": "main"},
    "tls": {"secret": "tollbook-tls", "clientCertificates": True},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "tollbook-web"},
    "networkPolicy": {"from": [{"namespaceSelector": {}}]},
    "policy": '[[budgets]]\nname = "all"\n',
    "env": [{"name": "TOLLBOOK_CANARY_EVERY_S", "value": "30"}],
    "image": {"digest": f"sha256:{'a' * 64}", "pullSecrets": [{"name": "registry"}]},
    "persistence": {"storageClass": "fast"},
    "nodeSelector": {"kubernetes.io/arch": "arm64"},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
    "priorityClassName": "high",
}
VALUES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "server": SERVER,
    "scaled": {**SERVER, "autoscaling": {"enabled": True}},
    "everything": EVERYTHING,
    "bare": {
        "networkPolicy": {"enabled": False},
        "podDisruptionBudget": {"enabled": False},
    },
}
MANIFESTS = sorted(DEPLOY.glob("kubernetes/*.yaml"))


@pytest.fixture(name="helm")
def _helm() -> None:
    pytest.importorskip("helm_python", reason="Helm's library is not installed: make deploy-check")


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_a_manifest_is_valid(path: Any) -> None:
    found = documents(path.read_text())

    for document in found:
        check(document)

    assert found


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_no_pod_runs_as_root_or_may_become_it(path: Any) -> None:
    for pod in pod_specs(documents(path.read_text())):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        # A mount must not widen the modes of secrets that are on it already.
        assert pod["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
            assert not container["image"].endswith(":latest")


def test_the_servers_of_manifests_have_the_configuration_of_deploy_clickhouse() -> None:
    config = (DEPLOY / "clickhouse/config.d/tollbook.xml").read_text()
    users = (DEPLOY / "clickhouse/users.d/tollbook.xml").read_text()
    [plain] = [
        document["data"]
        for document in documents((DEPLOY / "kubernetes/clickhouse.yaml").read_text())
        if document["kind"] == "ConfigMap"
    ]
    [operated] = [
        document["spec"]["configuration"]["files"]
        for document in documents((DEPLOY / "kubernetes/clickhouse-altinity.yaml").read_text())
        if document["kind"] == "ClickHouseInstallation"
    ]

    assert plain["tollbook.xml"] == config == operated["config.d/tollbook.xml"]
    assert plain["users.xml"] == users


def test_the_collector_has_a_read_only_root_and_time_to_drain() -> None:
    [pod] = pod_specs(documents(RENDERED.read_text()))
    [container] = pod["containers"]

    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["terminationGracePeriodSeconds"] > 20
    # TOLLBOOK_PORT of a Service named tollbook would look like a setting.
    assert pod["enableServiceLinks"] is False
    for probe in ("livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["path"] == "/live"


def test_the_default_values_are_valid_by_the_chart_s_schema_and_typing_errors_are_not() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    jsonschema.validate(values, schema)
    with pytest.raises(jsonschema.ValidationError, match="replicaCount"):
        jsonschema.validate({**values, "replicaCount": 3}, schema)


def test_every_default_is_in_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    for name, value in values.items():
        known = schema["properties"][name]
        if isinstance(value, dict) and "properties" in known:
            assert set(value) == set(known["properties"]), name


def test_the_chart_and_the_program_have_the_same_version() -> None:
    from importlib.metadata import version

    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert chart["appVersion"] == version("tollbook")


def test_every_variable_that_a_manifest_sets_is_a_setting() -> None:
    text = "".join(path.read_text() for path in CHART.glob("templates/*"))
    named = {line.split("name: ")[1] for line in text.splitlines() if "- name: TOLLBOOK_" in line}

    assert named
    assert {name.removeprefix("TOLLBOOK_").lower() for name in named} <= set(Settings.model_fields)


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.usefixtures("helm")
def test_what_helm_makes_of_values_is_valid(name: str) -> None:
    found = documents(rendered(VALUES[name]))

    for document in found:
        check(document)

    names = [(document["kind"], document["metadata"]["name"]) for document in found]
    assert len(names) == len(set(names))
    assert ("StatefulSet", "tollbook") in names


@pytest.mark.usefixtures("helm")
def test_the_manifest_for_those_without_helm_is_what_helm_makes_of_the_defaults() -> None:
    assert RENDERED.read_text() == HEADER + rendered()


@pytest.mark.usefixtures("helm")
def test_everything_that_was_asked_for_is_there() -> None:
    found = {document["kind"]: document for document in documents(rendered(EVERYTHING))}
    [pod] = pod_specs(list(found.values()))
    environment = {entry["name"]: entry for entry in pod["containers"][0]["env"]}

    assert {"ServiceMonitor", "Ingress", "NetworkPolicy", "PodDisruptionBudget"} <= set(found)
    assert environment["TOLLBOOK_TLS_CLIENT_CA"]["value"] == "/etc/tollbook-tls/ca.crt"
    assert environment["TOLLBOOK_CLICKHOUSE_CLUSTER"]["value"] == "main"
    assert pod["containers"][0]["image"] == f"tollbook@sha256:{'a' * 64}"
    assert pod["containers"][0]["livenessProbe"]["httpGet"]["scheme"] == "HTTPS"
    egress = found["NetworkPolicy"]["spec"]["egress"]
    assert {"port": 8443, "protocol": "TCP"} in [port for rule in egress for port in rule["ports"]]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replicas": 2}, "clickhouse.url"),
        ({"autoscaling": {"enabled": True}}, "clickhouse.url"),
        ({"tls": {"clientCertificates": True}}, "tls.secret"),
        ({"clickhouse": {"cluster": "main"}}, "clickhouse.url"),
        ({"clickhouse": {"url": "clickhouse:8123"}}, "url"),
        ({"replicaCount": 2}, "replicaCount"),
        ({"image": {"digest": "latest"}}, "digest"),
        ({"persistence": {"size": "20 gigabytes"}}, "size"),
    ],
)
@pytest.mark.usefixtures("helm")
def test_values_that_cannot_work_are_refused_by_name(values: dict[str, Any], said: str) -> None:
    import helm_python

    with pytest.raises(helm_python.HelmError, match=said):
        rendered(values)


@pytest.mark.usefixtures("helm")
def test_helm_s_linter_finds_nothing_but_the_missing_icon() -> None:
    import helm_python

    said = helm_python.lint(str(CHART))

    assert said["errors"] == []
    assert [message["error"] for message in said["messages"]] == ["icon is recommended"]
