"""The engine: chDB opened once, a fresh handle for every request, and an end to running queries.

Import this module only behind the sandbox: the engine's library starts threads when it is loaded,
and a thread that runs already is not held by a sandbox entered after it. Through those threads
`url()` would reach the network of a process that believes itself confined.
"""

import contextlib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import chdb

from tollbook_collector.store.embedded.ahead import Ahead, Wanted
from tollbook_collector.store.embedded.failure import QueryFailed, from_engine
from tollbook_collector.store.embedded.limits import EngineLimits
from tollbook_collector.store.embedded.statement import KNOWN_BYTES_MAX, KNOWN_TEXTS

KILL_TAG: Final = "tollbook-request"
# A database that can be named where a handle is opened: there other characters part settings.
PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_]+")


def quote(value: str) -> bytes:
    """Return a string literal of SQL."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return b"'" + escaped.encode("utf-8", "surrogateescape") + b"'"


@dataclass(frozen=True)
class Classified:
    """What the engine's parser sees in a text.

    `query_class` is READ_ONLY, MUTATING, CONTROL (SET, KILL, INTO OUTFILE and the like) or
    UNKNOWN, the last also for what does not parse.
    """

    statement_count: int
    query_class: str


# By the settings and the text of a statement: how deep the parser looks is a setting.
KnownStatements = dict[tuple[tuple[tuple[str, str], ...], bytes], Classified]


class Handle:
    """One request's own view of the engine. Used by one thread at a time, closed at its end.

    `tag` is the name by which `Engine.kill` knows its query.
    """

    def __init__(self, connection: Any, wanted: Wanted, tag: str, known: KnownStatements) -> None:
        self.tag = tag
        self._connection = connection
        self._wanted = wanted
        self._known = known
        self._parameters: Mapping[str, str] = {}

    def give(self, parameters: Mapping[str, str]) -> None:
        """Give the values of `{name:Type}` to every statement from now on."""
        self._parameters = parameters

    def execute(self, sql: bytes, output_format: str = "Null") -> Any:
        """Run a statement to its end and return the engine's result.

        Raises:
            QueryFailed: If the engine refuses or fails.
        """
        try:
            return self._connection.query(sql, output_format, params=self._parameters)
        except RuntimeError as error:
            raise from_engine(str(error)) from None

    def stream(self, sql: bytes, output_format: str) -> Any:
        """Begin a statement and return the engine's stream of its result.

        Raises:
            QueryFailed: If the engine refuses or fails.
        """
        try:
            return self._connection.send_query(sql, output_format, params=self._parameters)
        except RuntimeError as error:
            raise from_engine(str(error)) from None

    def classify(self, sql: bytes) -> Classified:
        """Return what the engine's own parser makes of a text."""
        found = self._known.get((self._wanted.settings, sql))
        if found is None:
            try:
                report = self._connection._conn.classify_query(sql, "default")
            except RuntimeError as error:
                raise from_engine(str(error)) from None
            found = Classified(report["statement_count"], report["query_class"].name)
            if len(sql) <= KNOWN_BYTES_MAX:
                if len(self._known) >= KNOWN_TEXTS:
                    self._known.clear()
                self._known[self._wanted.settings, sql] = found
        return found

    def close(self) -> None:
        """Give the engine its handle back."""
        self._connection.close()


class Engine:
    """chDB, opened on one directory for the life of the process."""

    def __init__(self, data: Path, limits: EngineLimits) -> None:
        self._path = str(data)
        self._query_settings = limits.query_settings()
        self._tags = itertools.count(1)
        self._known: KnownStatements = {}
        # The engine lives as long as its last handle: this one is kept.
        self._keeper = _connect(f"{self._path}?{urlencode(limits.server_settings())}")
        self._ahead = Ahead(self._open)
        self.version = str(self._keeper.query("SELECT version()", "TSVRaw")).strip()
        self.timezone = str(self._keeper.query("SELECT timezone()", "TSVRaw")).strip()

    def close(self) -> None:
        """Close the engine: what is written is on disk, background work has ended."""
        self._ahead.close()
        self._keeper.close()

    @contextlib.contextmanager
    def handle(
        self, wanted: Wanted, parameters: Mapping[str, str] | None = None
    ) -> Iterator[Handle]:
        """Give a handle to one request and close it at the end.

        Raises:
            QueryFailed: If the database or a setting is not known.
        """
        given = dict(parameters or {})
        if not _is_unicode(given.values()):
            # The library takes text; a statement takes any bytes.
            named = tuple((f"param_{name}", value) for name, value in given.items())
            wanted, given = replace(wanted, settings=wanted.settings + named), {}
        handle = self._ahead.take(wanted) or self._open(wanted)
        try:
            handle.give(given)
            yield handle
        finally:
            handle.close()

    def open_ahead(self, wanted: Wanted) -> None:
        """Open the handle for the next request that wants the same, if one came before."""
        with contextlib.suppress(QueryFailed):
            self._ahead.prepare(wanted)

    def kill(self, tag: str) -> None:
        """Ask the engine to end the query of a request. Nothing happens if it runs none."""
        with contextlib.suppress(QueryFailed), self.handle(Wanted()) as handle:
            handle.execute(
                b"KILL QUERY WHERE endsWith(Settings['log_comment'], " + quote(tag) + b") ASYNC"
            )

    def _open(self, wanted: Wanted) -> Handle:
        # USE is one more statement, 0.15 ms: a handle that is opened in a database needs none.
        database = wanted.database
        plain = PLAIN_NAME.fullmatch(database)
        connection = _connect(f"{self._path}?database={database}" if plain else self._path)
        tag = f"{KILL_TAG}-{next(self._tags)}"
        handle = Handle(connection, wanted, tag, self._known)
        try:
            if database and not plain:
                handle.execute(b"USE `" + _identifier(database) + b"`")
            merged = {**self._query_settings, **dict(wanted.settings)}
            # The client's comment stays in front of the tag by which a query is found and killed.
            merged["log_comment"] = f"{merged.get('log_comment', '')} {tag}".strip()
            # Readonly is the last of them: all are checked as they were before, and after it no
            # other setting can be changed. One statement, as each costs 0.15 ms.
            last = {"readonly": wanted.readonly} if wanted.readonly != "0" else {}
            handle.execute(_set({**merged, **last}))
        except BaseException:
            handle.close()
            raise
        return handle


def _is_unicode(values: Iterable[str]) -> bool:
    try:
        for value in values:
            value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _set(values: Mapping[str, str]) -> bytes:
    pairs = (name.encode() + b" = " + quote(value) for name, value in values.items())
    return b"SET " + b", ".join(pairs)


def _identifier(name: str) -> bytes:
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return escaped.encode("utf-8", "surrogateescape")


def _connect(text: str) -> Any:
    connect: Any = chdb.connect
    try:
        return connect(text)
    except RuntimeError as error:
        raise from_engine(str(error)) from None
