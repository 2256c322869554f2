"""From a template and what a question answered to a page that runs no script but ours.

All values are escaped by the template engine, and the policy below forbids inline scripts and
styles, so that whatever a span says is text.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from importlib.resources import files
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.staticfiles import StaticFiles

from tollbook_collector.answer.pages import words
from tollbook_collector.answer.questions import known_usd
from tollbook_collector.answer.tenant import csrf_of, name_of, role_of, who
from tollbook_collector.intake.keys import ADMIN, QUERY

POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "img", "connect", "font")),
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# In the order of the questions that people come with, and in three groups: use, findings, books.
NAVIGATION: Final = (
    (
        ("/", "Overview", "o"),
        ("/explore", "Explore", "e"),
        ("/calls", "Calls", "c"),
        ("/runs", "Runs", "r"),
        ("/agents", "Agents", "a"),
        ("/models", "Models", "m"),
        ("/compare", "Compare", "b"),
    ),
    (
        ("/incidents", "Incidents", "i"),
        ("/drift", "Drift", "t"),
        ("/budgets", "Budgets", "u"),
        ("/savings", "Savings", "s"),
    ),
    (
        ("/prices", "Prices", "p"),
        ("/ledger", "Ledger", "l"),
        ("/data", "Data health", "d"),
        ("/settings", "Settings, keys", "k"),
    ),
)
# Questions of one page that the store is asked beside each other.
QUESTIONS_AT_ONCE: Final = 3
PERIODS: Final = ("1h", "24h", "7d", "30d", "90d")


def _fixed(value: Any) -> Any:
    """Return money as its digits: a decimal 0 is 0E-12 by itself."""
    return format(value, "f") if isinstance(value, Decimal) else value


_environment = Environment(
    finalize=_fixed,
    loader=PackageLoader("tollbook_collector.answer.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(
    usd=words.usd,
    usd_change=words.usd_change,
    exact=words.exact,
    cell=words.cell,
    known=lambda use: known_usd(use.cost_usd, use.unpriced_calls),
    count=words.count,
    duration=words.duration,
    duration_ns=words.duration_ns,
    when=words.when,
    period=words.period,
    pieces=words.pieces,
    sentence=words.sentence,
    number=words.number,
    decimal=Decimal,
    json=json.dumps,
)
_environment.globals.update(
    share=words.share, plural=words.plural, percent_change=words.percent_change
)


def add_static(api: FastAPI) -> None:
    """Serve the style, the scripts and the chart library."""
    folder = files("tollbook_collector.answer.pages").joinpath("static")
    api.mount("/static", StaticFiles(directory=str(folder)), name="static")


def page(
    request: Request, template: str, context: Mapping[str, Any], status: int = 200
) -> Response:
    """Return a page.

    Args:
        request: What asked for it: its path marks the place in the navigation.
        template: Name of the template, without `.html`.
        context: What the template shows.
        status: Of HTTP.
    """
    key = who(request)
    text = _environment.get_template(f"{template}.html").render(
        csrf=csrf_of(request),
        person=name_of(key) if key and key.id else "",
        role=role_of(key) if key else "",
        acts=key is None or key.allows(QUERY),
        manages=key is None or key.allows(ADMIN),
        path=request.url.path,
        query=dict(request.query_params),
        navigation=NAVIGATION,
        periods=PERIODS,
        **context,
    )
    return HTMLResponse(text, status, HEADERS)
