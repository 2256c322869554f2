"""Settings and keys: what is in force, who may come in, and the parts of the collector."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response

from tollbook_collector.alert.routes import Routes
from tollbook_collector.alert.webhooks import Webhooks
from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.keys import managed
from tollbook_collector.answer.limits import Kills
from tollbook_collector.answer.pages.render import page
from tollbook_collector.answer.tenant import Admin, Reader, role_of
from tollbook_collector.detect.budgets import Budgets
from tollbook_collector.detect.section import DetectSection
from tollbook_collector.intake.keys import ADMIN, Key, WrongKeyRequest
from tollbook_collector.intake.scrape import Scrapes

# What a new key may do, as a form offers it.
SCOPES: Final = (
    ("ingest", "send"),
    ("view", "see pages"),
    ("query", "see, ask in SQL, handle incidents"),
    ("admin", "manage keys and the ledger"),
)
OVERLAP: Final = timedelta(days=1)
LIVES: Final = {
    "": None,
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "365d": timedelta(days=365),
}


def add_settings(api: FastAPI, collector: Collected) -> None:
    """Add the page of settings and keys."""

    @api.get("/settings", include_in_schema=False)
    def show(request: Request, reader: Reader) -> Response:
        return page(request, "settings", _context(collector, reader))

    @api.post("/settings/keys", include_in_schema=False)
    def create(
        request: Request,
        admin: Admin,
        scope: Annotated[str, Form()] = "ingest",
        name: Annotated[str, Form(max_length=100)] = "",
        life: Annotated[str, Form()] = "",
        for_tenant: Annotated[str, Form(max_length=100)] = "",
    ) -> Response:
        tenant = for_tenant if managed(admin) == "*" and for_tenant else admin.tenant
        if life not in LIVES:
            raise WrongKeyRequest(f"{life!r} is not a life of a key: 30d, 90d or 365d, or none")
        made = collector.key_desk.create(tenant, (scope,), name, LIVES[life])
        collector.share_keys()
        return page(request, "settings", _context(collector, admin, made))

    @api.post("/settings/keys/{key_id}/rotate", include_in_schema=False)
    def rotate(request: Request, admin: Admin, key_id: str) -> Response:
        made = collector.key_desk.rotate(key_id, managed(admin), OVERLAP)
        collector.share_keys()
        return page(request, "settings", _context(collector, admin, made))

    @api.post("/settings/keys/{key_id}/revoke", include_in_schema=False)
    def revoke(admin: Admin, key_id: str) -> Response:
        collector.key_desk.revoke(key_id, managed(admin))
        collector.share_keys()
        return RedirectResponse("/settings", 303)


def _context(
    collector: Collected, reader: Key, made: tuple[Key, str] | None = None
) -> dict[str, Any]:
    now = datetime.now(UTC)
    may = reader.allows(ADMIN)
    keys = [key.shown(now) for key in collector.key_desk.listing(managed(reader))] if may else []
    return {
        "title": "Settings and keys",
        "open": not reader.id,
        "may": may,
        "role_said": role_of(reader),
        "keys": keys,
        "active": sum(key["state"] == "active" for key in keys),
        "made": made,
        "scopes": SCOPES,
        "lives": list(LIVES),
        "tenants": managed(reader) == "*",
        "tenant": reader.tenant,
        "policy": _policy(collector, reader.tenant),
        "policy_path": str(collector.policy.path or ""),
    }


def _policy(collector: Collected, tenant: str) -> list[tuple[str, int, str, str]]:
    """Return the sections of tollbook.toml: name, entries, their names, what it is for."""
    policy = collector.policy

    def of(entries: Any) -> list[Any]:
        return [one for one in entries if getattr(one, "tenant", tenant) == tenant]

    listed = (
        ("budgets", of(policy.section(Budgets).entries), "what may be spent"),
        ("webhooks", of(policy.section(Webhooks).entries), "who is told"),
        ("routes", of(policy.section(Routes).entries), "of what"),
        ("kills", of(policy.section(Kills).entries), "what programs must not call"),
        ("scrape", of(policy.section(Scrapes).entries), "servers whose metrics are taken"),
    )
    found = [
        (
            name,
            len(entries),
            ", ".join(
                str(getattr(one, "name", "")) for one in entries[:8] if getattr(one, "name", "")
            ),
            why,
        )
        for name, entries, why in listed
    ]
    # Where nothing is said, the defaults of a section are in force.
    given = len(policy.section(DetectSection).model_fields_set)
    return [*found, ("detect", given, "", "which series are watched, and how many false alarms")]
