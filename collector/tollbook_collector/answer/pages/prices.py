"""Prices: the rates of the models in use, and the calls that have none."""

from fastapi import FastAPI, Request
from fastapi.responses import Response

from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.models import rates_used
from tollbook_collector.answer.pages.render import page
from tollbook_collector.answer.questions import Period, unpriced
from tollbook_collector.answer.tenant import Tenant


def add_prices(api: FastAPI, collector: Collected) -> None:
    """Add the page of prices."""

    @api.get("/prices", include_in_schema=False)
    def list_prices(request: Request, tenant: Tenant, since: str = "30d") -> Response:
        period = Period.back(since)
        rates = rates_used(collector.store, tenant, period)
        return page(
            request,
            "prices",
            {
                "title": "Prices",
                "since": since,
                "rates": rates,
                "units": [
                    (rate, unit.replace("_", " ").replace(":", ": "), amount)
                    for rate in rates
                    for unit, amount in sorted(rate.unit_usd.items())
                ],
                "models": len({(rate.provider, rate.model) for rate in rates}),
                "unpriced": unpriced(collector.store, tenant, period),
            },
        )
