"""POST /v1/reconcile: a provider's bill beside what was metered."""

import asyncio
import base64
import binascii
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.tenant import AnalystTenant
from tollbook_collector.money.bills.bill import WrongBill
from tollbook_collector.money.reconcile import reconcile

BODY_BYTES_MAX: Final = 128 << 20
FILES_MAX: Final = 100


class BillFile(BaseModel):
    """A file of a bill, its content in base 64."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=255)
    content: str


class Bill(BaseModel):
    """The files of a bill."""

    model_config = ConfigDict(extra="forbid")

    files: list[BillFile] = Field(min_length=1, max_length=FILES_MAX)


def add_reconcile(api: FastAPI, collector: Collected) -> None:
    """Add the route."""

    @api.post("/v1/reconcile")
    async def compare(tenant: AnalystTenant, request: Request) -> Response:
        """Read a bill, compare it with what was metered, and rank the causes of differences."""
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > BODY_BYTES_MAX:
                text = f"a bill has at most {BODY_BYTES_MAX} bytes in base 64; split it by day"
                return JSONResponse({"error": text}, 413)
        try:
            files = [
                (one.name, base64.b64decode(one.content, validate=True))
                for one in Bill.model_validate_json(bytes(body)).files
            ]
        except (ValidationError, binascii.Error) as error:
            first = str(error).split("\n")[0]
            return JSONResponse({"error": f"no files in base 64: {first}"}, 400)
        store: Any = collector.store
        try:
            found = await asyncio.to_thread(reconcile, store, tenant, files)
        except WrongBill as wrong:
            return JSONResponse({"error": str(wrong)}, 400)
        return JSONResponse(found.values())
