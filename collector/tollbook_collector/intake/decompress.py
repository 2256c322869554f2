"""Taking the compression off a body, bounded while it happens: identity, gzip, deflate, zstd."""

from collections.abc import Callable
from typing import Final

import zstandard

from tollbook_collector.intake.gather import gathered
from tollbook_collector.spool.deflate import DeflateError, decompressobj

# A request of OTLP 1.11 has at most this many bytes, compressed or not.
REQUEST_BYTES_MAX: Final = 64 * 1024 * 1024
# Telemetry compresses 5 to 50 times; what grows more than this was made to grow.
RATIO_MAX: Final = 200
# The ratio is looked at only beyond this size, below which no body does harm.
RATIO_FREE_BYTES: Final = 1024 * 1024
# What a decoder may look back; 8 MiB is zstd's own recommendation for a decoder.
ZSTD_WINDOW_BYTES_MAX: Final = 8 * 1024 * 1024
# 1 KiB of zstd is at most 256 blocks of 128 KiB, so one step produces 32 MiB at most.
ZSTD_STEP_BYTES: Final = 1024


class TooLarge(Exception):
    """A request is longer, or has more in it, than a request may."""


class Damaged(Exception):
    """A body is not whole, or not compressed in the way that its header says."""


class UnknownEncoding(Exception):
    """A body is compressed in a way that this door does not know."""


def decompressed(body: bytes, encoding: str) -> bytes:
    """Return a body without its compression.

    Raises:
        TooLarge: It has more than REQUEST_BYTES_MAX bytes then, or grows more than RATIO_MAX times.
        UnknownEncoding: `encoding` is not one of gzip, zstd, deflate and identity.
        Damaged: It is not whole, or not what `encoding` says.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    decoder = _DECODERS.get(name)
    if decoder is None:
        known = ", ".join(["identity", *_DECODERS])
        raise UnknownEncoding(f"the content encoding {name[:64]!r} is not known; {known} are")
    try:
        return decoder(body)
    except (DeflateError, zstandard.ZstdError) as error:
        if "memory" in str(error):
            limit = f"the limit is {ZSTD_WINDOW_BYTES_MAX} B"
            raise TooLarge(f"the {name} body needs too large a window; {limit}") from error
        raise Damaged(f"the {name} body is damaged: {error}") from error


def _room(body: bytes) -> int:
    return min(REQUEST_BYTES_MAX, max(RATIO_FREE_BYTES, RATIO_MAX * len(body)))


def _too_large(room: int) -> TooLarge:
    if room == REQUEST_BYTES_MAX:
        return TooLarge(f"the body has more than {REQUEST_BYTES_MAX} B when decompressed")
    return TooLarge(f"the body grows more than {RATIO_MAX} times when decompressed")


def _inflated(body: bytes, window_bits: int) -> bytes:
    rest, parts, room = body, [], _room(body)
    left = room
    while rest:
        reader = decompressobj(wbits=window_bits)
        part = reader.decompress(rest, left + 1)
        left -= len(part)
        if left < 0:
            raise _too_large(room)
        if not reader.eof:
            raise Damaged("the compressed body ends in the middle")
        parts.append(part)
        rest = reader.unused_data
    return gathered(parts)


def _gzip(body: bytes) -> bytes:
    return _inflated(body, 31)


def _deflate(body: bytes) -> bytes:
    # RFC 9110 means the zlib format, but bare deflate is sent under this name too.
    zlib_header = len(body) > 1 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0
    return _inflated(body, 15 if zlib_header else -15)


def _zstd(body: bytes) -> bytes:
    decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES_MAX)
    room = _room(body)
    parts: list[bytes] = []
    size = position = 0
    reader = decompressor.decompressobj()
    while position < len(body):
        part = reader.decompress(body[position : position + ZSTD_STEP_BYTES])
        position += ZSTD_STEP_BYTES
        parts.append(part)
        size += len(part)
        if size > room:
            raise _too_large(room)
        if reader.eof and (position < len(body) or reader.unused_data):
            position = min(position, len(body)) - len(reader.unused_data)
            reader = decompressor.decompressobj()
    if body and not reader.eof:
        raise Damaged("the compressed body ends in the middle")
    return gathered(parts)


_DECODERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": _gzip,
    "zstd": _zstd,
    "deflate": _deflate,
}
