"""The pages: each answers its question in a sentence first, then the picture, then the table."""

from fastapi import FastAPI

from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.pages.budgets import add_budgets
from tollbook_collector.answer.pages.calls import add_call, add_calls
from tollbook_collector.answer.pages.data import add_data
from tollbook_collector.answer.pages.explore import add_explore
from tollbook_collector.answer.pages.incidents import add_incidents
from tollbook_collector.answer.pages.models import add_models
from tollbook_collector.answer.pages.overview import add_overview
from tollbook_collector.answer.pages.prices import add_prices
from tollbook_collector.answer.pages.render import add_static
from tollbook_collector.answer.pages.runs import add_runs
from tollbook_collector.answer.pages.savings import add_savings


def add_pages(api: FastAPI, collector: Collected) -> None:
    """Add all pages and the files that they need."""
    add_static(api)
    add_overview(api, collector)
    add_explore(api, collector)
    add_calls(api, collector)
    add_call(api, collector)
    add_runs(api, collector)
    add_models(api, collector)
    add_incidents(api, collector)
    add_budgets(api, collector)
    add_savings(api, collector)
    add_prices(api, collector)
    add_data(api, collector)
