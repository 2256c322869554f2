"""The Mistral library, and its clients for Azure and Google Cloud."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from types import MappingProxyType, ModuleType
from typing import Any, Final

from tollbook.clients.completions import Completions
from tollbook.clients.field import field, latest, token_count
from tollbook.clients.http_response import arguments_with_model, observation_of, settle_response
from tollbook.export import Exporter
from tollbook.meter import Api, Asked, Facts, Meter, Observation
from tollbook.model_call import Usage
from tollbook.process import Process
from tollbook.resent import RESENT, sent_again


@dataclass(frozen=True)
class Ocr:
    """Documents that are read: billed by the page."""

    operation: str = "generate_content"
    api_type: str | None = None
    provider: str = "mistral_ai"
    complete_at_end: bool = False
    ends: None = None

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Return the plain values of a request body."""
        return Asked(body.get("model"), output_type="text")

    def answer(self, answer: Any) -> Facts:
        """Return the facts of an answer."""
        return Facts(model=field(answer, "model"), usage=field(answer, "usage_info"))

    def event(self, event: Any, first: bool) -> Facts | None:
        """Return nothing: an answer does not come in pieces."""
        return None

    def usage(self, usages: Sequence[Any], provider: str) -> Usage:
        """Return the pages."""
        return Usage(pages=token_count(latest(usages, "pages_processed")))


CHAT: Final = Completions("chat", None, "mistral_ai")
# By the end of a request's path.
APIS: Final[Mapping[str, Api]] = MappingProxyType(
    {
        "/chat/completions": CHAT,
        "/agents/completions": CHAT,
        "/fim/completions": Completions("text_completion", None, "mistral_ai"),
        "/ocr": Ocr(),
        "/embeddings": Completions("embeddings", None, "mistral_ai"),
        ":rawPredict": CHAT,
        ":streamRawPredict": CHAT,
    }
)


class MistralLibrary:
    """Reads the arguments and results of `do_request`, which holds the retries."""

    def begin(
        self, client: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], exporter: Exporter
    ) -> Observation | None:
        """Return an observation if the request is for one of the interfaces."""
        request = args[1] if len(args) > 1 else kwargs["request"]
        path = request.url.path
        api = next((api for end, api in APIS.items() if path.endswith(end)), None)
        if api is None:
            return None
        RESENT.set(-1)  # as each time that it is sent is counted, the first one too
        stream = bool(args[3] if len(args) > 3 else kwargs.get("stream"))

        def asked(body: Mapping[str, Any]) -> Asked:
            return api.asked(body)._replace(seed=body.get("random_seed"))

        return observation_of(request, api, stream, exporter, asked)

    def with_model(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], model: str
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """Return the arguments that ask another model, None where the request names none."""
        return arguments_with_model(args, kwargs, model)

    def settle(self, observation: Observation, result: Any) -> Any:
        """Learn from the HTTP response, which the library is still to read."""
        settle_response(observation, result)
        return result


def patch(module: ModuleType, process: Process) -> None:
    """Meter the library, given a module of its clients' `BaseSDK`."""
    meter, client = Meter(MistralLibrary(), process), module.BaseSDK
    client.do_request = meter.wrap(client.do_request)
    client.do_request_async = meter.wrap_async(client.do_request_async)
    for name in ("retry", "retry_async"):
        again = getattr(module.utils, name)
        if not hasattr(again, "__wrapped__"):
            setattr(module.utils, name, counted(again))


def counted(retry: Callable[..., Any]) -> Callable[..., Any]:
    """Return the library's function that sends a request until it succeeds, with its sends counted.

    It returns what `retry` does, which is a coroutine where the request is one.
    """

    @wraps(retry)
    def counting(send: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return retry(sent_again(send), *args, **kwargs)

    return counting
