"""Reads the files of deploy/, and renders the chart with Helm's own library."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
CHART = DEPLOY / "helm" / "tollbook"
RENDERED = DEPLOY / "kubernetes" / "tollbook.yaml"
HEADER = (
    "# What `helm template tollbook deploy/helm/tollbook --namespace tollbook` makes of the\n"
    "# chart's defaults, for those who have no Helm. Generated: make deploy.\n"
)
# What kubernetes-validate has no schema of, because an operator brings it.
FOREIGN = {"ServiceMonitor", "ClickHouseInstallation", "ClickHouseKeeperInstallation"}
KUBERNETES = ("1.31", "1.34")


def documents(text: str) -> list[dict[str, Any]]:
    """Return the documents of a YAML text that are not empty."""
    return [document for document in yaml.safe_load_all(text) if document]


def check(document: Mapping[str, Any]) -> None:
    """Validate a manifest by Kubernetes' own schema, unknown fields being errors."""
    if document["kind"] in FOREIGN:
        assert document["apiVersion"].count("/") == 1
        return
    for version in KUBERNETES:
        kubernetes_validate.validate(dict(document), version, strict=True)


def pod_specs(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the pods that manifests describe."""
    for document in found:
        if document["kind"] in {"StatefulSet", "Deployment"}:
            yield document["spec"]["template"]["spec"]


def rendered(values: Mapping[str, Any] | None = None) -> str:
    """Return what Helm makes of the chart, all files in order, without its notes."""
    import helm_python

    with helm_python.Chart.load(str(CHART)) as chart:
        files = chart.render(dict(values or {}), name="tollbook", namespace="tollbook")
    found = [files[name].strip() for name in sorted(files) if name.endswith(".yaml")]
    return "\n---\n".join(text for text in found if text) + "\n"


if __name__ == "__main__":
    sys.stdout.write(HEADER + rendered())
