"""The dashboards for Grafana: what build.py writes, and every panel finds something."""

import importlib.util
import json
import re
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from worked import fill

from tollbook_collector import prometheus
from tollbook_collector.answer.user_sql import UserSql
from tollbook_collector.store.client import ClickHouse

from .conftest import Reading

FOLDER = Path(__file__).parents[2] / "dashboards"
NAMES = ("overview", "cost", "latency", "agents", "incidents", "health")


def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dashboards_build", FOLDER / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def expanded(statement: str, tenant: str) -> str:
    """Return a statement as Grafana's data source would send it, for the last two days."""
    # It sends whole seconds; the second in which calls were made a moment ago is in there.
    until = int(datetime.now(UTC).timestamp()) + 1
    since = until - int(timedelta(days=2).total_seconds())
    statement = re.sub(
        r"\$__timeFilter\((\w+)\)",
        rf"\1 >= toDateTime({since}) AND \1 <= toDateTime({until})",
        statement,
    )
    statement = re.sub(
        r"\$__timeInterval\((\w+)\)",
        r"toStartOfInterval(toDateTime(\1), INTERVAL 60 second)",
        statement,
    )
    assert "$__" not in statement
    return statement.replace("$tenant", tenant).replace("${tenant}", tenant)


@pytest.fixture(name="worked_tenant", scope="module")
def _worked_tenant(priced: ClickHouse) -> str:
    """A tenant over whose data every panel finds something."""
    tenant = f"worked-{uuid.uuid4().hex[:8]}"
    fill(priced, tenant)
    return tenant


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_of_a_dashboard_finds_something(
    priced: ClickHouse, worked_tenant: str, name: str
) -> None:
    tenant = worked_tenant
    user_sql = UserSql(Reading(priced, tenant))
    content = json.loads((FOLDER / f"{name}.json").read_text())
    panels = content["panels"]
    empty = []
    for panel in panels:
        for target in panel["targets"]:
            text = expanded(target["rawSql"], tenant)
            rows = json.loads(user_sql.run(tenant, text, "table"))
            numbers = [cell for row in rows["data"] for cell in row]
            if not any(cell not in (None, "", 0) for cell in numbers):
                empty.append(panel["title"])
            if target["format"] == 0:
                assert rows["meta"][0]["type"].startswith("DateTime"), panel["title"]

    # No client has lost anything here, nothing was rejected, and the books balance.
    assert set(empty) <= {"Rejected", "Missing or too many", "Lost by clients"}
    places = [tuple(panel["gridPos"].values()) for panel in panels]
    assert len(set(places)) == len(panels) > 3


def test_the_dashboards_are_what_is_built() -> None:
    build: Any = builder()

    assert tuple(build.DASHBOARDS) == NAMES
    for name in NAMES:
        written = (FOLDER / f"{name}.json").read_text()
        assert written == build.dashboard(name), "run: python dashboards/build.py"


def test_the_rules_for_prometheus_are_about_metrics_that_there_are() -> None:
    source = Path(prometheus.__file__).read_text()
    known = {f"tollbook_{metric.name}" for metric in prometheus.METRICS}
    known |= {f"tollbook_{name}" for name in re.findall(r'_head\(\s*"([a-z_]+)"', source)}
    rules = yaml.safe_load((FOLDER / "prometheus-rules.yml").read_text())["groups"][0]["rules"]
    used = {name for rule in rules for name in re.findall(r"tollbook_[a-z_]+", rule["expr"])}

    assert len(rules) >= 10
    assert used <= known
    assert all(rule["annotations"]["summary"] and rule["labels"]["severity"] for rule in rules)


def test_every_alert_on_the_collector_names_its_runbook() -> None:
    root = FOLDER.parent
    rules = yaml.safe_load((FOLDER / "prometheus-rules.yml").read_text())["groups"][0]["rules"]
    listed = (root / "docs/runbooks/README.md").read_text()

    for rule in rules:
        page = root / rule["annotations"]["runbook"]
        assert page.is_file(), rule["alert"]
        assert page.name == "README.md" or f"({page.name})" in listed
