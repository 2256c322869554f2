"""How values are written in JSON: money as text with its digits, instants in UTC, NaN as null."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any


def plain(value: Any) -> Any:
    """Return a value as the JSON of every answer has it.

    Money is text, as a number would be read as a float by most. An instant without a zone is one of
    UTC. NaN, a percentile of nothing, is null.

    >>> plain(Decimal("0.250000000000")), plain(Decimal("120")), plain(Decimal(0)), plain(None)
    ('0.25', '120', '0', None)
    >>> plain(datetime(2026, 11, 20, 12, 0, 0, 5000))
    '2026-11-20T12:00:00.005000Z'
    """
    if isinstance(value, Decimal):
        text = format(value, "f")
        return (text.rstrip("0").rstrip(".") if "." in text else text) if value else "0"
    if isinstance(value, datetime):
        at = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        return at.isoformat().replace("+00:00", "Z")
    return None if isinstance(value, float) and value != value else value


def plain_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as the JSON of every answer has it."""
    return {name: plain(value) for name, value in row.items()}
