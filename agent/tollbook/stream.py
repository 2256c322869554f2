"""Taps of streams, in place: the caller keeps the library's own stream object.

Two taps see all ends of a stream. The one in the stream's private iterator sees events, the normal
end and errors. The one around the body of the HTTP response sees `close()`, which every way of
stopping early comes down to; where the body is all that the caller gets, it sees the bytes too.
A dropped stream ends when what its taps share is finalized.
"""

import functools
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from types import AsyncGeneratorType
from typing import Any, Final, cast

from tollbook.meter import Observation
from tollbook.resent import RESENT
from tollbook.tally import FAULT

BODY_KINDS: Final = ("SyncByteStream", "AsyncByteStream")
# The end of chat completions, and of messages: the delta with the reason has the whole usage.
LAST_EVENT: Final = re.compile(
    rb'(?:^|\n)data: ?(?:\[DONE\]|\{"type": ?"message_delta"[^\n]*"stop_reason": ?"'
    rb'|\{"type": ?"message_stop")'
)
Tap = Callable[[Any, "Watch"], Any]
BODY_BYTES_MAX: Final = 4 * 2**20  # kept of one raw body, as it came over the wire


class Watch:
    """What the taps of one stream share: the observation, and whether a read is under way.

    While a read is under way, a close is not the end of the story: the library closes the response
    before the read's exception reaches the caller, and the exception says more.

    Where the stream is the body of an HTTP response, it stands in the body's place and passes it
    on: one object for what would else be two of each call. `tap_body` makes it the body's own kind.

    Args:
        observation: The call.
        body: The body that it stands for.
        keep: Whether the body's bytes are the only thing to learn from.
    """

    __slots__ = ("_body", "_keep", "observation", "reading")
    # What the Anthropic library looks for on a body, per event; found here, it need not look on.
    stream_observer: None = None

    def __init__(self, observation: Observation, body: Any = None, keep: bool = False) -> None:
        self.observation = observation
        self.reading = False
        self._body = body
        self._keep = keep
        observation.exporter.open.add(observation)

    def closed(self) -> None:
        """Record a stream that was closed or dropped before its end."""
        if not self.reading:
            self.observation.finish()

    def __del__(self) -> None:
        self.observation.finish()

    def read_to_the_end(self) -> None:
        """Record a stream's normal end."""
        self.observation.ended = True
        self.observation.finish()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)

    def __iter__(self) -> Iterator[bytes]:
        return self._kept(iter(self._body)) if self._keep else iter(self._body)

    def __aiter__(self) -> AsyncIterator[bytes]:
        body = self._body.__aiter__()
        return self._kept_async(body) if self._keep else cast(AsyncIterator[bytes], body)

    def close(self) -> None:
        """Record the end, and close the body."""
        if not self.reading:
            self.observation.finish()
        self._body.close()

    async def aclose(self) -> None:
        """Record the end, and close the body."""
        if not self.reading:
            self.observation.finish()
        await self._body.aclose()

    def _kept(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        try:
            self.reading = True
            for chunk in chunks:
                self.reading = False
                keep_bytes(self.observation, chunk)
                if says_all(chunk):
                    self.read_to_the_end()
                yield chunk
                self.reading = True
            self.read_to_the_end()
        except GeneratorExit:
            raise
        except BaseException as error:
            self.observation.fail(error)
            raise
        finally:
            self.reading = False

    async def _kept_async(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            self.reading = True
            async for chunk in chunks:
                self.reading = False
                keep_bytes(self.observation, chunk)
                if says_all(chunk):
                    self.read_to_the_end()
                yield chunk
                self.reading = True
            self.read_to_the_end()
        except GeneratorExit:
            raise
        except BaseException as error:
            self.observation.fail(error)
            raise
        finally:
            self.reading = False
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()


def tapped(source: Iterator[Any], watch: Watch) -> Iterator[Any]:
    """Yield the events of a synchronous stream.

    A generator, as the least that can stand between a stream and its reader. What is called with an
    event is, where the interface allows it, the `append` of a short queue and nothing of ours.
    """
    observation = watch.observation
    see: Callable[[Any], None] | None = None
    only: str | None = None
    try:
        watch.reading = True
        for event in source:
            watch.reading = False
            if see is None:
                see = observation.see_first(event)
                only = observation.only
            elif only is None or getattr(event, "type", None) == only:
                see(event)
            yield event
            watch.reading = True
        observation.ended = True
        observation.finish()
    except GeneratorExit:
        observation.finish()
        raise
    except BaseException as error:
        observation.fail(error)
        raise
    finally:
        watch.reading = False


def tapped_when_read(source: Iterator[Any], observation: Observation) -> Iterator[Any]:
    """Yield the events of a generator whose request is sent when it is first read.

    The call begins then; one that is never read is none.
    """
    observation.begin_now()
    observation.streamed = True
    RESENT.set(-1)  # each time that it is sent is counted, the first one too
    yield from tapped(source, Watch(observation))


async def tapped_async(
    source: AsyncGenerator[Any, None], observation: Observation
) -> AsyncGenerator[Any, None]:
    """Yield the events of an async generator whose request is sent when it is first read."""
    observation.begin_now()
    observation.streamed = True
    try:
        async for event in tap_of(source, Watch(observation)):
            yield event
    finally:
        observation.finish()
        await source.aclose()


async def _tapped_async(source: AsyncIterator[Any], watch: Watch) -> AsyncIterator[Any]:
    """Yield the events of an asynchronous stream, as `tapped` does those of the other kind."""
    observation = watch.observation
    see: Callable[[Any], None] | None = None
    only: str | None = None
    try:
        watch.reading = True
        async for event in source:
            watch.reading = False
            if see is None:
                see = observation.see_first(event)
                only = observation.only
            elif only is None or getattr(event, "type", None) == only:
                see(event)
            yield event
            watch.reading = True
        watch.read_to_the_end()
    except GeneratorExit:
        observation.finish()
        raise
    except BaseException as error:
        observation.fail(error)
        raise
    finally:
        watch.reading = False


class GeneratorTap:
    """The iterator of an asynchronous stream that is a generator, passing every event on.

    The tap within is a generator too, which takes half of what a coroutine for each event would.
    The end of one that is dropped would be left to the event loop: hence this around it. What gives
    the next event is a slot, so that there is no call of ours for each.
    """

    __slots__ = ("__anext__", "_source", "_watch")
    __anext__: Callable[[], Awaitable[Any]]

    def __init__(self, source: AsyncIterator[Any], watch: Watch) -> None:
        self._source = source
        self._watch = watch
        self.__anext__ = _tapped_async(source, watch).__anext__

    def __aiter__(self) -> "GeneratorTap":
        return self

    def __del__(self) -> None:
        self._watch.observation.finish()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


def tap_of(source: AsyncIterator[Any], watch: Watch) -> AsyncIterator[Any]:
    """Return what passes the events of an asynchronous stream on, by what the stream is."""
    kind = GeneratorTap if isinstance(source, AsyncGeneratorType) else AsyncEventTap
    return kind(source, watch)


class AsyncEventTap:
    """The iterator of an asynchronous stream that is no generator, passing every event on.

    Such a one may go on after an exception, which a generator around it could not.
    """

    __slots__ = ("_see", "_source", "_watch")

    def __init__(self, source: AsyncIterator[Any], watch: Watch) -> None:
        self._source = source
        self._watch = watch
        self._see: Callable[[Any], None] | None = None

    def __aiter__(self) -> "AsyncEventTap":
        return self

    async def __anext__(self) -> Any:
        watch = self._watch
        watch.reading = True
        try:
            event = await self._source.__anext__()
        except StopAsyncIteration:
            watch.read_to_the_end()
            raise
        except BaseException as error:
            watch.observation.fail(error)
            raise
        finally:
            watch.reading = False
        if self._see is None:
            self._see = watch.observation.see_first(event)
        else:
            self._see(event)
        return event

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


def says_all(chunk: bytes) -> bool:
    """Return whether a piece of a body has the event after which there is nothing to learn.

    Some libraries read no further, and hold the response for good. Inside of an event a line
    cannot begin: its JSON has no line feeds.
    """
    return LAST_EVENT.search(chunk) is not None


def keep_bytes(observation: Observation, chunk: bytes) -> None:
    """Keep a piece of a raw body, and none of it once it is over the limit. Never raises."""
    try:
        if observation.first_chunk_ns is None:
            observation.saw_first_chunk()
        if observation.body is None:
            return
        observation.body_bytes += len(chunk)
        if observation.body_bytes > BODY_BYTES_MAX:
            observation.drop_body()
        else:
            observation.body.append(chunk)
    except Exception:
        observation.exporter.losses.count(FAULT)


@functools.cache
def _watch_class(body_class: Any) -> type[Watch]:
    """Return a watch that is of the kinds of stream that `body_class` is, as the response checks.

    Inheriting is what the check asks for; the kinds are interfaces without a state of their own.
    """
    kinds = [kind for kind in body_class.__mro__ if kind.__name__ in BODY_KINDS]
    return type("BodyWatch", (Watch, *kinds), {"__slots__": ()})


def tap_events(stream: Any, observation: Observation, tap: Tap) -> None:
    """Tap a stream object of a client library, with `tapped` or, if it is async, `tap_of`."""
    watch = tap_body(stream.response, observation)
    stream._iterator = tap(stream._iterator, watch)
    observation.streamed = True


def tap_body(response: Any, observation: Observation, keep: bool = False) -> Watch:
    """Tap the body of an HTTP response that is still to be read.

    Args:
        response: The response of httpx or httpx2.
        observation: The call.
        keep: Whether the bytes are the only thing to learn from.

    Returns:
        What the taps of this stream share.
    """
    body = response.stream
    watch: Watch = _watch_class(body.__class__)(observation, body, keep)
    response.stream = watch
    return watch
