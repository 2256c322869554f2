"""The Ollama library: chat, generation and embeddings of a server of one's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType, ModuleType
from typing import Any, Final

from tollbook.clients.field import field, latest, token_count
from tollbook.export import Exporter
from tollbook.meter import Asked, Facts, Meter, Observation
from tollbook.model_call import Usage
from tollbook.process import Process
from tollbook.stream import tapped_async, tapped_when_read

COUNTS: Final = ("prompt_eval_count", "eval_count")


@dataclass(frozen=True)
class Ollama:
    """An interface of the server; the counts are in the last part of a stream.

    Attributes:
        operation: The operation in the conventions.
    """

    operation: str
    provider: str = "ollama"
    api_type: str | None = None
    complete_at_end: bool = False
    ends: None = None

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Return the plain values of a request body."""
        options = body.get("options")
        return Asked(
            body.get("model"),
            body.get("stream"),
            field(options, "num_predict"),
            field(options, "temperature"),
            field(options, "top_p"),
            seed=field(options, "seed"),
        )

    def answer(self, answer: Any) -> Facts:
        """Return the facts of a whole answer."""
        reason = field(answer, "done_reason")
        reasons = ((0, reason),) if reason is not None else ()
        # The counts alone: the vectors of an embedding are not to be held for them.
        usage = {name: field(answer, name) for name in COUNTS}
        return Facts(None, field(answer, "model"), usage=usage, finish_reasons=reasons)

    def event(self, event: Any, first: bool) -> Facts | None:
        """Return the facts of a stream's first part and of its last."""
        if field(event, "done") is True:
            return self.answer(event)._replace(last=True)
        return Facts(None, field(event, "model")) if first else None

    def usage(self, usages: Sequence[Any], provider: str) -> Usage:
        """Return the tokens; a prompt that the server still has in its cache is not counted."""
        return Usage(
            input_tokens=token_count(latest(usages, "prompt_eval_count")),
            output_tokens=token_count(latest(usages, "eval_count")),
        )


EMBEDDINGS: Final = Ollama("embeddings")
APIS: Final = MappingProxyType(
    {
        "/api/chat": Ollama("chat"),
        "/api/generate": Ollama("text_completion"),
        "/api/embed": EMBEDDINGS,
        "/api/embeddings": EMBEDDINGS,
    }
)


class OllamaLibrary:
    """Reads the arguments and results of `_request`."""

    def begin(
        self, client: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], exporter: Exporter
    ) -> Observation | None:
        """Return an observation if the request is for one of the interfaces."""
        api = APIS.get(args[2]) if len(args) > 2 else None
        if api is None:
            return None
        asked = api.asked(kwargs.get("json") or {})
        return Observation(api, asked, client._client.base_url, exporter)

    def with_model(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], model: str
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments that ask another model."""
        return args, {**kwargs, "json": {**kwargs["json"], "model": model}}

    def settle(self, observation: Observation, result: Any) -> Any:
        """Finish the observation with an answer, or with what the caller will read."""
        kind = type(result)  # a model of pydantic is slow to say that it lacks something
        if hasattr(kind, "__anext__"):
            return tapped_async(result, observation)
        if hasattr(kind, "__next__"):
            return tapped_when_read(result, observation)
        observation.keep(observation.api.answer(result))
        observation.finish()
        return result


def patch(module: ModuleType, process: Process) -> None:
    """Meter the library, given its module `ollama._client`."""
    meter = Meter(OllamaLibrary(), process)
    module.Client._request = meter.wrap(module.Client._request)
    module.AsyncClient._request = meter.wrap_async(module.AsyncClient._request)
