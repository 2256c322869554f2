"""INSERT with data: the body streams into the engine as it arrives."""

from dataclasses import dataclass
from typing import Any, Final

from tollbook_collector.store.embedded.encoding import Readable
from tollbook_collector.store.embedded.engine import Handle
from tollbook_collector.store.embedded.failure import QUERY_IS_TOO_LARGE, QueryFailed, from_engine
from tollbook_collector.store.embedded.limits import MEBIBYTE
from tollbook_collector.store.embedded.statement import Statement

APPEND_BYTES: Final = MEBIBYTE
# A record of these formats must not be cut, and nothing but the format's own reader knows where
# one ends: their bodies reach the engine in one piece. The others may be cut at any byte.
UNCUT_FORMATS: Final = frozenset({"protobuf", "protobufsingle", "protobuflist"})
UNCUT_BYTES_MAX: Final = 256 * MEBIBYTE


@dataclass(frozen=True)
class Written:
    """What an insert wrote, with the rows of the views that hang on the table."""

    rows: int
    size_bytes: int


def insert(handle: Handle, statement: Statement, first: bytes, rest: Readable) -> Written:
    """Insert the data `first` and then `rest`; all of it or, on any failure, none of it.

    None of it holds below `max_insert_block_size` rows (about a million), as in ClickHouse.

    Raises:
        QueryFailed: If the engine refuses the statement or the data, or the body is too large.
        ClientGone: If the client leaves before its body is complete.
    """
    if statement.format is None:
        raise AssertionError("an INSERT with data has a format")
    whole = statement.format.lower() in UNCUT_FORMATS
    if whole:
        first = _gather(first, rest, statement.format)
    try:
        inserter = handle.connection.send_insert(statement.sql, statement.format)
    except RuntimeError as error:
        raise from_engine(str(error)) from None
    try:
        if first:
            inserter.append(first)
        while not whole and (piece := _piece(rest)):
            inserter.append(piece)
        result: Any = inserter.finish()
    except RuntimeError as error:
        raise from_engine(str(error)) from None
    finally:
        # After finish() this does nothing; before it, the insert leaves nothing behind.
        inserter.cancel()
    return Written(result.rows_written, result.bytes_written)


def _piece(source: Readable) -> bytes:
    """Return about `APPEND_BYTES`: each append costs a hand-over to the engine's parser."""
    piece = source.read(APPEND_BYTES)
    if not piece or len(piece) >= APPEND_BYTES // 2:
        return piece
    gathered = bytearray(piece)
    while len(gathered) < APPEND_BYTES and (piece := source.read(APPEND_BYTES - len(gathered))):
        gathered += piece
    return bytes(gathered)


def _gather(first: bytes, rest: Readable, name: str) -> bytes:
    gathered = bytearray(first)
    while piece := rest.read(APPEND_BYTES):
        gathered += piece
        if len(gathered) > UNCUT_BYTES_MAX:
            raise QueryFailed(
                QUERY_IS_TOO_LARGE,
                f"The body of an INSERT in FORMAT {name} is larger than {UNCUT_BYTES_MAX} bytes "
                "after decompression; send it as several inserts",
            )
    return bytes(gathered)
