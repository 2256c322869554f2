"""What connections of OpenAI's library have in common: an event is seen where it is parsed."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from tollbook.export import Exporter
from tollbook.process import Process
from tollbook.tally import FAULT

See = Callable[[Any, Any, Exporter], None]  # a connection, an event of it, and the exporter


def seen(parse_event: Callable[..., Any], see: See, process: Process) -> Callable[..., Any]:
    """Return what makes an event of a message, and shows it to `see`, which may fail."""

    @wraps(parse_event)
    def parsed(connection: Any, *args: Any, **kwargs: Any) -> Any:
        event = parse_event(connection, *args, **kwargs)
        try:
            exporter = process.exporter
            if exporter is not None and exporter.enabled:
                see(connection, event, exporter)
        except Exception:
            process.losses.count(FAULT)
        return event

    return parsed


def url_of(connection: Any) -> str:
    """Return where a connection leads to, empty where it does not say."""
    headers = getattr(getattr(connection._connection, "request", None), "headers", None)
    host = headers.get("host") if headers is not None else None
    return f"https://{host}" if host else ""
