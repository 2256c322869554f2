"""The xAI library, which speaks gRPC: chats sampled, streamed, parsed or deferred."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from tollbook.clients.completions import Completions
from tollbook.export import Exporter
from tollbook.meter import Asked, Facts, Meter, Observation
from tollbook.process import Process
from tollbook.stream import tapped_async, tapped_when_read

CALLS: Final = ("sample", "sample_batch", "parse", "defer", "defer_batch")
STREAMS: Final = ("stream", "stream_batch")


@dataclass(frozen=True)
class Chat(Completions):
    """A chat; its answers, one or many, are views of one message with one usage."""

    api_type: str | None = None
    provider: str = "x_ai"
    ends: None = None  # a batch is many answers

    def asked(self, body: Any) -> Asked:
        """Return the plain values of a request, a message of protobuf."""
        says = body.HasField
        return Asked(
            body.model,
            max_tokens=body.max_tokens if says("max_tokens") else None,
            temperature=round(body.temperature, 6) if says("temperature") else None,
            top_p=round(body.top_p, 6) if says("top_p") else None,
            seed=body.seed if says("seed") else None,
        )

    def answer(self, answer: Any) -> Facts:
        """Return the facts of an answer, of several, or of one with what it was parsed into."""
        response = answer[0] if isinstance(answer, tuple | list) else answer
        while isinstance(response, tuple | list):
            response = response[0]
        message = response.proto
        reasons = message.DESCRIPTOR.fields_by_name["outputs"].message_type.fields_by_name
        names = reasons["finish_reason"].enum_type.values_by_number
        return Facts(
            message.id or None,
            message.model or None,
            usage=usage_of(message.usage) if message.HasField("usage") else None,
            finish_reasons=tuple(
                (output.index, names[output.finish_reason].name)
                for output in message.outputs
                if output.finish_reason
            ),
        )

    def event(self, event: Any, first: bool) -> Facts | None:
        """Return the facts of what has come so far; the usage is cumulative."""
        facts = self.answer(event)
        return facts if first or facts.usage is not None or facts.finish_reasons else None


def usage_of(usage: Any) -> Mapping[str, Any]:
    """Return a usage in the names of chat completions."""
    # Older versions of the library do not know the field.
    priced = "cost_in_usd_ticks" in usage.DESCRIPTOR.fields_by_name
    ticks = usage.cost_in_usd_ticks if priced and usage.HasField("cost_in_usd_ticks") else None
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_prompt_text_tokens,
            "image_tokens": usage.prompt_image_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "cost_in_usd_ticks": ticks,
    }


CHAT: Final = Chat()


class XaiLibrary:
    """Reads a chat and its results."""

    def begin(
        self, client: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], exporter: Exporter
    ) -> Observation | None:
        """Return an observation of what a chat asks for."""
        return Observation(CHAT, CHAT.asked(client.proto), "https://api.x.ai", exporter)

    def settle(self, observation: Observation, result: Any) -> Any:
        """Finish the observation with an answer, or with what the caller will read."""
        if hasattr(result, "__anext__"):
            observation.asked = observation.asked._replace(stream=True)
            return tapped_async(result, observation)
        if hasattr(result, "__next__"):
            observation.asked = observation.asked._replace(stream=True)
            return tapped_when_read(result, observation)
        observation.keep(observation.api.answer(result))
        observation.finish()
        return result


@dataclass(frozen=True)
class QuietTracer:
    """The library's own tracer, which records nothing while its calls are metered.

    Its span has the same call, so both would be the call twice.
    """

    tracer: Any
    silent: Any
    process: Process

    def __getattr__(self, name: str) -> Any:
        exporter = self.process.exporter
        metered = exporter is not None and exporter.enabled
        return getattr(self.silent if metered else self.tracer, name)


def patch(module: ModuleType, process: Process) -> None:
    """Meter the library, given its module `xai_sdk.sync.chat` or `xai_sdk.aio.chat`."""
    from opentelemetry.trace import NoOpTracer

    meter, chat = Meter(XaiLibrary(), process), module.Chat
    wrap = meter.wrap_async if module.__name__ == "xai_sdk.aio.chat" else meter.wrap
    for name in CALLS:
        setattr(chat, name, wrap(getattr(chat, name)))
    for name in STREAMS:
        setattr(chat, name, meter.wrap(getattr(chat, name)))
    vars(module)["tracer"] = QuietTracer(module.tracer, NoOpTracer(), process)
