"""`instrument()`: the one line that a program adds."""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from tollbook import clients
from tollbook.process import PROCESS


def instrument(
    *,
    service: str | None = None,
    endpoint: str | None = None,
    tags: Mapping[str, str] | None = None,
    exporter: Literal["otlp"] | None = "otlp",
    stream_usage: Literal["estimate", "inject"] | None = None,
    content: Iterable[str] | None = None,
    redact: Callable[[str], str] | None = None,
) -> None:
    """Meter every model call that the installed client libraries make from now on.

    Libraries that are imported already are metered at once, others when the program imports them.
    Calling it again changes the settings and nothing else. Starts no thread and opens no socket.

    Args:
        service: Name of the service; default `TOLLBOOK_SERVICE`, `OTEL_SERVICE_NAME`, else
            `unknown_service:python`.
        endpoint: Base URL of the collector; default `TOLLBOOK_ENDPOINT`,
            `OTEL_EXPORTER_OTLP_ENDPOINT`, else `http://localhost:4318`.
        tags: Tags of every call, which `tollbook.tags()` overrides; default none.
        exporter: "otlp" sends to the collector; None gives the spans to the TracerProvider that the
            program itself has set for OpenTelemetry, and sends nothing.
        stream_usage: Of streams of OpenAI's shape that were not asked for their usage: "estimate"
            counts the text and flags that; "inject" asks for it and keeps the chunk that answers
            from the program; default `TOLLBOOK_STREAM_USAGE`, else "estimate".
        content: What of prompts and answers leaves the process, of "system", "prompts", "answers"
            and "tools", without secrets, e-mail addresses, numbers of cards and of telephones;
            default `TOLLBOOK_CONTENT`, else none of it.
        redact: Takes more out of a text of content, after the built-in rules; runs on the export
            thread. Where it raises, no content of the call leaves.

    Raises:
        SettingInvalid: An argument or a variable of the environment cannot be used. Nothing raises
            after this.
    """
    from tollbook.settings import read_settings

    settings = read_settings(
        os.environ,
        service=service,
        endpoint=endpoint,
        tags=tags,
        handed_over=exporter is None,
        stream_usage=stream_usage,
        content=content,
        redact=redact,
    )
    if settings.disabled:
        PROCESS.stop()
        return
    PROCESS.start(settings)
    clients.install(PROCESS)
