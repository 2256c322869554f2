"""Content-Encoding of bodies in both directions: gzip, deflate, lz4 frames and zstd."""

import gzip
import io
import zlib
from collections.abc import Callable
from typing import IO, Final, Protocol, cast

import lz4.frame
import zstandard

from tollbook_collector.store.embedded.failure import (
    CANNOT_DECOMPRESS,
    UNKNOWN_COMPRESSION_METHOD,
    QueryFailed,
)

# In the order of preference where a client accepts several: the fastest first, as ClickHouse.
ENCODINGS: Final = ("lz4", "zstd", "gzip", "deflate")
# Loopback is faster than any better level.
GZIP_LEVEL: Final = 1
READ_BYTES: Final = 256 * 1024


class Readable(Protocol):
    """Where the bytes of a body come from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes, b"" at the end."""


class Compressor(Protocol):
    """One compressed body in the making."""

    def compress(self, data: bytes) -> bytes:
        """Return what is ready to be sent of the data so far."""

    def flush(self) -> bytes:
        """Return the rest and end the body."""


class _Decoded(io.RawIOBase):
    """A decoder whose own errors become ClickHouse's."""

    def __init__(self, encoding: str, source: Readable) -> None:
        self._encoding = encoding
        self._source = source

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._source.read(size)
        except (OSError, EOFError, RuntimeError, zlib.error, zstandard.ZstdError) as error:
            raise QueryFailed(
                CANNOT_DECOMPRESS, f"The body is not {self._encoding}: {error}"
            ) from error


class _Inflated:
    """A zlib stream (which HTTP calls deflate) read piece by piece."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._inflate = zlib.decompressobj()

    def read(self, size: int = -1, /) -> bytes:
        limit = size if size > 0 else READ_BYTES
        while not self._inflate.eof:
            data = self._inflate.unconsumed_tail or self._source.read(READ_BYTES)
            if not data:
                raise EOFError("the stream ends too early")
            if piece := self._inflate.decompress(data, limit):
                return piece
        return b""


class _Lz4Compressor:
    """An lz4 frame written piece by piece."""

    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor()
        self._begin = cast("bytes", self._frame.begin())

    def compress(self, data: bytes) -> bytes:
        begin, self._begin = self._begin, b""
        return begin + cast("bytes", self._frame.compress(data))

    def flush(self) -> bytes:
        begin, self._begin = self._begin, b""
        return begin + cast("bytes", self._frame.flush())


def decode(encoding: str, source: Readable) -> Readable:
    """Return the body that `source` carries in a Content-Encoding.

    Raises:
        QueryFailed: If the encoding is not known; while reading, if the bytes are not of it.
    """
    readers: dict[str, Callable[[], Readable]] = {
        "gzip": lambda: gzip.GzipFile(fileobj=cast("io.BufferedIOBase", source)),
        "deflate": lambda: _Inflated(source),
        "lz4": lambda: cast("Readable", lz4.frame.LZ4FrameFile(source)),
        "zstd": lambda: zstandard.ZstdDecompressor().stream_reader(
            cast("IO[bytes]", source), read_across_frames=True
        ),
    }
    if encoding in {"", "identity"}:
        return source
    if encoding not in readers:
        raise QueryFailed(
            UNKNOWN_COMPRESSION_METHOD,
            f"Content-Encoding {encoding!r} is not one of {', '.join(ENCODINGS)}",
        )
    return _Decoded(encoding, readers[encoding]())


def choose(accept_encoding: str) -> str:
    """Return the encoding for a client's Accept-Encoding, "" for none."""
    accepted = set()
    for item in accept_encoding.lower().split(","):
        name, _, quality = item.partition(";")
        if quality.replace(" ", "") not in {"q=0", "q=0.0"}:
            accepted.add(name.strip())
    return next((name for name in ENCODINGS if name in accepted), "")


def compressor(encoding: str) -> Compressor:
    """Return a compressor of one of `ENCODINGS`."""
    if encoding == "lz4":
        return _Lz4Compressor()
    if encoding == "zstd":
        return zstandard.ZstdCompressor(level=1).compressobj()
    window = 31 if encoding == "gzip" else zlib.MAX_WBITS
    return zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, window)
