"""OpenAI's Realtime interface: each response of a connection is a call, and each transcript."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from time import perf_counter_ns, time_ns
from types import ModuleType
from typing import Any, Final

from tollbook.clients.field import field, latest, token_count
from tollbook.clients.media import Media
from tollbook.clients.responses import FINISH_REASONS
from tollbook.export import Exporter
from tollbook.meter import Asked, Facts, Observation
from tollbook.model_call import Usage
from tollbook.process import Process
from tollbook.tally import FAULT

STARTED_MAX: Final = 64  # responses under way on one connection
TRANSCRIBED: Final = "conversation.item.input_audio_transcription.completed"
TRANSCRIPT: Final = Media("text")


@dataclass(frozen=True)
class Realtime:
    """A response of a connection, whose event `response.done` has the usage."""

    provider: str = "openai"
    operation: str = "chat"
    api_type: str | None = "realtime"
    complete_at_end: bool = False

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
        elif kind in ("session.created", "session.updated"):
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


def spoken(response: Any) -> str | None:
    """Return the kind of output that a response was asked for, None where it does not say."""
    kinds = field(response, "output_modalities") or field(response, "modalities") or ()
    return "speech" if "audio" in kinds else "text" if "text" in kinds else None


def url_of(connection: Any) -> str:
    """Return where a connection of websockets leads to, empty where it does not say."""
    headers = getattr(getattr(connection, "request", None), "headers", None)
    host = headers.get("host") if headers is not None else None
    return f"https://{host}" if host else ""


def patch(module: ModuleType, process: Process) -> None:
    """Meter the connections of a module `openai.resources.realtime.realtime`."""
    for name in ("RealtimeConnection", "AsyncRealtimeConnection"):
        connection_class = getattr(module, name)
        connection_class.parse_event = metered(connection_class.parse_event, process)


def metered(parse_event: Any, process: Process) -> Any:
    """Return what makes an event of a message, and sees those that end a response."""

    @wraps(parse_event)
    def parsed(connection: Any, *args: Any, **kwargs: Any) -> Any:
        event = parse_event(connection, *args, **kwargs)
        try:
            exporter = process.exporter
            if exporter is not None and exporter.enabled:
                seen = vars(connection).get("tollbook_connection")
                if seen is None:
                    seen = connection.tollbook_connection = Connection()
                seen.saw(event, url_of(connection._connection), exporter)
        except Exception:
            process.losses.count(FAULT)
        return event

    return parsed
