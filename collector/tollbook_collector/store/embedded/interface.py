"""ClickHouse's HTTP interface over the engine: routes, places, and the end of each request.

Routes: `/` (statements), `/ping` and `/replicas_status` (always "Ok."), HEAD of any of them, and
`/counts`, which is ours: what this process has counted, without a place of the engine's. What
is not spoken, each refused with ClickHouse's error and a sentence: sessions (see `request`),
external tables, native compression blocks, roles, INTO OUTFILE, several statements in one request.
`query_id` is echoed; the engine gives its queries ids of its own, so `KILL QUERY WHERE query_id =`
does not find them. A client that leaves ends its own query: reads are killed, inserts cancelled.
"""

import asyncio
import concurrent.futures
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from tollbook_collector.store.embedded.address import COUNTS_PATH
from tollbook_collector.store.embedded.ahead import Wanted
from tollbook_collector.store.embedded.answer import Answer, Identity
from tollbook_collector.store.embedded.engine import Engine
from tollbook_collector.store.embedded.exchange import (
    ClientGone,
    Exchange,
    Message,
    Receive,
    Scope,
    Send,
)
from tollbook_collector.store.embedded.execute import Execution
from tollbook_collector.store.embedded.failure import (
    TOO_MANY_SIMULTANEOUS_QUERIES,
    UNKNOWN_EXCEPTION,
    QueryFailed,
)
from tollbook_collector.store.embedded.request import (
    Request,
    authenticate,
    has_credentials,
    read_address,
    read_request,
)
from tollbook_collector.store.embedded.statement import Statements

# Requests that hold a handle of the engine at one time. The loader's inserters, the detectors
# and a dashboard's panels fit; more would only share the same cores.
PLACES: Final = 16
# Requests that wait for a place, and how long one waits before it is told to come back.
WAITING_MAX: Final = 64
WAIT_S: Final = 10.0
# How often a query whose client has left is killed again, until it has ended.
KILL_AGAIN_S: Final = 0.2
# A body of this much is a question, which is read before it is given to a thread.
SHORT_BODY_BYTES: Final = 64 * 1024
ANONYMOUS_PATHS: Final = frozenset({"/ping", "/replicas_status"})
OK_BODY: Final = b"Ok.\n"

logger = logging.getLogger(__name__)


class Interface:
    """The ASGI application. One per process, on one event loop."""

    def __init__(self, engine: Engine, secret: str, temporary: Path, *, sandboxed: bool) -> None:
        self._engine = engine
        self._statements = Statements()
        self._secret = secret
        self._temporary = temporary
        self._identity = Identity(engine.version, engine.timezone, sandboxed)
        self._places = asyncio.Semaphore(PLACES)
        self._waiting = 0
        self._workers = concurrent.futures.ThreadPoolExecutor(PLACES, "query")
        # Of its own: a kill must not wait for a place behind the queries that it ends.
        self._killer = concurrent.futures.ThreadPoolExecutor(1, "kill")
        # And one: what is asked for faster than it opens is opened when it is asked for.
        self._opener = concurrent.futures.ThreadPoolExecutor(1, "open")
        self._opening: asyncio.Future[None] | None = None
        self._running: set[Exchange] = set()
        # Requests turned away because every place was taken, requests whose client left, and
        # failures of ours that are no answer of the engine's.
        self.refused_count = 0
        self.abandoned_count = 0
        self.failure_count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        values = read_address(scope["query_string"])
        headers = {name.decode("latin-1"): v.decode("latin-1") for name, v in scope["headers"]}
        path, method = scope["path"], scope["method"]
        if path in ANONYMOUS_PATHS or (path == "/" and _is_greeting(method, values)):
            await _reply(send, 200, {}, OK_BODY)
            return
        if path not in {"/", COUNTS_PATH}:
            text = f"There is no handle {path}\n\nUse / for statements and /ping to check.\n"
            await _reply(send, 404, {}, text.encode())
            return
        denied = authenticate(values, headers, self._secret)
        if denied is not None:
            known = has_credentials(values, headers)
            challenge = {} if known else {"www-authenticate": 'Basic realm="ClickHouse"'}
            await self._refuse(send, denied, challenge, None if known else 401)
            return
        if path == COUNTS_PATH:
            await _reply(send, 200, {}, json.dumps(self._counts()).encode())
            return
        try:
            request = read_request(method, values, headers)
            async with self._place():
                await self._serve(request, receive, send, is_short=_is_short(headers))
        except QueryFailed as failure:
            await self._refuse(send, failure, {})

    async def stop_reading(self) -> None:
        """Kill the reads that run: a shutdown waits for inserts and for nothing else."""
        for exchange in list(self._running):
            if exchange.killable:
                await self._kill(exchange)

    def close(self) -> None:
        """Wait for the worker threads; no request may come any more."""
        self._workers.shutdown()
        self._killer.shutdown()
        self._opener.shutdown()

    @contextlib.asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        if self._places.locked() and self._waiting >= WAITING_MAX:
            raise self._too_many(f"{WAITING_MAX} requests wait already")
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_S):
                await self._places.acquire()
        except TimeoutError:
            raise self._too_many(f"none came free for {WAIT_S:g} s") from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._places.release()

    def _counts(self) -> dict[str, int]:
        return {
            "refused": self.refused_count,
            "abandoned": self.abandoned_count,
            "failures": self.failure_count,
        }

    def _too_many(self, reason: str) -> QueryFailed:
        self.refused_count += 1
        return QueryFailed(
            TOO_MANY_SIMULTANEOUS_QUERIES,
            f"Too many simultaneous queries: all {PLACES} places are taken and {reason}; try again",
        )

    async def _serve(
        self, request: Request, receive: Receive, send: Send, *, is_short: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        exchange = Exchange(receive, send, loop, request.accept_encoding)
        if is_short:
            try:
                await exchange.receive_first()
            except ClientGone:
                self.abandoned_count += 1
                return
        self._running.add(exchange)
        work = loop.run_in_executor(self._workers, self._work, request, exchange)
        watch = asyncio.create_task(self._watch(exchange, receive, work))
        try:
            await asyncio.shield(work)
            await exchange.send_last()
        except ClientGone:
            self.abandoned_count += 1
        finally:
            watch.cancel()
            self._running.discard(exchange)
            self._open_ahead(exchange.again)

    def _open_ahead(self, wanted: Wanted | None) -> None:
        """Open the next handle, now that the answer has been sent."""
        if wanted is not None and (self._opening is None or self._opening.done()):
            loop = asyncio.get_running_loop()
            self._opening = loop.run_in_executor(self._opener, self._open_next, wanted)

    def _open_next(self, wanted: Wanted) -> None:
        try:
            self._engine.open_ahead(wanted)
        except Exception:
            self.failure_count += 1
            logger.exception("The store could not open a handle ahead of its request")

    def _work(self, request: Request, exchange: Exchange) -> None:
        """Serve a request on a worker thread, whatever becomes of it."""
        answer = Answer(exchange, request, self._identity, self._temporary)
        execution = Execution(self._engine, self._statements, request, exchange, answer)
        try:
            try:
                execution.run()
            except QueryFailed as failure:
                answer.fail(failure)
            except ClientGone:
                raise
            except Exception as error:
                self.failure_count += 1
                logger.exception("A request failed inside the store")
                answer.fail(QueryFailed(UNKNOWN_EXCEPTION, f"{type(error).__name__}: {error}"))
        except ClientGone:
            self.abandoned_count += 1

    async def _watch(
        self, exchange: Exchange, receive: Receive, work: asyncio.Future[None]
    ) -> None:
        """Notice that the client has left, and end the query it does not wait for any more."""
        await exchange.body_ended.wait()
        while (await receive())["type"] != "http.disconnect":
            pass
        exchange.gone = True
        while exchange.killable and not work.done():
            await self._kill(exchange)
            await asyncio.wait([work], timeout=KILL_AGAIN_S)

    async def _kill(self, exchange: Exchange) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._killer, self._engine.kill, exchange.tag)

    async def _refuse(
        self,
        send: Send,
        failure: QueryFailed,
        headers: dict[str, str],
        status: int | None = None,
    ) -> None:
        fields = {**self._identity.failure_headers(failure), **headers}
        body = self._identity.failure_body(failure)
        await _reply(send, status or failure.status, fields, body)


def _is_short(headers: dict[str, str]) -> bool:
    """Return whether the whole body is worth waiting for before a thread is given the request."""
    length = headers.get("content-length", "0")
    return (
        "transfer-encoding" not in headers and length.isdigit() and int(length) <= SHORT_BODY_BYTES
    )


def _is_greeting(method: str, values: dict[str, str]) -> bool:
    return method in {"GET", "HEAD"} and "query" not in values


async def _reply(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    fields = {
        "content-type": "text/plain; charset=UTF-8",
        **headers,
        "content-length": str(len(body)),
    }
    start: Message = {
        "type": "http.response.start",
        "status": status,
        "headers": [(name.lower().encode(), v.encode("latin-1")) for name, v in fields.items()],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body})
