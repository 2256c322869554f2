"""OpenAI's Responses over a WebSocket that stays open: each response is a call.

A call begins when the program sends what it asks for, where limits can still stop it, and ends with
the event that ends its response. Several may be under way on one connection.
"""

from collections.abc import Mapping
from functools import wraps
from types import ModuleType
from typing import Any, Final

from tollbook.clients.connection import seen, url_of
from tollbook.clients.field import field, plain
from tollbook.clients.responses import TERMINAL_EVENTS, Responses
from tollbook.export import Exporter
from tollbook.meter import Asked, Meter, Observation
from tollbook.process import Process
from tollbook.tally import FAULT

API: Final = Responses()
CREATE: Final = "response.create"
CREATED: Final = "response.created"
# Responses of one connection, asked for or under way; beyond it the oldest is recorded as it is.
WAITING_MAX: Final = 256


class Conversation:
    """The responses of one connection."""

    def __init__(self) -> None:
        # Asked for and not begun, by the stream that they are sent on, the oldest first.
        self._asked: list[tuple[object, Observation]] = []
        self._under_way: dict[object, Observation] = {}

    def __del__(self) -> None:
        self.end()

    def ask(self, stream_id: object, observation: Observation) -> None:
        """Take a response that was asked for."""
        observation.streamed = True
        if len(self._asked) >= WAITING_MAX:
            self._asked.pop(0)[1].finish()
        # Where none is chosen, the library passes a mark of its own for that.
        self._asked.append((stream_id if type(stream_id) is str else None, observation))

    def saw(self, event: Any, connection: Any, exporter: Exporter) -> None:
        """Take an event that the server sent."""
        kind = field(event, "type")
        if kind == CREATED:
            self._begin(event, connection, exporter)
        elif kind in TERMINAL_EVENTS:
            observation = self._under_way.pop(field(field(event, "response"), "id"), None)
            if observation is not None:
                observation.saw(event)
                observation.finish()
        elif kind == "error":
            failed = self._next(field(event, "stream_id"))
            if failed is not None:
                error = field(event, "error")
                failed.finish(str(field(error, "code") or field(error, "type") or "error"))

    def end(self) -> None:
        """Record what was seen of the responses that will not come to their end."""
        for observation in (*self._under_way.values(), *(asked for _, asked in self._asked)):
            observation.finish()
        self._under_way.clear()
        self._asked.clear()

    def _begin(self, event: Any, connection: Any, exporter: Exporter) -> None:
        response = field(event, "response")
        observation = self._next(field(event, "stream_id"))
        if observation is None:  # sent past the connection, as a lane of a session does
            asked = Asked(field(response, "model"), True)
            observation = Observation(API, asked, url_of(connection), exporter)
            observation.streamed = True
        if len(self._under_way) >= WAITING_MAX:
            self._under_way.pop(next(iter(self._under_way))).finish()
        exporter.open.add(observation)
        self._under_way[field(response, "id")] = observation
        observation.saw_first_chunk()
        observation.saw(event)

    def _next(self, stream_id: object) -> Observation | None:
        """Return the oldest response that was asked for on a stream, without those refused."""
        self._asked = [pair for pair in self._asked if not pair[1].is_over]
        for pair in self._asked:
            if pair[0] == stream_id:
                self._asked.remove(pair)
                return pair[1]
        return None


def conversation_of(connection: Any) -> Conversation:
    """Return what is known of a connection."""
    known: Conversation | None = vars(connection).get("tollbook_conversation")
    if known is None:
        known = connection.tollbook_conversation = Conversation()
    return known


class SocketLibrary:
    """Reads what a program sends on a connection."""

    def begin(
        self, client: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], exporter: Exporter
    ) -> Observation | None:
        """Return an observation if the event asks for a response."""
        event = plain(args[0] if args else kwargs["event"])
        if not isinstance(event, Mapping) or event.get("type") != CREATE:
            return None
        asked = API.asked(event)._replace(stream=True)
        observation = Observation(API, asked, url_of(client), exporter)
        conversation_of(client).ask(event.get("stream_id"), observation)
        return observation

    def settle(self, observation: Observation, result: Any) -> Any:
        """Leave the call open: what it is answered comes later."""
        observation.exporter.open.add(observation)
        return result


def patch(module: ModuleType, process: Process) -> None:
    """Meter the connections of a module `openai.resources.responses.responses`."""
    meter = Meter(SocketLibrary(), process)
    for name, wrap, close in (
        ("ResponsesConnection", meter.wrap, ended),
        ("AsyncResponsesConnection", meter.wrap_async, ended_async),
    ):
        connection = vars(module).get(name)
        if connection is not None:  # older versions have none
            connection.send = wrap(connection.send)
            connection.close = close(connection.close, process)
            connection.parse_event = seen(connection.parse_event, see, process)


def see(connection: Any, event: Any, exporter: Exporter) -> None:
    """Take an event of a connection, which may begin or end a response."""
    conversation_of(connection).saw(event, connection, exporter)


def ended(close: Any, process: Process) -> Any:
    """Return what closes a connection, and records the responses that were under way."""

    @wraps(close)
    def closed(connection: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return close(connection, *args, **kwargs)
        finally:
            end(connection, process)

    return closed


def ended_async(close: Any, process: Process) -> Any:
    """Return what closes a connection, as `ended` does."""

    @wraps(close)
    async def closed(connection: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await close(connection, *args, **kwargs)
        finally:
            end(connection, process)

    return closed


def end(connection: Any, process: Process) -> None:
    """Record the responses of a connection that were under way. Never raises."""
    try:
        conversation_of(connection).end()
    except Exception:
        process.losses.count(FAULT)
