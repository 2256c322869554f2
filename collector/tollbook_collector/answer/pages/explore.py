"""The explorer: spend by any dimensions, and what changed against the period before."""

from fastapi import FastAPI, Request
from fastapi.responses import Response

from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.pages.chart import spend_chart
from tollbook_collector.answer.pages.overview import by_cost, totals
from tollbook_collector.answer.pages.render import page
from tollbook_collector.answer.questions import Period
from tollbook_collector.answer.series import TIMELESS, spend_change, spend_series
from tollbook_collector.answer.tenant import Tenant


def add_explore(api: FastAPI, collector: Collected) -> None:
    """Add the explorer."""

    @api.get("/explore", include_in_schema=False)
    def explore(
        request: Request,
        tenant: Tenant,
        by: str = "model",
        then: str = "",
        since: str = "7d",
        sort: str = "cost",
    ) -> Response:
        period = Period.back(since)
        dimensions = [by, then] if then and then != by else [by]
        found = spend_change(collector.store, tenant, period, dimensions)
        largest = found[0] if found and found[0].delta_usd else None
        return page(
            request,
            "explore",
            {
                "title": "Explore",
                "since": since,
                "by": by,
                "then": then,
                "sort": sort,
                "dimensions": TIMELESS,
                "shown": dimensions,
                "rows": found if sort == "change" else by_cost(found),
                "totals": totals(found),
                "largest": largest,
                "chart_data": spend_chart(
                    spend_series(collector.store, tenant, period, by), period, f"(no {by})"
                ),
            },
        )
