"""The engine: chDB opened once, a fresh handle for every request, and an end to running queries.

Import this module only behind the sandbox: the engine's library starts threads when it is loaded,
and a thread that runs already is not held by a sandbox entered after it. Through those threads
`url()` would reach the network of a process that believes itself confined.
"""

import contextlib
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import chdb

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


# By the settings and the text of a statement.
KnownStatements = dict[tuple[bytes, bytes], Classified]


class Handle:
    """One request's own view of the engine. Used by one thread, closed at its end."""

    def __init__(self, connection: Any, settings: bytes, known: KnownStatements) -> None:
        self.connection = connection
        self._settings = settings
        self._known = known

    def execute(self, sql: bytes, output_format: str = "Null") -> Any:
        """Run a statement to its end and return the engine's result.

        Raises:
            QueryFailed: If the engine refuses or fails.
        """
        try:
            return self.connection.query(sql, output_format)
        except RuntimeError as error:
            raise from_engine(str(error)) from None

    def classify(self, sql: bytes) -> Classified:
        """Return what the engine's own parser makes of a text."""
        # How deep the parser looks is a setting.
        found = self._known.get((self._settings, sql))
        if found is None:
            try:
                report = self.connection._conn.classify_query(sql, "default")
            except RuntimeError as error:
                raise from_engine(str(error)) from None
            found = Classified(report["statement_count"], report["query_class"].name)
            if len(sql) <= KNOWN_BYTES_MAX:
                if len(self._known) >= KNOWN_TEXTS:
                    self._known.clear()
                self._known[self._settings, sql] = found
        return found


class Engine:
    """chDB, opened on one directory for the life of the process."""

    def __init__(self, data: Path, limits: EngineLimits) -> None:
        self._path = str(data)
        self._query_settings = limits.query_settings()
        self._tags = itertools.count(1)
        self._known: KnownStatements = {}
        # The engine lives as long as its last handle: this one is kept.
        self._keeper = _connect(f"{self._path}?{urlencode(limits.server_settings())}")
        self.version = str(self._keeper.query("SELECT version()", "TSVRaw")).strip()
        self.timezone = str(self._keeper.query("SELECT timezone()", "TSVRaw")).strip()

    def close(self) -> None:
        """Close the engine: what is written is on disk, background work has ended."""
        self._keeper.close()

    def new_tag(self) -> str:
        """Return a name for one request that `kill` knows it by."""
        return f"{KILL_TAG}-{next(self._tags)}"

    @contextlib.contextmanager
    def handle(
        self,
        *,
        database: str = "",
        settings: Mapping[str, str] | None = None,
        parameters: Mapping[str, str] | None = None,
        readonly: str = "0",
        tag: str = "",
    ) -> Iterator[Handle]:
        """Open a handle with a request's settings and close it at the end.

        Raises:
            QueryFailed: If the database, a setting or a parameter is not known.
        """
        # USE is one more statement, 0.15 ms: a handle that is opened in a database needs none.
        plain = PLAIN_NAME.fullmatch(database)
        connection = _connect(f"{self._path}?database={database}" if plain else self._path)
        try:
            handle = Handle(connection, _set(settings or {}), self._known)
            if database and not plain:
                handle.execute(b"USE `" + _identifier(database) + b"`")
            merged = {**self._query_settings, **(settings or {})}
            # The client's comment stays in front of the tag by which a query is found and killed.
            merged["log_comment"] = f"{merged.get('log_comment', '')} {tag}".strip()
            given = {f"param_{name}": value for name, value in (parameters or {}).items()}
            # Readonly is the last of them: all are checked as they were before, and after it no
            # other setting can be changed. One statement, as each costs 0.15 ms.
            last = {"readonly": readonly} if readonly != "0" else {}
            handle.execute(_set({**merged, **given, **last}))
            yield handle
        finally:
            connection.close()

    def kill(self, tag: str) -> None:
        """Ask the engine to end the query of a request. Nothing happens if it runs none."""
        with contextlib.suppress(QueryFailed), self.handle() as handle:
            handle.execute(
                b"KILL QUERY WHERE endsWith(Settings['log_comment'], " + quote(tag) + b") ASYNC"
            )


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
