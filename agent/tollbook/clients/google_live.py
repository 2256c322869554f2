"""The Live interface of the Google Gen AI library: each turn of a session is a call."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import wraps
from time import perf_counter_ns, time_ns
from types import ModuleType
from typing import Any

from tollbook.clients.field import field
from tollbook.clients.google import Content
from tollbook.export import Exporter
from tollbook.meter import Asked, Facts, Observation
from tollbook.process import Process
from tollbook.tally import FAULT


@dataclass(frozen=True)
class Turn(Content):
    """A turn of a session; its usage is cumulative in every message of it."""

    def answer(self, answer: Any) -> Facts:
        """Return the facts of a message."""
        usage = answer.usage_metadata
        said = usage.model_dump(mode="json", by_alias=True, exclude_none=True) if usage else None
        return Facts(usage=said, finish_reasons=((0, "STOP"),) if is_over(answer) else ())


def is_over(message: Any) -> bool:
    """Return whether a message ends a turn."""
    return field(message.server_content, "turn_complete") is True


class Turns:
    """What was seen of one session.

    Args:
        model: The model that it was opened with.
        base_url: Where it leads to.
        provider: Who answers.
    """

    def __init__(self, model: object, base_url: object, provider: str) -> None:
        self._asked = Asked(model, True)
        self._base_url = base_url
        self._api = Turn(provider)
        self._began: tuple[int, int] | None = None
        self._facts: Facts | None = None

    def saw(self, message: Any, exporter: Exporter) -> None:
        """Take a message; the one that ends a turn records it."""
        if self._began is None:
            self._began = (time_ns(), perf_counter_ns())
        if message.usage_metadata is not None:
            self._facts = self._api.answer(message)
        if is_over(message):
            self.end(exporter)

    def end(self, exporter: Exporter) -> None:
        """Record the turn under way, if anything was billed in it."""
        began, facts = self._began, self._facts
        self._began = self._facts = None
        if began is None or facts is None:
            return
        observation = Observation(self._api, self._asked, self._base_url, exporter)
        observation.start_time_ns, observation.started_ns = began
        observation.streamed = True
        observation.ended = bool(facts.finish_reasons)
        observation.keep(facts)
        observation.finish()


def patch(module: ModuleType, process: Process) -> None:
    """Meter the sessions of a module `google.genai.live`."""
    session, live = module.AsyncSession, module.AsyncLive
    session._receive = received(session._receive, process)
    live.connect = connected(live.connect, process)


def received(receive: Any, process: Process) -> Any:
    """Return what receives a message, and sees the usage in it."""

    @wraps(receive)
    async def seen(session: Any, *args: Any, **kwargs: Any) -> Any:
        message = await receive(session, *args, **kwargs)
        try:
            exporter, turns = process.exporter, vars(session).get("tollbook_turns")
            if exporter is not None and exporter.enabled and turns is not None:
                turns.saw(message, exporter)
        except Exception:
            process.losses.count(FAULT)
        return message

    return seen


def connected(connect: Any, process: Process) -> Any:
    """Return what opens a session, and knows its model."""

    @wraps(connect)
    @asynccontextmanager
    async def opened(live: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        async with connect(live, *args, **kwargs) as session:
            turns = begin(live, session, kwargs.get("model"), process)
            try:
                yield session
            finally:
                end(turns, process)

    return opened


def begin(live: Any, session: Any, model: object, process: Process) -> Turns | None:
    """Return what will be known of a session. Never raises."""
    try:
        client = live._api_client
        provider = "gcp.vertex_ai" if client.vertexai else "gcp.gemini"
        base_url = field(client._http_options, "base_url") or ""
        turns = session.tollbook_turns = Turns(model, base_url, provider)
        return turns
    except Exception:
        process.losses.count(FAULT)
        return None


def end(turns: Turns | None, process: Process) -> None:
    """Record a turn that did not come to its end. Never raises."""
    try:
        exporter = process.exporter
        if turns is not None and exporter is not None and exporter.enabled:
            turns.end(exporter)
    except Exception:
        process.losses.count(FAULT)
