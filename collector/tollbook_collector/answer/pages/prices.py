"""Prices: the rates of the models in use, and the calls that have none."""

from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI, Request
from fastapi.responses import Response

from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.models import RateUsed, rates_used
from tollbook_collector.answer.pages.render import QUESTIONS_AT_ONCE, page
from tollbook_collector.answer.questions import Period, unpriced
from tollbook_collector.answer.tenant import Tenant


def add_prices(api: FastAPI, collector: Collected) -> None:
    """Add the page of prices."""

    @api.get("/prices", include_in_schema=False)
    def list_prices(request: Request, tenant: Tenant, since: str = "7d") -> Response:
        period = Period.back(since)
        with ThreadPoolExecutor(QUESTIONS_AT_ONCE) as asking:
            used = asking.submit(rates_used, collector.store, tenant, period)
            without = asking.submit(unpriced, collector.store, tenant, period)
        rates = used.result()
        units = [
            (rate, unit.replace("_", " ").replace(":", ": "), amount)
            for rate in rates
            for unit, amount in sorted(rate.unit_usd.items())
        ]
        return page(
            request,
            "prices",
            {
                "title": "Prices",
                "since": since,
                "rates": [rate for rate in rates if _is_usual(rate)],
                "other_rates": [rate for rate in rates if not _is_usual(rate)],
                "units": [row for row in units if _is_usual(row[0])],
                "other_units": [row for row in units if not _is_usual(row[0])],
                "models": len({(rate.provider, rate.model) for rate in rates}),
                "unpriced": without.result(),
            },
        )


def _is_usual(rate: RateUsed) -> bool:
    """Return whether a rate is that of most calls: standard, everywhere and at all hours."""
    return rate.service_tier == "standard" and not rate.variant
