"""The Hugging Face library's InferenceClient: chat and text generation, of all its providers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType, ModuleType
from typing import Any, Final

from tollbook.clients.completions import Completions
from tollbook.export import Exporter
from tollbook.meter import Facts, Meter, Observation
from tollbook.process import Process
from tollbook.stream import AsyncEventTap, Watch, tapped


@dataclass(frozen=True)
class Lines(Completions):
    """Chat completions whose stream comes as the lines of its server-sent events."""

    provider: str = "huggingface"
    api_type: str | None = None
    ends: None = None  # several lines are one event

    def event(self, event: Any, first: bool) -> Facts | None:
        """Return the facts of a line: the first one, or one with a usage or a finish reason."""
        if type(event) is not str:
            return super().event(event, first)
        if event.startswith("data: [DONE]"):
            return Facts(last=True)
        if not event.startswith("data:"):
            return None
        said = '"usage"' in event or '"finish_reason"' in event
        return super().event(json.loads(event[5:]), first) if first or said else None


# By the task; the others say no usage.
TASKS: Final = MappingProxyType(
    {
        "conversational": Lines(),
        "text-generation": Lines("text_completion"),
        "feature-extraction": Lines("embeddings"),
    }
)


class HuggingFaceLibrary:
    """Reads the arguments and results of `_inner_post`."""

    def begin(
        self, client: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], exporter: Exporter
    ) -> Observation | None:
        """Return an observation if the task is one that has tokens."""
        request = args[0] if args else kwargs["request_parameters"]
        api = TASKS.get(request.task)
        if api is None:
            return None
        asked = api.asked(request.json if type(request.json) is dict else {})
        # A server of one's own is asked by its address, and the body names the model if any does.
        named = request.model if "://" not in (request.model or "") else asked.model
        asked = asked._replace(model=named, stream=bool(kwargs.get("stream")))
        return Observation(api, asked, request.url, exporter)

    def with_model(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], model: str
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """Return the arguments that ask another model, None where the address names it."""
        given = args[0] if args else kwargs["request_parameters"]
        if type(given.json) is not dict or "model" not in given.json:
            return None
        request = replace(given, model=model, json={**given.json, "model": model})
        if args:
            return (request, *args[1:]), dict(kwargs)
        return args, {**kwargs, "request_parameters": request}

    def settle(self, observation: Observation, result: Any) -> Any:
        """Keep an answer's bytes for the export thread, or tap the lines that will come."""
        if isinstance(result, bytes):
            observation.keep_body(result)
            observation.finish()
            return result
        observation.streamed = True
        if hasattr(result, "__anext__"):
            return AsyncEventTap(result, Watch(observation))
        return tapped(iter(result), Watch(observation))


def patch(module: ModuleType, process: Process) -> None:
    """Meter the library, given a module of one of its two clients."""
    meter = Meter(HuggingFaceLibrary(), process)
    if (client := vars(module).get("InferenceClient")) is not None:
        client._inner_post = meter.wrap(client._inner_post)
    if (client := vars(module).get("AsyncInferenceClient")) is not None:
        client._inner_post = meter.wrap_async(client._inner_post)
