"""Compression: what is whole comes back, and what grows too much is stopped while it grows."""

import gzip
import os
import resource
import zlib

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tollbook_collector.intake.decompress import (
    RATIO_FREE_BYTES,
    Damaged,
    TooLarge,
    UnknownEncoding,
    decompressed,
)

BODY = os.urandom(3_000) * 20
MEBIBYTE = 1024 * 1024


def bare_deflate(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(body) + compressor.flush()


def zstd_with_window(log: int) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=log)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return compressor.compress(BODY) + compressor.flush()


def streamed_zstd(body: bytes) -> bytes:
    """Compress without saying how much it will be."""
    compressor = zstandard.ZstdCompressor().compressobj()
    return compressor.compress(body) + compressor.flush()


COMPRESS = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": streamed_zstd}


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (BODY, ""),
        (BODY, "identity"),
        (gzip.compress(BODY), "gzip"),
        (gzip.compress(BODY), " GZIP "),
        (gzip.compress(BODY[:100]) + gzip.compress(BODY[100:]), "gzip"),
        (zlib.compress(BODY), "deflate"),
        (bare_deflate(BODY), "deflate"),
        (zstandard.compress(BODY), "zstd"),
        (zstandard.compress(BODY[:100]) + zstandard.compress(BODY[100:]), "zstd"),
    ],
)
def test_what_was_compressed_comes_back(body: bytes, encoding: str) -> None:
    assert decompressed(body, encoding) == BODY


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "identity, gzip", "snappy", "x" * 5000])
def test_a_compression_that_is_not_known_is_named_with_those_that_are(encoding: str) -> None:
    with pytest.raises(UnknownEncoding, match="identity, gzip, zstd, deflate are"):
        decompressed(BODY, encoding)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
@pytest.mark.parametrize("harm", ["cut", "magic", "tail"])
def test_what_is_damaged_is_never_taken_in_part(encoding: str, harm: str) -> None:
    whole = COMPRESS[encoding](BODY)
    harmed = {"cut": whole[:-5], "magic": b"\x01" + whole[1:], "tail": whole + b"trailing"}[harm]

    with pytest.raises(Damaged):
        decompressed(harmed, encoding)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate", "zstd"]))
def test_random_bytes_are_refused_or_whole(body: bytes, encoding: str) -> None:
    try:
        content = decompressed(body, encoding)
    except (Damaged, TooLarge):
        return

    assert isinstance(content, bytes)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_a_bomb_costs_no_more_than_what_it_may_grow_to(encoding: str) -> None:
    bomb = COMPRESS[encoding](bytes(200 * MEBIBYTE))
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(TooLarge):
        decompressed(bomb, encoding)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 128 * 1024


def test_what_is_small_may_compress_as_well_as_it_likes() -> None:
    zeros = bytes(RATIO_FREE_BYTES)

    assert decompressed(gzip.compress(zeros), "gzip") == zeros


def test_a_bomb_in_a_bomb_is_one_layer_of_bytes() -> None:
    inner = gzip.compress(bytes(RATIO_FREE_BYTES))

    assert decompressed(gzip.compress(inner), "gzip") == inner


def test_a_window_that_needs_too_much_memory_is_too_large() -> None:
    with pytest.raises(TooLarge, match="window"):
        decompressed(zstd_with_window(27), "zstd")
