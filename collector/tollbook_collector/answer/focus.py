"""GET /v1/focus: the charges of a month as a FOCUS file, streamed."""

from collections.abc import Iterator
from typing import Final

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response, StreamingResponse

from tollbook_collector.answer.collected import Collected
from tollbook_collector.answer.tenant import Tenant
from tollbook_collector.money.focus import ENGINE_SETTINGS, FORMATS, Export, Focus, WrongExport

MEDIA_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}


def add_focus(api: FastAPI, collector: Collected) -> None:
    """Add the route."""

    @api.get("/v1/focus")
    def focus(
        tenant: Tenant,
        period: str,
        version: str = "1.4",
        granularity: str = "hour",
        format: str = "csv",
    ) -> Response:
        """Return the charges of a month in the columns of FOCUS."""
        try:
            export = Export.of(version, period, granularity, format)
        except WrongExport as wrong:
            return JSONResponse({"error": str(wrong)}, 400)
        pieces = collector.store.streamed(
            export.statement,
            FORMATS[format],
            export.parameters(tenant, collector.policy.section(Focus)),
            ENGINE_SETTINGS,
        )
        # The first piece is waited for, so that a refusal has a status of its own.
        first = next(pieces, b"")
        headers = {"content-disposition": f'attachment; filename="{export.file_name}"'}
        return StreamingResponse(
            _chained(first, pieces), media_type=MEDIA_TYPES[format], headers=headers
        )


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
