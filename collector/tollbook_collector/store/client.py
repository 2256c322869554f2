"""The one place that talks to ClickHouse: the embedded store, a server or a cluster, by HTTP.

Statements are the files of `sql/`, or were re-emitted by the guard; values travel as ClickHouse's
own parameters. A client is safe to use from several threads.
"""

import contextlib
import copy
import io
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.httputil import get_pool_manager

from tollbook_collector.store import sql
from tollbook_collector.store.embedded.handover import HANDED_HEADER, Handover
from tollbook_collector.store.sql.cluster import Cluster, everywhere

CONNECT_TIMEOUT_S: Final = 10
# Who does not say within this who he is counts as away: spans are taken meanwhile.
GREETING_TIMEOUT_S: Final = 15
# A statement of ours that takes longer than this is given up; the loader then tries again.
ANSWER_TIMEOUT_S: Final = 300
CONNECTIONS_MAX: Final = 16
# Pieces in which a large answer is passed on.
STREAM_BYTES: Final = 1 << 18

# 25.6 takes a schema inline, 25.9 says which field of a oneof is set, and the row policies of 26.3
# hold for mergeTreeIndex too. 26.3 is supported for long.
MINIMUM_VERSION: Final = (26, 3)
# An insert into a Distributed table is answered when a majority of each shard's replicas has it.
CLUSTER_SETTINGS: Final = {
    "distributed_foreground_insert": 1,
    "insert_quorum": "auto",
    "insert_quorum_timeout": 60_000,
    "distributed_product_mode": "global",
}

# What an insert of a segment needs: the engine decodes OTLP itself, from the schema given inline.
# Dedup needs one block per insert.
SEGMENT_SETTINGS: Final = {
    "format_schema_source": "string",
    "input_format_protobuf_oneof_presence": 1,
    "async_insert": 0,
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "materialized_views_ignore_errors": 0,
    # Spans of many months, from a sender with a broken clock, are as many parts and no error.
    "throw_on_max_partitions_per_insert_block": 0,
    # The views of roll-ups group by the whole sorting key of their tables, so that a block has
    # nothing to add up before it is written: merges add up what several inserts wrote.
    "optimize_on_insert": 0,
}

# Every view of the chain is planned at every insert, and what the planner may leave undone is most
# of a small one (measured: 512 spans, 640 ms with all of it, 330 ms without the optimiser and the
# compiler, 300 ms without the passes over chains of comparisons, which hash whole expressions).
# What is compiled at the third insert after a start takes 0.25 s and makes no insert quicker.
# A server that does not know one of them plans as it is used to.
PLANNING_SETTINGS: Final = {
    "query_plan_enable_optimizations": 0,
    "compile_expressions": 0,
    "compile_aggregate_expressions": 0,
    "compile_sort_description": 0,
    "optimize_extract_common_expressions": 0,
    "optimize_and_compare_chain": 0,
    "optimize_redundant_comparisons": 0,
}

# Who waits for an answer goes before what is acknowledged already: a thread of an insert gets a
# tenth of a core that a question wants too, and all of what is free. Where the store may not
# raise a thread again (CAP_SYS_NICE, which ClickHouse's packages give), all stay as they are.
INSERT_NICE: Final = 10
YIELDING_SETTINGS: Final = {
    "os_threads_nice_value_query": INSERT_NICE,
    "os_threads_nice_value_materialized_view": INSERT_NICE,
}
# What nobody waits for at all goes after both, and still gets a quarter of a core that an insert
# wants. Before it did, an insert beside a search for copies, every ten seconds, took twice as long,
# and the first round of detection, of ten seconds and more, held back all that came in meanwhile.
UNHURRIED_NICE: Final = 15
UNHURRIED_SETTINGS: Final = {
    "os_threads_nice_value_query": UNHURRIED_NICE,
    "os_threads_nice_value_materialized_view": UNHURRIED_NICE,
}

# What a server that does not know it does without.
OPTIONAL_SETTINGS: Final = {**PLANNING_SETTINGS, **YIELDING_SETTINGS}

# Where the segments of a signal land, and the message of otlp.proto that their records are.
LANDINGS: Final = {
    "traces": ("landing", "Envelope"),
    "logs": ("landing_logs", "LogsEnvelope"),
    "metrics": ("landing_metrics", "MetricsEnvelope"),
}

# Codes of errors that pass: timeout, too many queries, socket, memory, disk or parts full,
# read-only replica, no keeper, status of the insert unknown.
PASSING_ERROR_CODES: Final = frozenset({159, 202, 209, 210, 225, 241, 242, 243, 252, 319, 999})

# The insert needs more memory than the store has for it.
MEMORY_LIMIT_EXCEEDED: Final = 241

# Codes of errors that lie in the data and not in the store, so that trying again cannot help:
# cannot parse or read, wrong protobuf, value out of range, attempt to read after the end.
DATA_ERROR_CODES: Final = frozenset(
    {6, 25, 26, 27, 32, 33, 34, 36, 41, 53, 69, 70, 72, 117, 131, 321, 407, 434, 444, 525, 630}
)


class ServerTooOld(Exception):
    """A ClickHouse lacks what tollbook's tables need."""


class StoreUnavailable(Exception):
    """The store did not answer, or could not carry out a statement that may succeed later.

    Args:
        message: What the store said.
        code: ClickHouse's error code; 0: none was given.
    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class StoreRefused(Exception):
    """The store refused a statement or its data; trying again will not help.

    Args:
        message: What the store said.
        code: ClickHouse's error code; 0: none was given.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class StoreAddress:
    """Where a ClickHouse is and how to be let in.

    Args:
        url: Of its HTTP interface, as http://127.0.0.1:8123.
        user: ClickHouse user.
        password: Its password.
        database: The database that holds tollbook's tables.
        cluster: Name of a cluster that it is on; empty: it stands alone.
        handover: How it is given files of this machine; None: it gets their bytes.
    """

    url: str
    user: str
    password: str
    database: str = "tollbook"
    cluster: str = ""
    handover: Handover | None = None


@dataclass(frozen=True)
class Answered:
    """The rows of a query, and the counts of its summary by their names, as `elapsed_ns`."""

    rows: Sequence[Sequence[Any]]
    counts: Mapping[str, int]


class ClickHouse:
    """A database of a ClickHouse.

    Args:
        address: Where it is.

    Raises:
        StoreUnavailable: Nothing answers there.
        StoreRefused: The user or the password is wrong.
        ServerTooOld: It is older than MINIMUM_VERSION.
    """

    def __init__(self, address: StoreAddress) -> None:
        self._address = address
        self._settings: Mapping[str, Any] = {}
        self._pool = get_pool_manager(maxsize=CONNECTIONS_MAX, block=True)
        try:
            self._client = self._connect("default", GREETING_TIMEOUT_S)
            _refuse_older(str(self._client.server_version))
            self._client.command(
                self._everywhere(sql.read("database")), parameters={"database": address.database}
            )
            self._client.close()
            self._client = self._connect(address.database)
        except ClickHouseError as error:
            raise _translated(error) from error

    @property
    def cluster(self) -> Cluster | None:
        """The cluster that the database is on; None: it stands alone."""
        name = self._address.cluster
        return Cluster(name, self._address.database) if name else None

    def unhurried(self) -> "ClickHouse":
        """Return the same store for work that nobody waits for: it yields to inserts too."""
        other = copy.copy(self)
        other._settings = self._known(UNHURRIED_SETTINGS)
        return other

    def command(
        self,
        statement: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Run a statement that returns no rows.

        Raises:
            StoreUnavailable: It may succeed later.
            StoreRefused: It will not.
        """
        try:
            self._client.command(
                self._everywhere(statement),
                parameters=dict(parameters or {}),
                settings={**self._settings, **(settings or {})},
            )
        except ClickHouseError as error:
            raise _translated(error) from error

    def rows(
        self,
        statement: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query.

        Raises:
            StoreUnavailable: It may succeed later.
            StoreRefused: It will not.
        """
        return self.answered(statement, parameters, settings).rows

    def answered(
        self,
        statement: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Answered:
        """Return the rows of a query, and what the store says of its work.

        Raises:
            StoreUnavailable: It may succeed later.
            StoreRefused: It will not.
        """
        try:
            result = self._client.query(
                statement,
                parameters=dict(parameters or {}),
                settings={**self._settings, **(settings or {})},
            )
        except ClickHouseError as error:
            raise _translated(error) from error
        counts = {name: int(value) for name, value in result.summary.items() if _is_count(value)}
        return Answered(list(result.result_rows), counts)

    def formatted(
        self,
        statement: str,
        format_name: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return the answer of a query in one of ClickHouse's output formats.

        Raises:
            StoreUnavailable: It may succeed later.
            StoreRefused: It will not.
        """
        try:
            return bytes(
                self._client.raw_query(
                    statement,
                    parameters=dict(parameters or {}),
                    settings={**self._settings, **(settings or {})},
                    fmt=format_name,
                )
            )
        except ClickHouseError as error:
            raise _translated(error) from error

    def streamed(
        self,
        statement: str,
        format_name: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Iterator[bytes]:
        """Yield the answer of a query in one of ClickHouse's output formats, piece by piece.

        Raises:
            StoreUnavailable: It may succeed later.
            StoreRefused: It will not.
        """
        try:
            stream = self._client.raw_stream(
                statement,
                parameters=dict(parameters or {}),
                settings={**self._settings, **(settings or {})},
                fmt=format_name,
            )
            assert isinstance(stream, io.IOBase)
            with contextlib.closing(stream):
                while piece := stream.read(STREAM_BYTES):
                    yield bytes(piece)
        except ClickHouseError as error:
            raise _translated(error) from error

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows in one block.

        Raises:
            StoreUnavailable: It may succeed later, and may have been carried out.
            StoreRefused: It will not.
        """
        try:
            self._client.insert(
                table,
                rows,
                column_names=list(columns),
                settings={"async_insert": 0, **self._settings},
            )
        except ClickHouseError as error:
            raise _translated(error) from error

    def insert_stream(
        self,
        table: str,
        columns: Sequence[str],
        pieces: Iterator[bytes],
        settings: Mapping[str, Any],
    ) -> None:
        """Insert rows that come in ClickHouse's format Native, piece by piece.

        Raises:
            StoreUnavailable: It may succeed later, and may have been carried out.
            StoreRefused: It will not.
        """

        def given() -> Generator[bytes, None, None]:
            yield from pieces

        try:
            self._client.raw_insert(
                table,
                column_names=list(columns),
                insert_block=given(),
                fmt="Native",
                settings=dict(settings),
            )
        except ClickHouseError as error:
            raise _translated(error) from error

    def insert_segment(
        self, content: bytes | None, token: str, signal: str = "traces", path: Path | None = None
    ) -> None:
        """Insert a segment of the spool; with the same token and content it is stored once.

        Args:
            content: Length-delimited Envelopes; None: the file at `path` has them.
            token: Names the content: the same token with other content is dropped by the engine.
            signal: traces, logs or metrics.
            path: A file with the same content, which a store on this machine reads by itself.

        Raises:
            OSError: The file cannot be read.
            StoreUnavailable: It may succeed later, and may have been carried out.
            StoreRefused: The content cannot be read.
        """
        table, message = LANDINGS[signal]
        settings = {
            **SEGMENT_SETTINGS,
            **self._known(OPTIONAL_SETTINGS),
            "format_schema_message_name": message,
            "format_schema": sql.otlp_schema(),
            "insert_deduplication_token": token,
        }
        handover = self._address.handover
        given = handover.give(path) if handover and path else contextlib.nullcontext()
        try:
            with given as name:
                if not name and content is None:
                    assert path is not None, "without its bytes a segment has a file"
                    content = path.read_bytes()
                self._client.raw_insert(
                    table,
                    insert_block=b"" if name else content,
                    fmt="Protobuf",
                    settings=settings,
                    transport_settings={HANDED_HEADER: name} if name else None,
                )
        except ClickHouseError as error:
            raise _translated(error) from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._pool.clear()

    def _known(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        known = self._client.server_settings
        return {name: value for name, value in settings.items() if name in known}

    def _everywhere(self, statement: str) -> str:
        return everywhere(self.cluster, statement) if self.cluster else statement

    def _connect(self, database: str, answer_s: int = ANSWER_TIMEOUT_S) -> Client:
        parts = urlsplit(self._address.url)
        return clickhouse_connect.get_client(
            interface=parts.scheme,
            host=parts.hostname,
            port=parts.port or (8443 if parts.scheme == "https" else 8123),
            username=self._address.user,
            password=self._address.password,
            database=database,
            autogenerate_session_id=False,
            connect_timeout=CONNECT_TIMEOUT_S,
            send_receive_timeout=answer_s,
            pool_mgr=self._pool,
            client_name="tollbook",
            # On one machine it saves nothing, and takes 0.2 ms of a short answer.
            compress=self._address.handover is None,
            settings=dict(CLUSTER_SETTINGS) if self._address.cluster else {},
        )


def _refuse_older(version: str) -> None:
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < MINIMUM_VERSION:
        least = ".".join(map(str, MINIMUM_VERSION))
        raise ServerTooOld(
            f"ClickHouse {version} is too old: tollbook needs {least} or newer; upgrade the server,"
            " or let the collector use its embedded store"
        )


def _is_count(value: object) -> bool:
    return str(value).isdigit()


def _translated(error: ClickHouseError) -> StoreUnavailable | StoreRefused:
    code = getattr(error, "code", None) or 0
    # The driver appends the address, which is no business of the reader's.
    message = str(error).split(" (for url", 1)[0]
    if not code or code in PASSING_ERROR_CODES:
        return StoreUnavailable(message, code)
    return StoreRefused(message, code)
