"""What any bytes may do in a segment file: be read as whole requests or be set aside."""

import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from tollbook_collector.spool.segment import (
    Envelope,
    NewerSegment,
    envelopes,
    header,
    record,
    scan,
    split,
    varint,
)

CPU_S_MAX = 1.0


class TooSlow(AssertionError):
    """One input cost more than CPU_S_MAX."""


def consume(data: bytes) -> None:
    """Read a segment: the first byte says whether the rest is one, or damage to one."""
    if not data:
        return
    mode, rest = data[0] % 3, data[1:]
    if mode == 1:
        content = damaged(rest)
    elif mode == 2:
        # A checksum that is right over any bytes: a foreign writer, or a very rare flip.
        content = header() + sealed(rest) + good()
    else:
        content = rest
    started = time.thread_time()
    try:
        check(content)
    except NewerSegment:
        return
    finally:
        if time.thread_time() - started > CPU_S_MAX:
            raise TooSlow(f"{time.thread_time() - started:.2f} s for {len(data)} B")


def check(content: bytes) -> None:
    """Hold what is read of a content against itself."""
    found = scan(content)
    read = list(envelopes(content))
    intact, rest = split(content)
    assert len(read) == found.requests
    assert sum(envelope.spans for envelope in read) == found.spans
    assert len(intact) + len(rest) == len(content)
    again = scan(intact)
    assert (again.damaged, again.torn_bytes, again.requests) == ((), 0, found.requests)


def good() -> bytes:
    """Return two records."""
    return b"".join(
        record(Envelope("acme", "key", 10 + number, number, 3, b"\x0a\x00", (("timestamp", 2),)))
        for number in (1, 2)
    )


def sealed(rest: bytes) -> bytes:
    """Return any bytes as a record with the right length and checksum."""
    return varint(5 + len(rest)) + struct.pack("<BI", 0x0D, zlib.crc32(rest)) + rest


def damaged(edits: bytes) -> bytes:
    """Return a good segment with bytes changed; an edit is two bytes of place and a mask."""
    content = bytearray(header() + good() * 3)
    for at in range(0, len(edits) - 2, 3):
        place = int.from_bytes(edits[at : at + 2], "big") % len(content)
        content[place] ^= edits[at + 2]
    return bytes(content)


def seeds() -> Iterator[bytes]:
    """Yield inputs to begin from."""
    yield b"\x00" + header() + good()
    yield b"\x01\x00\x07\x01"
    yield b"\x02\x12\x04acme\x1a\x01k\x21" + bytes(8) + b"\x29" + bytes(8) + b"\x30\x01\x7a\x00"


if __name__ == "__main__":
    from under_atheris import run

    run(consume, seeds, Path(__file__).stem)
