"""OpenAI's Realtime and Live interfaces: each response of a connection is a call.

So is each transcript; and of a live session its sound, which is billed by the second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter_ns, time_ns
from types import ModuleType
from typing import Any, Final

from tollbook.clients.connection import seen, url_of
from tollbook.clients.field import field, latest, token_count
from tollbook.clients.media import Media
from tollbook.clients.responses import FINISH_REASONS, TERMINAL_EVENTS, Responses
from tollbook.export import Exporter
from tollbook.meter import Asked, Facts, Observation
from tollbook.model_call import Usage
from tollbook.process import Process

STARTED_MAX: Final = 64  # responses under way on one connection
TRANSCRIBED: Final = "conversation.item.input_audio_transcription.completed"
TRANSCRIPT: Final = Media("text")
SOUND: Final = Media("speech")
DELEGATED: Final = Responses()  # what a live session has another model answer
DECISION: Final = replace(DELEGATED, operation="generate_content", api_type=None)
LIVE_EVENTS: Final = frozenset({"session.closed", "decision.event", "response.event"})
CONNECTIONS: Final = (
    "RealtimeConnection",
    "AsyncRealtimeConnection",
    "LiveConnection",
    "AsyncLiveConnection",
)


@dataclass(frozen=True)
class Realtime:
    """A response of a connection, whose event `response.done` has the usage."""

    provider: str = "openai"
    operation: str = "chat"
    api_type: str | None = "realtime"
    complete_at_end: bool = False
    ends: None = None

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Return nothing: a response is asked for by the session."""
        return Asked()

    def answer(self, answer: Any) -> Facts:
        """Return the facts of a response."""
        status = field(answer, "status")
        reason = FINISH_REASONS.get(status) if type(status) is str else None
        details = field(answer, "status_details")
        if status == "incomplete":
            reason = field(details, "reason")
        error = field(field(details, "error"), "code") if status == "failed" else None
        return Facts(
            field(answer, "id"),
            usage=field(answer, "usage"),
            finish_reasons=((0, reason),) if reason else (),
            error=error or ("failed" if status == "failed" else None),
        )

    def event(self, event: Any, first: bool) -> Facts | None:
        """Return the facts of the response in an event."""
        return self.answer(field(event, "response"))

    def usage(self, usages: Sequence[Any], provider: str) -> Usage:
        """Return the tokens; audio that was read from the cache is counted there."""
        inputs, outputs = (
            latest(usages, "input_token_details"),
            latest(usages, "output_token_details"),
        )
        cached = field(inputs, "cached_tokens_details")
        return Usage(
            input_tokens=token_count(latest(usages, "input_tokens")),
            cache_read_tokens=token_count(field(inputs, "cached_tokens")),
            input_audio_tokens=uncached(inputs, cached, "audio_tokens"),
            input_image_tokens=uncached(inputs, cached, "image_tokens"),
            output_tokens=token_count(latest(usages, "output_tokens")),
            output_audio_tokens=token_count(field(outputs, "audio_tokens")),
        )


def uncached(inputs: Any, cached: Any, name: str) -> int | None:
    """Return the tokens of a kind that were not read from the cache."""
    count = token_count(field(inputs, name))
    return max(count - (token_count(field(cached, name)) or 0), 0) if count is not None else None


API: Final = Realtime()


class Connection:
    """What was seen of one connection: its model, and when its responses began."""

    def __init__(self) -> None:
        self.model: object = None
        self.transcriber: object = None
        self._started: dict[object, tuple[int, int]] = {}

    def saw(self, event: Any, base_url: str, exporter: Exporter) -> None:
        """Record a response or a transcript that an event ends."""
        kind = field(event, "type")
        if kind == "response.created":
            if len(self._started) < STARTED_MAX:
                name = field(field(event, "response"), "id")
                self._started[name] = (time_ns(), perf_counter_ns())
        elif kind == "response.done":
            response = field(event, "response")
            asked = Asked(self.model, True, output_type=spoken(response))
            observation = Observation(API, asked, base_url, exporter)
            began = self._started.pop(field(response, "id"), None)
            if began is not None:
                observation.start_time_ns, observation.started_ns = began
            observation.keep(API.answer(response))
            observation.finish()
        elif kind in ("session.created", "session.updated", "session.started"):
            session = field(event, "session")
            self.model = field(session, "model") or self.model
            audio = field(field(field(session, "audio"), "input"), "transcription")
            said = audio or field(session, "input_audio_transcription")
            self.transcriber = field(said, "model") or self.transcriber
        elif kind == TRANSCRIBED and field(event, "usage") is not None:
            asked = Asked(self.transcriber, output_type="text")
            observation = Observation(TRANSCRIPT, asked, base_url, exporter)
            observation.keep(Facts(usage=field(event, "usage")))
            observation.finish()
        elif kind in LIVE_EVENTS:
            self._saw_live(kind, event, base_url, exporter)

    def _saw_live(self, kind: str, event: Any, base_url: str, exporter: Exporter) -> None:
        """Record what a live session had others answer, and its own sound at its end."""
        nested = field(event, "event")
        if kind == "session.closed":
            api: Media | Responses = SOUND
            asked = Asked(self.model, True, output_type="speech")
            usage = {"type": "duration", "seconds": field(field(event, "usage"), "seconds")}
            facts = Facts(field(field(event, "session"), "id"), usage=usage)
        elif kind == "decision.event":
            api, facts = DECISION, DECISION.answer(field(nested, "decision"))
            asked = Asked(facts.model)
        elif field(nested, "type") in TERMINAL_EVENTS:
            api, facts = DELEGATED, DELEGATED.answer(field(nested, "response"))
            asked = Asked(facts.model, True)
        else:
            return
        observation = Observation(api, asked, base_url, exporter)
        observation.keep(facts)
        observation.finish()


def spoken(response: Any) -> str | None:
    """Return the kind of output that a response was asked for, None where it does not say."""
    kinds = field(response, "output_modalities") or field(response, "modalities") or ()
    return "speech" if "audio" in kinds else "text" if "text" in kinds else None


def patch(module: ModuleType, process: Process) -> None:
    """Meter the connections of a module `openai.resources.realtime.realtime`, or `….live.live`."""
    for name in CONNECTIONS:
        connection_class = vars(module).get(name)
        if connection_class is not None:
            connection_class.parse_event = seen(connection_class.parse_event, see, process)


def see(connection: Any, event: Any, exporter: Exporter) -> None:
    """Take an event of a connection, of which is known what it said before."""
    known = vars(connection).get("tollbook_connection")
    if known is None:
        known = connection.tollbook_connection = Connection()
    known.saw(event, url_of(connection), exporter)
