"""Views of the explorer that people save by a name, for all of their tenant."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from tollbook_collector.answer.as_json import plain_row
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.questions import Answerer, WrongQuestion
from tollbook_collector.answer.tenant import Analyst, Tenant, name_of
from tollbook_collector.money.rerate import LedgerStore
from tollbook_collector.store import sql

VIEWS_MAX: Final = 200
NAME_CHARACTERS_MAX: Final = 80
QUERY_CHARACTERS_MAX: Final = 500
# What of an address is part of a view.
FILTERS: Final = ("only", "but")
PARTS: Final = ("by", "then", "since", "sort", "against", *FILTERS)


@dataclass(frozen=True)
class View:
    """A saved view: its name, the explorer's query string, and who saved it when."""

    name: str
    query: str
    author: str
    saved_at: datetime


class NewView(BaseModel):
    """A view to be saved."""

    model_config = ConfigDict(extra="forbid")

    name: str
    query: str


def views(store: Answerer, tenant: str) -> list[View]:
    """Return the views of a tenant, by name."""
    parameters = {"tenant": tenant, "limit": VIEWS_MAX}
    return [View(*row) for row in store.rows(sql.read("queries/saved_views"), parameters)]


def save(store: LedgerStore, tenant: str, name: str, query: str, author: str) -> None:
    """Save a view under a name; one that has it is replaced.

    Raises:
        WrongQuestion: The name or query cannot be, or there are too many views.
    """
    name = name.strip()
    if not 1 <= len(name) <= NAME_CHARACTERS_MAX or not name.isprintable():
        raise WrongQuestion(f"a view's name has 1 to {NAME_CHARACTERS_MAX} characters that show")
    known = {row[0] for row in store.rows(sql.read("queries/saved_views"), _all(tenant))}
    if name not in known and len(known) >= VIEWS_MAX:
        raise WrongQuestion(f"there are {VIEWS_MAX} views already; remove one first")
    _write(store, tenant, name, cleaned(query), author, removed=False)


def remove(store: LedgerStore, tenant: str, name: str, author: str) -> None:
    """Remove a view; one that is not there stays away.

    Raises:
        WrongQuestion: The name is none that a view can have.
    """
    if len(name) > NAME_CHARACTERS_MAX:
        raise WrongQuestion(f"a view's name has 1 to {NAME_CHARACTERS_MAX} characters")
    _write(store, tenant, name, "", author, removed=True)


def cleaned(query: str) -> str:
    """Return the parts of a query string that the explorer knows.

    Raises:
        WrongQuestion: It is too long.
    """
    if len(query) > QUERY_CHARACTERS_MAX:
        raise WrongQuestion(f"a view's query has at most {QUERY_CHARACTERS_MAX} characters")
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode([(name, value) for name, value in pairs if name in PARTS and value])


def add_views(api: FastAPI, collector: Collected) -> None:
    """Add the routes of saved views."""

    @api.get("/v1/views")
    def list_views(tenant: Tenant) -> dict[str, Any]:
        """Return the saved views, by name."""
        rows = [asdict(one) for one in views(collector.store, tenant)]
        return {"rows": [plain_row(row) for row in rows]}

    @api.post("/v1/views", status_code=201)
    def save_view(analyst: Analyst, view: NewView) -> dict[str, str]:
        """Save a view; one of the same name is replaced."""
        save(collector.ledger, analyst.tenant, view.name, view.query, name_of(analyst))
        return {"name": view.name.strip(), "query": cleaned(view.query)}

    @api.delete("/v1/views/{name:path}")
    def remove_view(analyst: Analyst, name: str) -> dict[str, str]:
        """Remove a view."""
        remove(collector.ledger, analyst.tenant, name, name_of(analyst))
        return {"name": name}


def _all(tenant: str) -> dict[str, Any]:
    return {"tenant": tenant, "limit": VIEWS_MAX}


def _write(
    store: LedgerStore, tenant: str, name: str, query: str, author: str, removed: bool
) -> None:
    row = {
        "tenant": tenant,
        "name": name,
        "query": query,
        "author": author,
        "saved_at": datetime.now(UTC),
        "removed": removed,
    }
    store.insert("saved_views", list(row), [list(row.values())])
