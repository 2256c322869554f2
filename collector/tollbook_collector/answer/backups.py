"""Backups over REST: made by the collector itself, as only it can hold its inserts back."""

from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, HTTPException

from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.questions import WrongQuestion
from tollbook_collector.answer.tenant import Admin
from tollbook_collector.intake.keys import EVERY_TENANT
from tollbook_collector.store.backup import NAME, BackupRefused


def add_backups(api: FastAPI, collector: Collected) -> None:
    """Add the route of backups."""

    @api.post("/v1/backups")
    def back_up(key: Admin, name: str) -> dict[str, Any]:
        """Make a backup under a name in the collector's directory, and return what is in it."""
        if key.id and key.tenant != EVERY_TENANT:
            raise HTTPException(403, "a backup has the data of all tenants: ask with a key of *")
        if not NAME.fullmatch(name):
            raise WrongQuestion(f"{name!r} is no name: letters, digits, '.', '_' and '-'")
        try:
            path, found = collector.back_up(name)
        except BackupRefused as refusal:
            raise WrongQuestion(str(refusal)) from refusal
        except OSError as error:
            raise HTTPException(507, f"the backup could not be written: {error}") from error
        shown = {n: value for n, value in asdict(found).items() if n != "files"}
        return {"path": str(path), "bytes": found.size_bytes, "files": len(found.files), **shown}
