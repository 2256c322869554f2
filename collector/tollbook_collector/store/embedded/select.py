"""SELECT: the result leaves as the engine makes it, block by block where the format allows it."""

import struct
import time
from collections.abc import Iterator
from typing import Final

from tollbook_collector.store.embedded.answer import Summary
from tollbook_collector.store.embedded.engine import Handle
from tollbook_collector.store.embedded.failure import from_engine

# The engine writes each block as a whole document of the format. In these a result is nothing
# but its blocks, one after another; in the others it has a head or an end of its own.
STREAMED_FORMATS: Final = frozenset(
    {
        "bsoneachrow",
        "csv",
        "jsoncompacteachrow",
        "jsoncompactstringseachrow",
        "jsoneachrow",
        "jsonl",
        "jsonlines",
        "jsonstringseachrow",
        "lineasstring",
        "msgpack",
        "native",
        "ndjson",
        "protobuf",
        "rawblob",
        "rowbinary",
        "tabseparated",
        "tabseparatedraw",
        "tskv",
        "tsv",
        "tsvraw",
    }
)
# An Arrow stream is a schema, batches and an end mark: all blocks but the first lose their
# schema, all but the last their mark.
ARROW_STREAM: Final = "arrowstream"
_ARROW_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
# Statements whose blocks are not the whole result (totals and extremes come after them).
UNSTREAMED_WORDS: Final = frozenset({"TOTALS", "OUTFILE"})
UNSTREAMED_SETTINGS: Final = frozenset({"extremes", "output_format_json_array_of_rows"})


class Blocks:
    """The blocks of one running query; what was read for them is added to a summary."""

    def __init__(self, handle: Handle, sql: bytes, output_format: str, summary: Summary) -> None:
        self._summary = summary
        self._arrow = output_format.lower() == ARROW_STREAM
        began_ns = time.perf_counter_ns()
        self._stream = handle.stream(sql, output_format)
        summary.engine_ns = time.perf_counter_ns() - began_ns

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces of the result; together they are the whole.

        Raises:
            QueryFailed: If the engine fails, which may be after some pieces.
        """
        return _join_arrow(self._fetch()) if self._arrow else self._fetch()

    def close(self) -> None:
        """End the query if it still runs."""
        self._stream.cancel()

    def _fetch(self) -> Iterator[bytes]:
        while True:
            began_ns = time.perf_counter_ns()
            try:
                block = self._stream.fetch()
            except RuntimeError as error:
                raise from_engine(str(error)) from None
            self._summary.engine_ns += time.perf_counter_ns() - began_ns
            if block is None:
                return
            self._summary.result_rows += block.rows_read()
            self._summary.read_rows += block.storage_rows_read()
            self._summary.read_bytes += block.storage_bytes_read()
            yield block.bytes()


def _join_arrow(blocks: Iterator[bytes]) -> Iterator[bytes]:
    begin = 0
    for block in blocks:
        yield block[begin : -len(_ARROW_END)] if begin else block[: -len(_ARROW_END)]
        # The schema is the first message: a mark and its length of 4 bytes each, then itself.
        (schema_bytes,) = struct.unpack_from("<i", block, 4)
        begin = 8 + schema_bytes
    if begin:
        yield _ARROW_END
