"""The Cohere library: chat, generation and embeddings, by the units that are billed."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from functools import wraps
from types import MappingProxyType, ModuleType
from typing import Any, Final

from tollbook.clients.field import field, latest, token_count
from tollbook.clients.http_response import settle_response
from tollbook.export import Exporter
from tollbook.meter import Asked, Facts, Meter, Observation
from tollbook.model_call import Usage
from tollbook.process import Process
from tollbook.resent import RESENT

END_EVENTS: Final = frozenset({"message-end", "stream-end"})


@dataclass(frozen=True)
class Cohere:
    """An interface of the first or of the second version.

    Attributes:
        operation: The operation in the conventions.
    """

    operation: str
    provider: str = "cohere"
    api_type: str | None = None
    complete_at_end: bool = False
    ends: None = None

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Return the plain values of a request body."""
        get = body.get
        return Asked(
            get("model"),
            get("stream"),
            get("max_tokens"),
            get("temperature"),
            get("p"),
            seed=get("seed"),
        )

    def answer(self, answer: Any) -> Facts:
        """Return the facts of a whole answer."""
        reason = field(answer, "finish_reason")
        usage = field(answer, "usage")
        return Facts(
            field(answer, "response_id") or field(answer, "id"),
            usage=usage if usage is not None else field(answer, "meta"),
            finish_reasons=((0, reason),) if reason is not None else (),
        )

    def event(self, event: Any, first: bool) -> Facts | None:
        """Return the facts of a stream's first event and of its last."""
        kind = field(event, "type") or field(event, "event_type")
        if kind in END_EVENTS:
            end = self.answer(field(event, "delta") or field(event, "response"))
            return end._replace(last=end.usage is not None)
        return Facts(field(event, "id") or field(event, "generation_id")) if first else None

    def usage(self, usages: Sequence[Any], provider: str) -> Usage:
        """Return the tokens that are billed, which can be fewer than those that were counted."""
        billed = latest(usages, "billed_units")
        return Usage(
            input_tokens=whole_count(field(billed, "input_tokens")),
            output_tokens=whole_count(field(billed, "output_tokens")),
            search_units=whole_count(field(billed, "search_units")),
        )


def whole_count(value: Any) -> int | None:
    """Return a number of tokens that may have come with a decimal point."""
    return token_count(int(value) if isinstance(value, float) and value.is_integer() else value)


CHAT: Final = Cohere("chat")
EMBEDDINGS: Final = Cohere("embeddings")
RERANK: Final = Cohere("rerank")  # billed by searches of up to 100 documents
APIS: Final = MappingProxyType(
    {
        "v1/chat": CHAT,
        "v2/chat": CHAT,
        "v1/generate": Cohere("text_completion"),
        "v1/embed": EMBEDDINGS,
        "v2/embed": EMBEDDINGS,
        "v1/rerank": RERANK,
        "v2/rerank": RERANK,
    }
)


class CohereLibrary:
    """Reads the arguments and results of the HTTP client's methods."""

    def begin(
        self, client: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], exporter: Exporter
    ) -> Observation | None:
        """Return an observation if the request is for one of the interfaces."""
        api = APIS.get(args[0] if args else kwargs.get("path") or "")
        # The library repeats a failed request by calling itself: one call is one observation.
        if retries := kwargs.get("retries"):
            RESENT.set(retries)
            return None
        if api is None:
            return None
        body = kwargs.get("json")
        base_url = client.get_base_url(kwargs.get("base_url"))
        asked = api.asked(body if type(body) is dict else {})
        return Observation(api, asked, base_url, exporter)

    def with_model(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], model: str
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments that ask another model."""
        return args, {**kwargs, "json": {**kwargs["json"], "model": model}}

    def settle(self, observation: Observation, result: Any) -> Any:
        """Learn from the HTTP response, which the library is still to read."""
        settle_response(observation, result)
        return result


Contexts = Callable[..., AbstractContextManager[Any]]
AsyncContexts = Callable[..., AbstractAsyncContextManager[Any]]


def metered(meter: Meter, stream: Contexts) -> Contexts:
    """Return the method that opens a stream, metered and otherwise `stream`."""

    @contextmanager
    @wraps(stream)
    def opened(client: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with (
            meter.observed(client, args, kwargs) as (settle, args, kwargs),
            stream(client, *args, **kwargs) as response,
        ):
            settle(response)
            yield response

    return opened


def metered_async(meter: Meter, stream: AsyncContexts) -> AsyncContexts:
    """Return the method that opens an async stream, metered and otherwise `stream`."""

    @asynccontextmanager
    @wraps(stream)
    async def opened(client: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        with meter.observed(client, args, kwargs) as (settle, args, kwargs):
            async with stream(client, *args, **kwargs) as response:
                settle(response)
                yield response

    return opened


def patch(module: ModuleType, process: Process) -> None:
    """Meter the library, given its module `cohere.core.http_client`."""
    meter = Meter(CohereLibrary(), process)
    client, async_client = module.HttpClient, module.AsyncHttpClient
    client.request = meter.wrap(client.request)
    client.stream = metered(meter, client.stream)
    async_client.request = meter.wrap_async(async_client.request)
    async_client.stream = metered_async(meter, async_client.stream)
