"""Usage that comes after the call: results of a batch, and answers made in the background.

It is in what the program reads later with a GET, so that is where it is seen. A line of a batch's
results is a call of its own; one that the program reads again is none.
"""

import functools
import json
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from time import perf_counter_ns, sleep, time
from types import ModuleType
from typing import Any, Final, Protocol

from tollbook.clients.completions import Completions
from tollbook.clients.field import field
from tollbook.clients.http_response import http_response
from tollbook.clients.messages import Messages
from tollbook.clients.responses import Responses
from tollbook.export import Exporter
from tollbook.meter import Api, Asked, Facts, Observation
from tollbook.model_call import Usage
from tollbook.process import Process
from tollbook.tally import BODY_DROPPED, FAULT

IDS_MAX: Final = 65_536  # of answers that were recorded, the latest ones
LINES_AT_ONCE: Final = 1024  # recorded before the program has the file; the others by a thread
WAIT_S: Final = 0.01  # of that thread, while the exporter has enough to do
CONTENT_BYTES_MAX: Final = 64 * 2**20  # of results that are read as a raw response
ERROR_STATUS_MIN: Final = 400
BATCH: Final = "batch"
CONTENT_PATH: Final = re.compile(r"/files/([^/]+)/content$")
RESPONSE_PATH: Final = re.compile(r"/responses/([^/?]+)$")
BATCH_PATH: Final = re.compile(r"/v1/messages/batches/([^/]+)/results$")
WAITING: Final = frozenset({"queued", "in_progress"})  # the states of an answer to come
# What is in the first line of a batch's results and not in other files.
RESULT_LINE: Final = re.compile(rb'^\s*\{(?=[^\n]*"custom_id")(?=[^\n]*"response")')


class Seen:
    """Ids of the answers that were recorded, so that one that is read twice is billed once.

    It has no lock, which a child could be forked with while another thread holds it.
    """

    def __init__(self) -> None:
        self._ids: dict[str, object] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._ids

    def add(self, name: object) -> None:
        """Remember an id."""
        self.is_new(name)

    def is_new(self, name: object) -> bool:
        """Return whether an id is new; what is no id always is."""
        if not isinstance(name, str):
            return True
        mine = object()
        if self._ids.setdefault(name, mine) is not mine:  # one step: one of several threads wins
            return False
        if len(self._ids) > IDS_MAX:
            with suppress(StopIteration, RuntimeError):  # another thread is at it
                self._ids.pop(next(iter(self._ids)), None)
        return True


@dataclass(frozen=True)
class BatchLine:
    """A line of the output of one of OpenAI's batches: an answer of another interface.

    Attributes:
        api: That interface.
    """

    api: Api
    complete_at_end: bool = True
    ends: None = None

    @property
    def operation(self) -> str:
        """The operation of the interface."""
        return self.api.operation

    @property
    def api_type(self) -> str | None:
        """The type of the interface."""
        return self.api.api_type

    @property
    def provider(self) -> str:
        """The provider of the interface."""
        return self.api.provider

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Return that nothing is known of the request."""
        return Asked(service_tier=BATCH)

    def answer(self, answer: Any) -> Facts:
        """Return the facts of a line."""
        response = field(answer, "response")
        status = field(response, "status_code")
        if type(status) is not int or status >= ERROR_STATUS_MIN:
            code = field(field(answer, "error"), "code")
            return Facts(error=str(status if status is not None else code or "error"))
        return self.api.answer(field(response, "body"))._replace(service_tier=BATCH)

    def event(self, event: Any, first: bool) -> Facts | None:
        """Return the facts of a line."""
        return self.answer(event)

    def usage(self, usages: Sequence[Any], provider: str) -> Usage:
        """Return the tokens as the interface counts them."""
        return self.api.usage(usages, provider)


def api_of(body: Any, provider: str) -> Api:
    """Return the interface that made the answer in a line."""
    kind = field(body, "object")
    if kind == "response":
        return Responses(provider)
    if kind == "list":
        return Completions("embeddings", None, provider)
    return Completions("text_completion" if kind == "text_completion" else "chat", None, provider)


class Reads(Protocol):
    """What a library's GET requests bring."""

    def read(self, client: Any, path: str, result: Any, exporter: Exporter) -> None:
        """Record the calls whose answers are in a result."""


class OpenAIReads:
    """Outputs of batches, and answers that were made in the background."""

    def __init__(self, provider_of: Callable[[Any], str]) -> None:
        self._provider_of = provider_of
        self._seen = Seen()

    def read(self, client: Any, path: str, result: Any, exporter: Exporter) -> None:
        """Record the calls whose answers are in a result."""
        if (named := RESPONSE_PATH.search(path)) is not None:
            self._read_response(client, named[1], result, exporter)
        elif (named := CONTENT_PATH.search(path)) is not None:
            name = named[1]

            def record(content: bytes) -> None:
                if RESULT_LINE.match(content):
                    self._read_batch(client, name, content, exporter)

            when_read(http_response(result), record, exporter)

    def _read_response(self, client: Any, name: str, response: Any, exporter: Exporter) -> None:
        over = field(response, "usage") is not None and field(response, "status") not in WAITING
        if not over or field(response, "background") is not True or not self._seen.is_new(name):
            return
        api = Responses(self._provider_of(client))
        observation = Observation(api, Asked(field(response, "model")), client.base_url, exporter)
        made, ended = field(response, "created_at"), field(response, "completed_at")
        if isinstance(made, int | float) and 0 < made < time():
            until = ended if isinstance(ended, int | float) and ended >= made else time()
            observation.start_time_ns = int(made * 1e9)
            observation.started_ns = perf_counter_ns() - int((until - made) * 1e9)
        observation.keep(api.answer(response))
        observation.finish()

    def _read_batch(self, client: Any, name: str, content: bytes, exporter: Exporter) -> None:
        if not self._seen.is_new(name):
            return
        lines = content.splitlines()
        body = field(field(json.loads(lines[0]), "response"), "body")
        api = BatchLine(api_of(body, self._provider_of(client)))

        def record(some: Sequence[bytes]) -> None:
            for line in some:
                if line:
                    observation = Observation(api, api.asked({}), client.base_url, exporter)
                    observation.keep_body(line)
                    observation.finish()

        record(lines[:LINES_AT_ONCE])
        if rest := lines[LINES_AT_ONCE:]:
            target = functools.partial(record_slowly, record, rest, exporter)
            threading.Thread(target=target, name="tollbook-batch", daemon=True).start()


def record_slowly(
    record: Callable[[Sequence[bytes]], None], lines: Sequence[bytes], exporter: Exporter
) -> None:
    """Record lines no faster than the exporter takes them, as its queue is short."""
    try:
        for start in range(0, len(lines), LINES_AT_ONCE):
            while exporter.waiting() > LINES_AT_ONCE:
                sleep(WAIT_S)
            record(lines[start : start + LINES_AT_ONCE])
    except Exception:
        exporter.losses.count(FAULT)


class AnthropicReads:
    """Results of batches of messages, as they are read."""

    def __init__(self, provider_of: Callable[[Any], str]) -> None:
        self._provider_of = provider_of
        self._seen = Seen()

    def read(self, client: Any, path: str, result: Any, exporter: Exporter) -> None:
        """Tap the results that the program will read."""
        if BATCH_PATH.search(path) is None:
            return
        api = Messages(self._provider_of(client))

        def record(line: Any) -> None:
            try:
                said = field(line, "result")
                message, kind = field(said, "message"), field(said, "type")
                if message is None or not self._seen.is_new(field(message, "id")):
                    return
                observation = Observation(api, Asked(service_tier=BATCH), client.base_url, exporter)
                facts = api.answer(message)._replace(service_tier=BATCH)
                observation.keep(facts)
                observation.finish(None if kind == "succeeded" else str(kind))
            except Exception:
                exporter.losses.count(FAULT)

        def record_all(content: bytes) -> None:
            for line in content.splitlines():
                record(json.loads(line))

        if not hasattr(type(result), "__decode__"):
            when_read(http_response(result), record_all, exporter)
            return
        lines = result._iterator
        several = hasattr(lines, "__anext__")
        result._iterator = passed_async(lines, record) if several else passed(lines, record)


class Kept:
    """A response's content while the program reads it, recorded when it has read all of it.

    Of which it reads a part only, or which is more than CONTENT_BYTES_MAX, is not, and counted.
    """

    def __init__(self, record: Callable[[bytes], None], exporter: Exporter) -> None:
        self._record = record
        self._exporter = exporter
        self._chunks: list[bytes] = []
        self._bytes = 0
        self.whole = False

    def add(self, chunk: bytes) -> None:
        """Keep a piece of it."""
        self._bytes += len(chunk)
        if self._bytes <= CONTENT_BYTES_MAX:
            self._chunks.append(chunk)

    def end(self) -> None:
        """Record it. Never raises."""
        try:
            if self.whole and self._bytes <= CONTENT_BYTES_MAX:
                self._record(b"".join(self._chunks))
            else:
                self._exporter.losses.count(BODY_DROPPED)
        except Exception:
            self._exporter.losses.count(FAULT)


def when_read(response: Any, record: Callable[[bytes], None], exporter: Exporter) -> None:
    """Have a response's content recorded, now or when the program has read it."""
    content = vars(response).get("_content")
    if isinstance(content, bytes):
        record(content)
        return
    chunks, achunks = response.iter_bytes, response.aiter_bytes

    def iter_bytes(*args: Any, **kwargs: Any) -> Iterator[bytes]:
        kept = Kept(record, exporter)
        try:
            for chunk in chunks(*args, **kwargs):
                kept.add(chunk)
                yield chunk
            kept.whole = True
        finally:
            kept.end()

    async def aiter_bytes(*args: Any, **kwargs: Any) -> AsyncIterator[bytes]:
        kept = Kept(record, exporter)
        try:
            async for chunk in achunks(*args, **kwargs):
                kept.add(chunk)
                yield chunk
            kept.whole = True
        finally:
            kept.end()

    vars(response).update(iter_bytes=iter_bytes, aiter_bytes=aiter_bytes)


def passed(lines: Iterator[Any], record: Callable[[Any], None]) -> Iterator[Any]:
    """Yield the lines of a batch's results."""
    for line in lines:
        record(line)
        yield line


async def passed_async(
    lines: AsyncIterator[Any], record: Callable[[Any], None]
) -> AsyncIterator[Any]:
    """Yield the lines of a batch's results."""
    async for line in lines:
        record(line)
        yield line


def settle_deferred(observation: Observation, result: Any) -> None:
    """Make a call whose answer is still to come one that is billed when it is there."""
    api = observation.api
    if type(api) is Responses and field(result, "status") in WAITING:
        observation.api = replace(api, operation="create_response")


def patch_gets(module: ModuleType, process: Process, reads: Reads) -> None:
    """See what the GET requests of a library's two client classes bring."""

    def see(client: Any, path: Any, result: Any) -> None:
        try:
            exporter = process.exporter
            if exporter is not None and exporter.enabled:
                reads.read(client, path, result, exporter)
        except Exception:
            process.losses.count(FAULT)

    get, async_get = module.SyncAPIClient.get, module.AsyncAPIClient.get

    @functools.wraps(get)
    def seen(client: Any, path: Any, *args: Any, **kwargs: Any) -> Any:
        result = get(client, path, *args, **kwargs)
        see(client, path, result)
        return result

    @functools.wraps(async_get)
    async def seen_async(client: Any, path: Any, *args: Any, **kwargs: Any) -> Any:
        result = await async_get(client, path, *args, **kwargs)
        see(client, path, result)
        return result

    module.SyncAPIClient.get = seen
    module.AsyncAPIClient.get = seen_async
