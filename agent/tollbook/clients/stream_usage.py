"""Usage of OpenAI's streams, which say none unless they are asked to: estimated, or asked for.

By default the request stays as it is and what was read is counted, flagged as an estimate. With
`stream_usage="inject"` the request asks, and the chunk that answers is kept from the caller.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from tollbook import estimate
from tollbook.clients.field import field
from tollbook.ends import Ends
from tollbook.export import Exporter
from tollbook.meter import Api, Asked, Facts
from tollbook.model_call import Usage
from tollbook.tally import FAULT, Losses

# Of English; other texts have fewer bytes a token, so that less is estimated than was used.
BYTES_PER_TOKEN: Final = 4
TOKENS_PER_ITEM: Final = 4  # roles and separators around each message
INJECT: Final = "inject"
RAW_HEADER: Final = "X-Stainless-Raw-Response"  # the caller reads the bytes, which cannot be hidden


class Estimated:
    """An interface that counts what a stream says, for the case that it says no usage."""

    __slots__ = ("_api", "_input", "_output_bytes")

    def __init__(self, api: Api, body: Mapping[str, Any]) -> None:
        self._api = api
        size = estimate.size_of(body)
        self._input = (
            -(-size.text_bytes // BYTES_PER_TOKEN) + size.tokens + TOKENS_PER_ITEM * size.items
        )
        self._output_bytes = 0

    @property
    def operation(self) -> str:
        """The operation of the interface."""
        return self._api.operation

    @property
    def api_type(self) -> str | None:
        """The type of the interface."""
        return self._api.api_type

    @property
    def provider(self) -> str:
        """The provider of the interface."""
        return self._api.provider

    @property
    def complete_at_end(self) -> bool:
        """Whether the interface's streams have said all at their end."""
        return self._api.complete_at_end

    @property
    def ends(self) -> Ends | None:
        """How the interface keeps a stream's ends, and what counts the text in between."""
        ends = self._api.ends
        return ends and ends._replace(keeping=self.keeping, read=self._api.event)

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Return what the interface reads."""
        return self._api.asked(body)

    def answer(self, answer: Any) -> Facts:
        """Return what the interface reads."""
        return self._api.answer(answer)

    def event(self, event: Any, first: bool) -> Facts | None:
        """Return what the interface reads, and count the text."""
        self._count(event)
        return self._api.event(event, first)

    def keeping(
        self, keep: Callable[[Any], None], _: Callable[[Any], None], losses: Losses
    ) -> Callable[[Any], None]:
        """Return what counts an event and keeps it."""

        def see(event: Any) -> None:
            try:
                self._count_usual(event)
            except Exception:
                losses.count(FAULT)
            keep(event)

        return see

    def _count_usual(self, event: Any) -> None:
        """Count the text of an event, which is one choice with a piece of text, if it is usual."""
        try:
            (choice,) = event.choices
            delta = choice.delta
            said = delta.content
            usual = type(said) is str and said.isascii() and delta.tool_calls is None
        except (AttributeError, TypeError, ValueError):
            usual = False
        if usual:
            self._output_bytes += len(said)
        else:
            self._count(event)

    def _count(self, event: Any) -> None:
        for choice in field(event, "choices") or ():
            delta = field(choice, "delta")
            said = field(choice, "text") if delta is None else field(delta, "content")
            if isinstance(said, str):
                self._output_bytes += estimate.bytes_of(said)
            for call in field(delta, "tool_calls") or ():
                arguments = field(field(call, "function"), "arguments")
                if isinstance(arguments, str):
                    self._output_bytes += estimate.bytes_of(arguments)

    def usage(self, usages: Sequence[Any], provider: str) -> Usage:
        """Return what the interface reads."""
        return self._api.usage(usages, provider)

    def estimate(self) -> Usage:
        """Return what the text amounts to, about."""
        output = -(-self._output_bytes // BYTES_PER_TOKEN)
        return Usage(input_tokens=self._input, output_tokens=output)


class Injected(Estimated):
    """An interface whose stream was asked for its usage by us."""

    __slots__ = ()


def with_usage(
    api: Api, body: Mapping[str, Any], options: Any, exporter: Exporter
) -> tuple[Api, Mapping[str, Any] | None]:
    """Return the interface for a stream, and the body to send instead, None for none.

    Args:
        api: An interface of chat completions.
        body: The request's body.
        options: The library's options of the request.
        exporter: Has the settings.
    """
    said = body.get("stream_options")
    if type(said) is dict and said.get("include_usage"):
        return api, None
    headers = options.headers
    raw = isinstance(headers, Mapping) and RAW_HEADER in headers
    if exporter.settings.stream_usage != INJECT or said is not None or raw:
        return Estimated(api, body), None
    return Injected(api, body), {**body, "stream_options": {"include_usage": True}}


def is_usage_alone(event: Any) -> bool:
    """Return whether a chunk is the one that was asked for by us."""
    return field(event, "usage") is not None and not field(event, "choices")


def hidden(chunks: Iterator[Any]) -> Iterator[Any]:
    """Yield the chunks but the one with the usage alone."""
    for chunk in chunks:
        if not is_usage_alone(chunk):
            yield chunk


class HiddenAsync:
    """The iterator of an asynchronous stream, without the chunk with the usage alone."""

    __slots__ = ("_chunks",)

    def __init__(self, chunks: AsyncIterator[Any]) -> None:
        self._chunks = chunks

    def __aiter__(self) -> "HiddenAsync":
        return self

    async def __anext__(self) -> Any:
        while is_usage_alone(chunk := await self._chunks.__anext__()):
            pass
        return chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chunks, name)
