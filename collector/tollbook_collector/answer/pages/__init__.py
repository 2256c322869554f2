"""The pages: each answers its question in a sentence first, then the picture, then the table."""

from fastapi import FastAPI

from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.pages.agents import add_agents
from tollbook_collector.answer.pages.budgets import add_budgets
from tollbook_collector.answer.pages.calls import add_call, add_calls
from tollbook_collector.answer.pages.compare import add_compare
from tollbook_collector.answer.pages.data import add_data
from tollbook_collector.answer.pages.drift import add_drift
from tollbook_collector.answer.pages.explore import add_explore
from tollbook_collector.answer.pages.incidents import add_incidents
from tollbook_collector.answer.pages.ledger import add_ledger
from tollbook_collector.answer.pages.models import add_models
from tollbook_collector.answer.pages.overview import add_overview
from tollbook_collector.answer.pages.prices import add_prices
from tollbook_collector.answer.pages.render import add_static
from tollbook_collector.answer.pages.runs import add_runs
from tollbook_collector.answer.pages.savings import add_savings
from tollbook_collector.answer.pages.settings import add_settings


def add_pages(api: FastAPI, collector: Collected) -> None:
    """Add all pages and the files that they need."""
    add_static(api)
    add_overview(api, collector)
    add_explore(api, collector)
    add_calls(api, collector)
    add_call(api, collector)
    add_runs(api, collector)
    add_agents(api, collector)
    add_models(api, collector)
    add_compare(api, collector)
    add_incidents(api, collector)
    add_drift(api, collector)
    add_budgets(api, collector)
    add_savings(api, collector)
    add_prices(api, collector)
    add_ledger(api, collector)
    add_data(api, collector)
    add_settings(api, collector)
