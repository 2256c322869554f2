"""One request from its text to its answer: read the statement, check it, run it."""

import time
from typing import Final

from tollbook_collector.store.embedded.ahead import Wanted
from tollbook_collector.store.embedded.answer import Answer
from tollbook_collector.store.embedded.encoding import Readable, decode
from tollbook_collector.store.embedded.engine import Engine, Handle
from tollbook_collector.store.embedded.exchange import Exchange
from tollbook_collector.store.embedded.failure import (
    INTO_OUTFILE_NOT_ALLOWED,
    NOT_IMPLEMENTED,
    QUERY_IS_TOO_LARGE,
    READONLY,
    SYNTAX_ERROR,
    QueryFailed,
)
from tollbook_collector.store.embedded.insert import insert, insert_handed
from tollbook_collector.store.embedded.limits import MEBIBYTE
from tollbook_collector.store.embedded.request import Request, read_form, read_parameters
from tollbook_collector.store.embedded.select import (
    ARROW_STREAM,
    STREAMED_FORMATS,
    UNSTREAMED_SETTINGS,
    UNSTREAMED_WORDS,
    Blocks,
)
from tollbook_collector.store.embedded.statement import SELECT_VERBS, Statement, Statements

# As much of a body as is read to find where an INSERT's data begin; the engine's own limit for a
# statement's text (`max_query_size`) is the same.
HEAD_BYTES: Final = MEBIBYTE // 4
# A statement with its data inside, such as INSERT ... VALUES, is held as a whole.
STATEMENT_BYTES_MAX: Final = 64 * MEBIBYTE
READING_METHODS: Final = frozenset({"GET", "HEAD"})
GET_READONLY: Final = "2"


class Execution:
    """The work of one request on its worker thread."""

    def __init__(
        self,
        engine: Engine,
        statements: Statements,
        request: Request,
        exchange: Exchange,
        answer: Answer,
    ) -> None:
        self._engine = engine
        self._statements = statements
        self._request = request
        self._exchange = exchange
        self._answer = answer

    def run(self) -> None:
        """Run the request's statement and answer it.

        Raises:
            QueryFailed: If it cannot be run, or fails.
            ClientGone: If the client left before the end.
        """
        request = self._request
        body = decode(request.content_encoding, self._exchange)
        parameters = dict(request.parameters)
        text = request.query
        if request.content_type.lower().startswith("multipart/form-data"):
            form = read_form(_read_all(b"", body), request.content_type)
            text += form.pop("query", b"")
            decoded = {name: v.decode("utf-8", "surrogateescape") for name, v in form.items()}
            parameters |= read_parameters(decoded.items())
        else:
            head = _read_head(body)
            text = b"\n".join(part for part in (text, head) if part)
        statement = self._statements.read(text)
        if statement.data_at is None:
            text = _read_all(text, body)
            statement = self._statements.read(text)
        settings = dict(request.settings)
        readonly = settings.pop("readonly", "0")
        if request.method in READING_METHODS and readonly != "1":
            readonly = GET_READONLY
        wanted = Wanted(request.database, tuple(settings.items()), readonly)
        with self._engine.handle(wanted, parameters) as handle:
            self._exchange.tag = handle.tag
            self._check(handle, statement)
            if self._exchange.killable:
                self._exchange.again = wanted
            try:
                self._run(handle, statement, text, body)
            except QueryFailed as failure:
                raise self._explained(failure) from None

    def _check(self, handle: Handle, statement: Statement) -> None:
        """Refuse what the engine would do and ClickHouse's HTTP interface would not."""
        verb, words = statement.verb, statement.words
        if verb in {"SET", "USE"} or (verb == "CREATE" and "TEMPORARY" in words):
            what = "CREATE TEMPORARY" if verb == "CREATE" else verb
            raise QueryFailed(
                NOT_IMPLEMENTED,
                f"{what} needs a session and the embedded store keeps none: each request stands "
                "alone; give settings and the database with the request that needs them",
            )
        if not verb:
            raise QueryFailed(SYNTAX_ERROR, "Empty query")
        if statement.data_at is not None:
            return
        parsed = handle.classify(statement.sql)
        if parsed.statement_count > 1:
            raise QueryFailed(SYNTAX_ERROR, "Multi-statements are not allowed")
        # The engine's parser calls a SELECT that writes a file "control": the second check does
        # not depend on how the words were read.
        writes_file = verb in SELECT_VERBS and parsed.query_class == "CONTROL"
        if "OUTFILE" in words or writes_file:
            raise QueryFailed(INTO_OUTFILE_NOT_ALLOWED, "INTO OUTFILE is not allowed over HTTP")
        self._exchange.killable = parsed.query_class == "READ_ONLY"

    def _run(self, handle: Handle, statement: Statement, text: bytes, body: Readable) -> None:
        summary = self._answer.summary
        output_format = statement.format or self._request.default_format
        if statement.data_at is not None:
            if self._request.handed:
                written = insert_handed(handle, statement, self._request.handed)
            else:
                written = insert(handle, statement, text[statement.data_at :], body)
            summary.written_rows, summary.written_bytes = written.rows, written.size_bytes
            summary.result_rows = written.rows
            self._answer.send((), self._request.default_format)
        elif self._exchange.killable and self._streams(statement, output_format):
            blocks = Blocks(handle, statement.sql, output_format, summary)
            try:
                self._answer.send(blocks, output_format)
            finally:
                blocks.close()
        else:
            began_ns = time.perf_counter_ns()
            result = handle.execute(statement.sql, output_format)
            summary.engine_ns = time.perf_counter_ns() - began_ns
            summary.read_rows = result.storage_rows_read()
            summary.read_bytes = result.storage_bytes_read()
            summary.written_rows = result.rows_written()
            summary.written_bytes = result.bytes_written()
            summary.result_rows = result.rows_read()
            self._exchange.killable = False
            self._answer.send((result.bytes(),), output_format)

    def _streams(self, statement: Statement, output_format: str) -> bool:
        name = output_format.lower()
        return (
            statement.verb in SELECT_VERBS
            and (name in STREAMED_FORMATS or name == ARROW_STREAM)
            and not statement.words & UNSTREAMED_WORDS
            and not self._request.settings.keys() & UNSTREAMED_SETTINGS
            and not any(name.upper() in statement.words for name in UNSTREAMED_SETTINGS)
        )

    def _explained(self, failure: QueryFailed) -> QueryFailed:
        if failure.code != READONLY or self._request.method not in READING_METHODS:
            return failure
        return QueryFailed(
            READONLY,
            f"{failure.sentence.rstrip('.')}. For queries over HTTP, method "
            f"{self._request.method} implies readonly. You should use method POST for modifying "
            "queries",
        )


def _read_head(body: Readable) -> bytes:
    head = bytearray()
    while len(head) < HEAD_BYTES and (piece := body.read(HEAD_BYTES)):
        head += piece
    return bytes(head)


def _read_all(begin: bytes, body: Readable) -> bytes:
    text = bytearray(begin)
    while piece := body.read(MEBIBYTE):
        text += piece
        if len(text) > STATEMENT_BYTES_MAX:
            raise QueryFailed(
                QUERY_IS_TOO_LARGE,
                f"A statement with its data inside is limited to {STATEMENT_BYTES_MAX} bytes; "
                "send the data after a FORMAT clause instead, where they are streamed",
            )
    return bytes(text)
