"""Walking a request's bytes before anything is built from them: pieces that are safe to parse.

A parser makes an object of every two bytes that an attacker sends, and holds the interpreter while
it does: 20 MB of empty spans, 20 kB of gzip, cost 1.5 GB and 4.5 s. So a large request is cut, at
the boundaries of its fields, into pieces of bounded size, and its items are counted on the way.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tollbook_collector.intake.decompress import TooLarge
from tollbook_collector.intake.gather import gathered
from tollbook_collector.spool.segment import varint

# Objects from a piece of this size are made in 35 ms at worst, an empty one every two bytes.
PIECE_BYTES_MAX: Final = 256 * 1024
# Resources, scopes and items of one request, taken together.
ITEMS_MAX: Final = 50_000
# Fields of one item that is larger than a piece.
ITEM_FIELDS_MAX: Final = 10_000
# A field of an item, such as an attribute; what is longer is left out of the item, and counted.
FIELD_BYTES_MAX: Final = 256 * 1024

# The level of the item itself, counted from the request, and the field that leads down to it.
ITEM_LEVEL: Final = 3
CHILD_FIELD: Final = (1, 2, 2)
LENGTH_DELIMITED: Final = 2
_FIXED_BYTES: Final = {1: 8, 5: 4}


class Malformed(Exception):
    """Bytes are not protobuf."""


@dataclass(frozen=True)
class Piece:
    """Neighbouring fields of one message: together they are such a message again.

    Args:
        level: Of the message, 0 for the request and 3 for an item.
        start: Where the fields start.
        end: Where they end.
        begins_item: Whether it is the first piece of an item that is larger than a piece.
    """

    level: int
    start: int
    end: int
    begins_item: bool = False


def pieces(request: bytes) -> Iterator[Piece]:
    """Yield a request's pieces, each of PIECE_BYTES_MAX bytes or a single field of an item.

    Raises:
        Malformed: It is not protobuf.
        TooLarge: It has more than ITEMS_MAX resources, scopes and items, or an item more than
            ITEM_FIELDS_MAX fields.
    """
    room = [ITEMS_MAX]
    yield from _pieces(request, Piece(0, 0, len(request)), room)


def without_long_fields(request: bytes) -> tuple[bytes, int]:
    """Return a request without the fields of its items that are too long, and how many they were.

    Raises:
        Malformed: It is not protobuf.
    """
    parts, removed = _trimmed(memoryview(request), Piece(0, 0, len(request)))
    return gathered(parts), removed


def longest(found: list[Piece]) -> int:
    """Return the bytes of the longest piece: beyond PIECE_BYTES_MAX it is one field of an item."""
    return max((piece.end - piece.start for piece in found), default=0)


def _pieces(request: bytes, message: Piece, room: list[int]) -> Iterator[Piece]:
    level = message.level
    child = CHILD_FIELD[level] if level < ITEM_LEVEL else 0
    begun = message.start
    begins_item = level == ITEM_LEVEL
    count = 0
    for field, start, content, end in fields(request, message.start, message.end):
        if field == child:
            room[0] -= 1
        count += 1
        if room[0] < 0:
            raise TooLarge(f"the request has more than {ITEMS_MAX} items; send smaller requests")
        if level == ITEM_LEVEL and count > ITEM_FIELDS_MAX:
            raise TooLarge(f"an item of the request has more than {ITEM_FIELDS_MAX} fields")
        if end - begun <= PIECE_BYTES_MAX:
            continue
        if start > begun:
            yield Piece(level, begun, start, begins_item)
            begins_item = False
        begun = start
        if end - start > PIECE_BYTES_MAX:
            if field == child:
                yield from _pieces(request, Piece(level + 1, content, end), room)
            else:
                yield Piece(level, start, end, begins_item)
                begins_item = False
            begun = end
    if begun < message.end:
        yield Piece(level, begun, message.end, begins_item)


def _trimmed(request: memoryview, message: Piece) -> tuple[list[bytes | memoryview], int]:
    level, removed, begun = message.level, 0, message.start
    parts: list[bytes | memoryview] = []
    for field, start, content, end in fields(request, message.start, message.end):
        if end - start <= FIELD_BYTES_MAX:
            continue
        parts.append(request[begun:start])
        begun = end
        if level < ITEM_LEVEL and field == CHILD_FIELD[level]:
            inner, found = _trimmed(request, Piece(level + 1, content, end))
            removed += found
            size_bytes = sum(map(len, inner))
            parts += [varint(field << 3 | LENGTH_DELIMITED), varint(size_bytes), *inner]
        else:
            removed += 1
    parts.append(request[begun : message.end])
    return parts, removed


def fields(
    content: bytes | memoryview, position: int, limit: int
) -> Iterator[tuple[int, int, int, int]]:
    """Yield each field's number, where it starts, where its content starts and where it ends."""
    while position < limit:
        start = position
        # The common cases first: tags and lengths of one byte, then lengths of two and three.
        tag = content[position]
        position += 1
        if tag > 127:
            tag, position = read_varint(content, start, limit)
        wire_type = tag & 7
        length = 0
        if wire_type == LENGTH_DELIMITED:
            length, position = read_varint(content, position, limit)
        elif wire_type in _FIXED_BYTES:
            length = _FIXED_BYTES[wire_type]
        elif wire_type == 0:
            _, position = read_varint(content, position, limit)
        else:
            raise Malformed(f"there is a field of wire type {wire_type} at byte {start}")
        end = position + length
        if end > limit or tag < 8:
            raise Malformed(f"the field at byte {start} is not whole")
        yield tag >> 3, start, position, end
        position = end


def read_varint(content: bytes | memoryview, position: int, limit: int) -> tuple[int, int]:
    """Return the varint at a position and where it ends.

    Raises:
        Malformed: It does not end before the limit, or has more than ten bytes.
    """
    number = shift = 0
    for index in range(position, min(limit, position + 10)):
        byte = content[index]
        number |= (byte & 127) << shift
        if byte < 128:
            return number, index + 1
        shift += 7
    raise Malformed(f"the number at byte {position} is not whole")
