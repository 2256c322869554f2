"""The segment file: what was written is read back, and damage costs only what was damaged."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tollbook_collector.spool.segment import (
    FORMAT_VERSION,
    Envelope,
    NewerSegment,
    envelopes,
    header,
    record,
    scan,
    split,
    token,
    varint,
)


def envelope(sequence: int, request: bytes = b"\x0a\x00") -> Envelope:
    return Envelope("acme", "key1", 1_763_700_000_000_000_000 + sequence, sequence, 3, request)


def test_what_was_written_is_read_back_in_order() -> None:
    written = [envelope(1), envelope(2, b""), envelope(3, bytes(300))]

    content = header() + b"".join(map(record, written))

    assert list(envelopes(content)) == written
    found = scan(content)
    assert (found.intact_bytes, found.torn_bytes) == (len(content), 0)
    assert (found.requests, found.spans, found.sequence_last) == (3, 9, 3)
    assert found.received_first == 1_763_700_000_000_000_001


def test_a_torn_tail_costs_only_the_request_that_it_cut() -> None:
    first, second = header() + record(envelope(1)), record(envelope(2, bytes(40)))

    for cut in range(len(second)):
        found = scan(first + second[:cut])

        assert (found.intact_bytes, found.torn_bytes, found.requests) == (len(first), cut, 1)


def test_a_flipped_byte_costs_the_record_that_it_is_in_and_no_other() -> None:
    written = [envelope(number, bytes([number]) * (number % 7)) for number in range(1, 51)]
    starts = [0]
    for each in (header(), *map(record, written)):
        starts.append(starts[-1] + len(each))
    content = header() + b"".join(map(record, written))

    for position in range(len(content)):
        for mask in (0x01, 0x80):
            damaged = bytearray(content)
            damaged[position] ^= mask
            hurt = next(n for n, start in enumerate(starts) if start > position) - 1
            expected = [each for number, each in enumerate(written, start=1) if number != hurt]

            assert list(envelopes(bytes(damaged))) == expected, position


def test_several_damaged_places_are_counted_and_what_is_between_them_is_kept() -> None:
    records = [record(envelope(number, b"x" * 50)) for number in range(1, 8)]
    records[1] = b"\xff" * len(records[1])
    records[4] = records[4][:20]
    content = header() + b"".join(records)

    found = scan(content)
    intact, rest = split(content)

    assert [e.sequence for e in envelopes(content)] == [1, 3, 4, 6, 7]
    assert (found.requests, len(found.damaged), found.torn_bytes) == (5, 2, 0)
    assert found.intact_bytes == len(intact)
    assert rest == records[1] + records[4]


@given(st.binary(max_size=300))
def test_any_bytes_are_a_segment_without_requests_or_with_whole_ones(content: bytes) -> None:
    try:
        found = scan(content)
    except NewerSegment:
        return

    assert found.requests == len(list(envelopes(content)))


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_segments_of_every_released_format_are_read(version: int) -> None:
    """Files written once by the version that introduced the format, and never changed."""
    content = (Path(__file__).parent / "golden" / f"format-{version}.segment").read_bytes()

    found = list(envelopes(content))

    assert [(e.tenant, e.key, e.sequence, e.spans) for e in found] == [
        ("acme", "key1", 1, 3),
        ("acme", "key1", 2, 3),
    ]
    assert [e.rejected for e in found] == [(), () if version == 1 else (("timestamp", 2),)]
    assert [e.digest for e in found] == [bytes([n]) * 32 if version > 2 else b"" for n in (1, 2)]
    assert scan(content).received_first == 1_763_700_000_000_000_001


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_segment_of_an_older_format_keeps_the_token_that_its_version_gave_it(
    version: int,
) -> None:
    """Its insert may be under way while the collector is replaced by a newer one."""
    content = (Path(__file__).parent / "golden" / f"format-{version}.segment").read_bytes()

    assert token(content) == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"request": b"Tequest"}, id="request"),
        pytest.param({"digest": b"e" * 32}, id="digest"),
        pytest.param({"digest": b"", "request": b"Tequest"}, id="request without a digest"),
        pytest.param({"sequence": 8}, id="sequence"),
        pytest.param({"tenant": "other"}, id="tenant"),
        pytest.param({"rejected": (("timestamp", 1),)}, id="rejected"),
    ],
)
def test_whatever_changes_in_a_segment_changes_its_token(other: dict[str, Any]) -> None:
    first, second = envelope(1), replace(envelope(2), digest=b"d" * 32)

    whole = header() + record(first) + record(second)
    changed = header() + record(first) + record(replace(second, **other))

    assert token(whole) != token(changed)
    assert token(whole) != token(header() + record(second) + record(first))


def test_what_was_rejected_is_read_back_and_may_be_negative() -> None:
    written = replace(envelope(1), rejected=(("invalid_span_id", 300), ("quarantined", -2)))

    assert list(envelopes(record(written))) == [written]


def test_a_segment_of_a_newer_format_is_refused() -> None:
    version, newer = bytes([FORMAT_VERSION]), bytes([FORMAT_VERSION + 1])
    sealed = record_of(header().replace(b"\x38" + version, b"\x38" + newer))

    with pytest.raises(NewerSegment, match=f"format {FORMAT_VERSION + 1}"):
        scan(sealed)


def record_of(content: bytes) -> bytes:
    """Seal a changed header anew, as the newer program would have."""
    import struct
    import zlib

    rest = content[6:]
    return varint(5 + len(rest)) + struct.pack("<BI", 0x0D, zlib.crc32(rest)) + rest


def test_a_segment_is_what_protobuf_itself_reads() -> None:
    """The request is found by protobuf's own reader under field 15 of the envelope."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(name="chat")

    content = record(envelope(7, request.SerializeToString()))

    assert ExportTraceServiceRequest.FromString(next(iter(envelopes(content))).request) == request
