"""A replay of history says what was to be told, and keeps nothing."""

from datetime import timedelta

from detect import stored
from detect.stored import NOW, row, traffic

from tollbook_collector.detect.backtest import backtest
from tollbook_collector.detect.section import DetectSection
from tollbook_collector.store.client import ClickHouse

HOUR = timedelta(hours=1)
SECTION = DetectSection(series=(("team",),))


def test_a_replay_finds_an_old_loop_once_and_keeps_nothing(priced: ClickHouse, tenant: str) -> None:
    began = NOW - timedelta(days=4)
    loop = [row(tenant, began + k * HOUR, 4_000) for k in range(4)]
    sales = traffic(tenant, dimensions={"team": "sales"}, share=0.5)
    stored.store(priced, [*traffic(tenant), *sales, *loop])

    found = backtest(priced, SECTION, tenant, NOW - timedelta(days=7), NOW)

    hours = [one for one in found if one.tier == "hour"]
    assert [(one.dimensions, one.started_at) for one in hours] == [({"team": "search"}, began)]
    assert hours[0].ended_at == began + 4 * HOUR
    assert "calls rose" in hours[0].explanation
    statement = "SELECT count() FROM anomalies WHERE tenant = {tenant:String}"
    assert priced.rows(statement, {"tenant": tenant}) == [(0,)]


def test_a_replay_of_a_tenant_without_calls_is_empty(priced: ClickHouse, tenant: str) -> None:
    assert backtest(priced, SECTION, tenant, NOW - timedelta(days=7), NOW) == []
