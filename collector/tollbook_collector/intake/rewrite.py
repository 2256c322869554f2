"""Step 5, rewrite: a request of spans is changed a piece at a time, and its lengths put right.

Reading and writing a request of 64 MiB as a whole keeps the interpreter for as long as it takes,
and with it every other sender.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from tollbook_collector.intake.gather import gathered
from tollbook_collector.intake.signals import TRACES
from tollbook_collector.intake.wire import (
    CHILD_FIELD,
    ITEM_LEVEL,
    LENGTH_DELIMITED,
    PIECE_BYTES_MAX,
    Piece,
    fields,
)
from tollbook_collector.spool.segment import varint

# Changes a message of a level, and says whether it is kept; only a span may be left out.
Change = Callable[[int, Any], bool]

_LEVELS: Final = TRACES.levels


def rewritten(request: bytes, change: Change) -> bytes:
    """Return a request with all of its spans changed.

    Args:
        request: Protobuf, of which every piece can be read, see wire.py.
        change: Is given each piece as the message that it is neighbouring fields of, and each span
            that is larger than a piece by itself.

    Raises:
        DecodeError: What is nested in a piece cannot be read.
        Malformed: It has to be cut, and there is no telling where.
    """
    whole = Piece(0, 0, len(request))
    if len(request) <= PIECE_BYTES_MAX:
        # Not to be cut: protobuf's reader passes over fields that the cutting one does not know.
        return _changed(request, whole, change)
    return gathered(list(_parts(request, whole, change)))


def scopes(level: int, message: Any) -> Iterator[Any]:
    """Yield the ScopeSpans of a message of a level above that of a span."""
    if level == ITEM_LEVEL - 1:
        yield message
        return
    for child in message.resource_spans if level == 0 else message.scope_spans:
        yield from scopes(level + 1, child)


def _parts(request: bytes, message: Piece, change: Change) -> Iterator[bytes]:
    level, begun, child = message.level, message.start, CHILD_FIELD[message.level]
    for field, start, content, end in fields(request, message.start, message.end):
        if end - begun <= PIECE_BYTES_MAX:
            continue
        yield _changed(request, Piece(level, begun, start), change)
        begun = start
        if field == child and end - start > PIECE_BYTES_MAX:
            inner = Piece(level + 1, content, end)
            if inner.level == ITEM_LEVEL:
                whole = [_changed(request, inner, change)]
            else:
                whole = list(_parts(request, inner, change))
            size_bytes = sum(map(len, whole))
            if size_bytes or inner.level < ITEM_LEVEL:
                yield varint(field << 3 | LENGTH_DELIMITED) + varint(size_bytes)
                yield from whole
            begun = end
    yield _changed(request, Piece(level, begun, message.end), change)


def _changed(request: bytes, piece: Piece, change: Change) -> bytes:
    if piece.start == piece.end:
        return b""
    message = _LEVELS[piece.level].FromString(request[piece.start : piece.end])
    kept = change(piece.level, message)
    # One piece is one turn, see examine.py.
    time.sleep(0)
    return bytes(message.SerializeToString()) if kept else b""
