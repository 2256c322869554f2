"""REST of the keys: list, create, rotate, revoke; an admin key manages those of its tenant."""

from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from tollbook_collector.answer.tenant import Admin
from tollbook_collector.intake.key_desk import KeyDesk, NoSuchKey
from tollbook_collector.intake.keys import EVERY_TENANT, INGEST, Key, Limits, WrongKeyRequest

DAY_S: int = 86_400
LIFE_S_MAX: int = 20 * 366 * DAY_S


class Keyed(Protocol):
    """What the routes need of the collector."""

    key_desk: KeyDesk

    def share_keys(self) -> None:
        """Put what the desk changed in force, here now and elsewhere within seconds."""


class NewKey(BaseModel):
    """A key that is asked for.

    Attributes:
        tenant: Whose data it is for; empty: the asking key's own tenant.
        scopes: Some of ingest, view, query, admin.
        name: For people.
        expires_in_s: Seconds until it ends; None: never.
        requests_per_s: Requests a second; 0: no limit. So the others.
        items_per_s: Spans, log records and data points a second.
        bytes_per_day: Uncompressed bytes a day, UTC.
    """

    model_config = ConfigDict(extra="forbid")

    tenant: str = ""
    scopes: list[str] = [INGEST]
    name: str = ""
    expires_in_s: int | None = Field(default=None, ge=1, le=LIFE_S_MAX)
    requests_per_s: int = Field(default=0, ge=0, lt=2**63)
    items_per_s: int = Field(default=0, ge=0, lt=2**63)
    bytes_per_day: int = Field(default=0, ge=0, lt=2**63)


class Rotation(BaseModel):
    """How a key is rotated.

    Attributes:
        overlap_s: Seconds for which the old and the new one are valid.
    """

    model_config = ConfigDict(extra="forbid")

    overlap_s: int = Field(default=DAY_S, ge=0, le=90 * DAY_S)


def add_keys(api: FastAPI, collector: Keyed) -> None:
    """Add the routes of the keys."""
    desk = collector.key_desk

    @api.get("/v1/keys")
    def list_keys(admin: Admin) -> dict[str, Any]:
        """Return the keys that the asking key manages, newest first; no secret is among them."""
        now = datetime.now(UTC)
        return {"keys": [key.shown(now) for key in desk.listing(managed(admin))]}

    @api.post("/v1/keys", status_code=201)
    def create_key(admin: Admin, asked: NewKey) -> dict[str, Any]:
        """Make a key and return it with its secret, which is shown this once."""
        tenant = asked.tenant or admin.tenant
        if managed(admin) not in (EVERY_TENANT, tenant):
            raise WrongKeyRequest(
                f"a key of {admin.tenant} makes keys of {admin.tenant}, not of {tenant!r}"
            )
        life = timedelta(seconds=asked.expires_in_s) if asked.expires_in_s else None
        limits = Limits(asked.requests_per_s, asked.items_per_s, asked.bytes_per_day)
        made = desk.create(tenant, tuple(asked.scopes), asked.name, life, limits)
        collector.share_keys()
        return _with_secret(*made)

    @api.post("/v1/keys/{key_id}/rotate", status_code=201)
    def rotate_key(admin: Admin, key_id: str, rotation: Rotation) -> dict[str, Any]:
        """Make the key that takes another one's place, and return it with its secret."""
        overlap = timedelta(seconds=rotation.overlap_s)
        made = desk.rotate(key_id, managed(admin), overlap)
        collector.share_keys()
        return _with_secret(*made)

    @api.delete("/v1/keys/{key_id}")
    def revoke_key(admin: Admin, key_id: str) -> dict[str, Any]:
        """End a key; every collector refuses it within 5 s."""
        key = desk.revoke(key_id, managed(admin))
        collector.share_keys()
        return key.shown(datetime.now(UTC))

    def wrong(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, 400)

    def missing(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, 404)

    api.add_exception_handler(WrongKeyRequest, wrong)
    api.add_exception_handler(NoSuchKey, missing)


def managed(admin: Key) -> str:
    """Return the tenant whose keys may be managed: of an open collector, all."""
    return admin.tenant if admin.id else EVERY_TENANT


def _with_secret(key: Key, token: str) -> dict[str, Any]:
    return {**key.shown(datetime.now(UTC)), "key": token}
