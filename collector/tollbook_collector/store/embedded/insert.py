"""INSERT with data: the body is gathered in a file, and the engine reads that.

chDB can have a body streamed in, and that must not be relied on: what fails behind the parser
there, in a view, for memory, for partitions or for the disk, is lost without an error (measured
with 4.4.0).
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tollbook_collector.store.embedded.encoding import Readable
from tollbook_collector.store.embedded.engine import Handle, quote
from tollbook_collector.store.embedded.failure import (
    BAD_ARGUMENTS,
    QUERY_IS_TOO_LARGE,
    QueryFailed,
)
from tollbook_collector.store.embedded.handover import handed
from tollbook_collector.store.embedded.limits import MEBIBYTE
from tollbook_collector.store.embedded.statement import Statement

READ_BYTES: Final = MEBIBYTE
BODY_BYTES_MAX: Final = 256 * MEBIBYTE


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
    with tempfile.NamedTemporaryFile(prefix="insert-") as file:
        if not _gather(file, first, rest):
            return Written(0, 0)
        return _insert_file(handle, statement, file.name)


def insert_handed(handle: Handle, statement: Statement, name: str) -> Written:
    """Insert the file that was handed over under a name, see handover.py, instead of a body.

    Raises:
        QueryFailed: As of `insert`, or it is no name of such a file, or the file is not there.
    """
    path = handed(Path(tempfile.gettempdir()), name)
    if path is None:
        raise QueryFailed(BAD_ARGUMENTS, f"{name!r} is no name of a file that was handed over")
    return _insert_file(handle, statement, str(path))


def _insert_file(handle: Handle, statement: Statement, path: str) -> Written:
    if statement.format is None:
        raise AssertionError("an INSERT with data has a format")
    source = b" FROM INFILE " + quote(path) + b" COMPRESSION 'none' "
    form = b" FORMAT " + statement.format.encode()
    # The engine wants the file before the settings.
    at = statement.settings_at
    result = handle.execute(statement.sql[:at] + source + statement.sql[at:] + form)
    return Written(result.rows_written(), result.bytes_written())


def _gather(file: Any, first: bytes, rest: Readable) -> int:
    """Write a body into a file and return its size."""
    size = file.write(first)
    while piece := rest.read(READ_BYTES):
        size += file.write(piece)
        if size > BODY_BYTES_MAX:
            raise QueryFailed(
                QUERY_IS_TOO_LARGE,
                f"The body of an INSERT is larger than {BODY_BYTES_MAX} bytes after "
                "decompression; send it as several inserts",
            )
    file.flush()
    return int(size)
