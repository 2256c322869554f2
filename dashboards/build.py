"""Writes the dashboards for Grafana's ClickHouse data source: `python dashboards/build.py`.

A panel is a title, a shape, a unit and one SELECT over the documented tables, with Grafana's macros
for the time that is shown. `$tenant` is a variable of each dashboard.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
SOURCE: Final = {"type": "grafana-clickhouse-datasource", "uid": "${source}"}
COLUMNS: Final = 24
HEIGHT: Final = 8
# Grafana's names: how wide a panel of a shape is, and how its query is read (0 series, 1 table).
SHAPES: Final = {"stat": (6, 1), "timeseries": (12, 0), "table": (12, 1), "barchart": (12, 1)}


@dataclass(frozen=True)
class Panel:
    """One panel.

    Args:
        title: Of the panel.
        shape: One of SHAPES.
        unit: Grafana's name of the unit.
        sql: What it shows.
    """

    title: str
    shape: str
    unit: str
    sql: str


def _hours(what: str, by: str = "", table: str = "spend") -> str:
    """Return a series by the hour: time, perhaps a dimension, a number."""
    columns = f"toString({by}) AS {by}_name, " if by else ""
    group = f"time, {by}_name" if by else "time"
    return (
        f"SELECT $__timeInterval(hour) AS time, {columns}{what} FROM {table}"
        f" WHERE tenant = '$tenant' AND $__timeFilter(hour) GROUP BY {group} ORDER BY time"
    )


def _all(what: str, table: str = "spend", at: str = "hour", rest: str = "") -> str:
    return f"SELECT {what} FROM {table} WHERE tenant = '$tenant' AND $__timeFilter({at}){rest}"


OVERVIEW: Final = (
    Panel("Spend", "stat", "currencyUSD", _all("sum(cost_usd) AS usd")),
    Panel("Calls", "stat", "short", _all("sum(calls) AS calls")),
    Panel("Errors", "stat", "percentunit", _all("sum(errors) / sum(calls) AS share")),
    Panel("Calls without a price", "stat", "short", _all("sum(unpriced_calls) AS calls")),
    Panel("Spend by model", "timeseries", "currencyUSD", _hours("sum(cost_usd) AS usd", "model")),
    Panel("Spend by team", "timeseries", "currencyUSD", _hours("sum(cost_usd) AS usd", "team")),
    Panel(
        "Budgets",
        "table",
        "currencyUSD",
        "SELECT budget, value, limit_usd, spent_usd, forecast_usd FROM budgets"
        " WHERE tenant = '$tenant' ORDER BY spent_usd / limit_usd DESC",
    ),
    Panel(
        "Open incidents",
        "table",
        "short",
        "SELECT started_at, severity, title, so_far_usd FROM incidents"
        " WHERE tenant = '$tenant' AND status != 'resolved' ORDER BY started_at DESC",
    ),
)
COST: Final = (
    Panel(
        "Spend by service", "timeseries", "currencyUSD", _hours("sum(cost_usd) AS usd", "service")
    ),
    Panel(
        "Spend by customer", "timeseries", "currencyUSD", _hours("sum(cost_usd) AS usd", "customer")
    ),
    Panel(
        "Cost of a thousand calls",
        "timeseries",
        "currencyUSD",
        _hours("sum(cost_usd) / sum(calls) * 1000 AS usd", "model"),
    ),
    Panel(
        "Input read from a cache",
        "timeseries",
        "percentunit",
        _hours("sum(cache_read_tokens) / greatest(sum(input_tokens), 1) AS share", "model"),
    ),
    Panel(
        "Models",
        "table",
        "short",
        _all(
            "provider, model, sum(calls) AS calls, sum(input_tokens) AS input,"
            " sum(output_tokens) AS output, sum(cost_usd) AS usd",
            rest=" GROUP BY provider, model ORDER BY usd DESC LIMIT 50",
        ),
    ),
    Panel(
        "Without a price",
        "table",
        "short",
        "SELECT provider, model, unpriced_reason, count() AS calls FROM calls"
        " WHERE tenant = '$tenant' AND $__timeFilter(started_at) AND price_status = 'unpriced'"
        " GROUP BY provider, model, unpriced_reason ORDER BY calls DESC",
    ),
    Panel(
        "Dearest calls",
        "table",
        "short",
        "SELECT started_at, service, model, input_tokens, output_tokens, cost_usd FROM calls"
        " WHERE tenant = '$tenant' AND $__timeFilter(started_at) AND cost_usd IS NOT NULL"
        " ORDER BY cost_usd DESC LIMIT 20",
    ),
)
LATENCY: Final = (
    Panel("Median", "timeseries", "ms", _hours("max(p50_ms) AS p50", "model", "latency")),
    Panel("95 of 100", "timeseries", "ms", _hours("max(p95_ms) AS p95", "model", "latency")),
    Panel(
        "To the first chunk of a stream, 95 of 100",
        "timeseries",
        "ms",
        _hours("max(first_chunk_p95_ms) AS p95", "model", "latency"),
    ),
    Panel(
        "Output tokens a second",
        "timeseries",
        "short",
        _hours("max(output_tokens_per_s) AS tokens", "model", "latency"),
    ),
    Panel("Errors", "timeseries", "short", _hours("sum(errors) AS errors", "model")),
    Panel(
        "Kinds of errors",
        "table",
        "short",
        "SELECT error_type, provider, model, count() AS calls FROM calls"
        " WHERE tenant = '$tenant' AND $__timeFilter(started_at) AND failed"
        " GROUP BY error_type, provider, model ORDER BY calls DESC",
    ),
    Panel(
        "Slowest calls",
        "table",
        "short",
        "SELECT started_at, service, model, duration_ns / 1e9 AS seconds, output_tokens FROM calls"
        " WHERE tenant = '$tenant' AND $__timeFilter(started_at)"
        " ORDER BY duration_ns DESC LIMIT 20",
    ),
)
AGENTS: Final = (
    Panel("Runs", "stat", "short", _all("count() AS runs", "runs", "last_call")),
    Panel(
        "Spend of runs", "stat", "currencyUSD", _all("sum(cost_usd) AS usd", "runs", "last_call")
    ),
    Panel(
        "Calls of a run",
        "stat",
        "short",
        _all("quantile(0.5)(calls) AS median", "runs", "last_call"),
    ),
    Panel(
        "Cost of a run, 95 of 100",
        "stat",
        "currencyUSD",
        _all("quantile(0.95)(toFloat64(cost_usd)) AS usd", "runs", "last_call"),
    ),
    Panel(
        "Tasks",
        "table",
        "short",
        _all(
            "run, count() AS runs, sum(calls) AS calls, sum(cost_usd) AS usd,"
            " max(cost_usd) AS dearest",
            "runs",
            "last_call",
            " GROUP BY run ORDER BY usd DESC",
        ),
    ),
    Panel(
        "Dearest runs",
        "table",
        "short",
        # Different calls are counted of these alone: of all runs it is a quarter of the work.
        "SELECT run, run_id, first_call, calls, different_calls, errors, cost_usd FROM runs"
        " WHERE tenant = '$tenant' AND run_id IN ("
        + _all("run_id", "runs", "last_call", " ORDER BY cost_usd DESC LIMIT 50")
        + ") ORDER BY cost_usd DESC LIMIT 50",
    ),
    Panel(
        "Dearest conversations",
        "table",
        "short",
        _all(
            "conversation_id AS session, max(user_id) AS person, count() AS calls,"
            " sum(cost_usd) AS usd",
            # The view of sessions would add up all calls there ever were to find those of now.
            "calls",
            "started_at",
            " AND billable AND conversation_id != '' GROUP BY session ORDER BY usd DESC LIMIT 50",
        ),
    ),
    Panel(
        "Outcomes",
        "table",
        "short",
        "SELECT outcome, count() AS judged, avg(value) AS score FROM outcomes"
        " WHERE tenant = '$tenant' AND $__timeFilter(scored_at) GROUP BY outcome",
    ),
)
INCIDENTS: Final = (
    Panel(
        "Open",
        "stat",
        "short",
        "SELECT count() AS incidents FROM incidents"
        " WHERE tenant = '$tenant' AND status != 'resolved'",
    ),
    Panel(
        "What open ones have cost",
        "stat",
        "currencyUSD",
        "SELECT sum(so_far_usd) AS usd FROM incidents"
        " WHERE tenant = '$tenant' AND status != 'resolved'",
    ),
    Panel(
        "Incidents a day",
        "barchart",
        "short",
        _all(
            "toDate(started_at) AS day, count() AS incidents",
            "incidents",
            "started_at",
            " GROUP BY day ORDER BY day",
        ),
    ),
    Panel(
        "Incidents",
        "table",
        "short",
        _all(
            "started_at, resolved_at, severity, status, title, explanation, owner, so_far_usd",
            "incidents",
            "started_at",
            " ORDER BY started_at DESC LIMIT 200",
        ),
    ),
)
HEALTH: Final = (
    Panel("Received", "stat", "short", _all("sum(received) AS items", "books")),
    Panel("Stored", "stat", "short", _all("sum(stored) AS items", "books")),
    Panel("Rejected", "stat", "short", _all("sum(rejected) AS items", "books")),
    Panel("Missing or too many", "stat", "short", _all("sum(imbalance) AS items", "books")),
    Panel(
        "Received by signal",
        "timeseries",
        "short",
        _hours("sum(received) AS items", "signal", "books"),
    ),
    Panel(
        "Lost by clients",
        "timeseries",
        "short",
        _hours("sum(client_dropped) AS spans", "", "books"),
    ),
    Panel(
        "Keys",
        "table",
        "short",
        _all(
            "key, signal, sum(received) AS received, sum(stored) AS stored,"
            " sum(rejected) AS rejected, sum(dropped) AS dropped",
            "books",
            rest=" GROUP BY key, signal ORDER BY received DESC",
        ),
    ),
    Panel(
        "Usage that had to be repaired",
        "table",
        "short",
        "SELECT fixup, provider, model, count() AS calls FROM calls"
        " ARRAY JOIN usage_fixups AS fixup"
        " WHERE tenant = '$tenant' AND $__timeFilter(started_at)"
        " GROUP BY fixup, provider, model ORDER BY calls DESC",
    ),
)
DASHBOARDS: Final = {
    "overview": ("Overview", OVERVIEW),
    "cost": ("Cost", COST),
    "latency": ("Latency and errors", LATENCY),
    "agents": ("Agents", AGENTS),
    "incidents": ("Incidents", INCIDENTS),
    "health": ("Collector health", HEALTH),
}


def dashboard(name: str) -> str:
    """Return the JSON of a dashboard."""
    title, panels = DASHBOARDS[name]
    content = {
        "uid": f"tollbook-{name}",
        "title": f"tollbook: {title}",
        "tags": ["tollbook"],
        "schemaVersion": 39,
        "editable": True,
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "timezone": "utc",
        "templating": {
            "list": [
                {
                    "name": "source",
                    "label": "Data source",
                    "type": "datasource",
                    "query": SOURCE["type"],
                },
                {
                    "name": "tenant",
                    "label": "Tenant",
                    "type": "query",
                    "datasource": SOURCE,
                    "query": "SELECT DISTINCT tenant FROM spend_hourly ORDER BY tenant",
                    "refresh": 1,
                },
            ]
        },
        "panels": list(_placed(panels)),
    }
    return json.dumps(content, indent=2) + "\n"


def _placed(panels: tuple[Panel, ...]) -> list[dict[str, Any]]:
    placed, x, y = [], 0, 0
    height = 4 if panels[0].shape == "stat" else HEIGHT
    for number, panel in enumerate(panels, 1):
        width, form = SHAPES[panel.shape]
        tall = 4 if panel.shape == "stat" else HEIGHT
        if x + width > COLUMNS or tall != height:
            x, y = 0, y + height
        height = tall
        placed.append(
            {
                "id": number,
                "title": panel.title,
                "type": panel.shape,
                "datasource": SOURCE,
                "gridPos": {"x": x, "y": y, "w": width, "h": tall},
                "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
                "options": {},
                "targets": [
                    {
                        "refId": "A",
                        "datasource": SOURCE,
                        "editorType": "sql",
                        "queryType": "table" if form else "timeseries",
                        "format": form,
                        "rawSql": panel.sql,
                    }
                ],
            }
        )
        x += width
    return placed


if __name__ == "__main__":
    for chosen in DASHBOARDS:
        HERE.joinpath(f"{chosen}.json").write_text(dashboard(chosen), encoding="utf-8")
