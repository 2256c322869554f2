"""Savings: what the calls of the last 30 days would have cost otherwise, and which calls say so."""

from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import Response

from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.pages.render import page
from tollbook_collector.answer.questions import Period, spend_total
from tollbook_collector.answer.savings import WAYS, savings
from tollbook_collector.answer.tenant import Tenant

# Of each way: rows that are open, and those that a click shows.
ROWS_OPEN: Final = 5
ROWS_SHOWN: Final = 50
# What each way is called: in a sentence, as a heading, and what it rests on.
WORDS: Final = {
    "cache": (
        "reading repeated prompts from the provider's cache",
        "Prompt caching",
        "Calls that asked, with nothing read from the cache, what had been asked within five"
        " minutes. The first would have been written to the cache at the price of that, the others"
        " read from it. Prompts that only begin alike are not counted: their digests differ.",
    ),
    "repeat": (
        "asking the same question once a day",
        "The same question again",
        "Calls whose whole prompt and model are those of an earlier call of the same day, by keyed"
        " digests. They cost nothing if the first answer may be given again.",
    ),
    "tier": (
        "the batch or flex tier",
        "Batch and flex",
        "Calls that nobody watched while they answered: not streamed and no step of a run. Batch"
        " answers within a day, flex when there is room: only you know which of them can wait.",
    ),
    "model": (
        "a cheaper model that the same feature uses, if its answers are good enough",
        "A cheaper model",
        "The same tokens at the rates of a model that the same feature has called at least 100"
        " times, and that neither fails nor is cut off more often. It says nothing about how good"
        " its answers are, and another model may count and write more or fewer tokens.",
    ),
}


def add_savings(api: FastAPI, collector: Collected) -> None:
    """Add the page of savings."""

    @api.get("/savings", include_in_schema=False)
    def show(request: Request, tenant: Tenant) -> Response:
        found = savings(collector.store, tenant)
        ways = [(kind, found.of(kind), found.saved_usd(kind)) for kind in WAYS] if found else []
        ways.sort(key=lambda way: -way[2])
        calls = 0
        if not found or not found.calls:
            calls = spend_total(collector.store, tenant, Period.back("30d")).calls
        return page(
            request,
            "savings",
            {
                "title": "Savings",
                "found": found,
                "ways": ways,
                "words": WORDS,
                "calls": calls,
                "rows_open": ROWS_OPEN,
                "rows_shown": ROWS_SHOWN,
            },
        )
