"""The segment file: a stream of length-delimited protobuf Envelopes, which is also the insert body.

A record is `varint(length) envelope`, and an envelope, in this order of fields:

    1  crc         fixed32  CRC-32 of everything after this field
    2  tenant      string   whose data it is
    3  key         string   public id of the key it came with
    4  received_at fixed64  nanoseconds since 1970
    5  sequence    fixed64  of the request, unique within the spool
    6  spans       varint   spans in the request
    7  version     varint   FORMAT_VERSION, in the first record of a file, which has no request
    8  rejected    message  items that were taken out: their reason (1) and number (2); repeated
    9  digest      bytes    of the request as it came, by which it is known when it is sent again
    15 request     message  the OTLP export request

The engine skips fields 1, 7 and 9, so the file goes to it as it is. Version 1 had no field 8,
version 2 no field 9, and of version 3 the token was that of all bytes, see `token`.

A flipped byte costs the record that it is in: reading goes on at the next whole one.
"""

import hashlib
import re
import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from tollbook_collector.spool.deflate import crc32

FORMAT_VERSION: Final = 4
# Before it a segment was named by all of its bytes, and an insert may still be known by that.
NAMED_BY_HEADS: Final = 4
# A varint of 64 bits has at most ten bytes.
VARINT_BYTES_MAX: Final = 10

_CRC: Final = struct.Struct("<BI")
_FIXED: Final = struct.Struct("<BQBQ")
_TAG_CRC: Final = 0x0D
_TAG_TENANT: Final = b"\x12"
_TAG_KEY: Final = b"\x1a"
_TAG_RECEIVED_AT: Final = 0x21
_TAG_SEQUENCE: Final = 0x29
_TAG_SPANS: Final = b"\x30"
_TAG_VERSION: Final = b"\x38"
_TAG_REJECTED: Final = b"\x42"
_TAG_DIGEST: Final = b"\x4a"
_TAG_REQUEST: Final = b"\x7a"
# What follows the length of a record: the checksum and the tag of the tenant, or of the version.
_RECORD_HEAD: Final = re.compile(rb"\x0d[\s\S]{4}[\x12\x38]")


class NewerSegment(Exception):
    """A segment was written by a newer version of tollbook; it was left untouched."""


@dataclass(frozen=True)
class Envelope:
    """One request as it lies in the spool.

    Args:
        tenant: Whose data it is.
        key: Public id of the key it came with; empty: none.
        received_at: Nanoseconds since 1970.
        sequence: Number of the request, unique within the spool.
        spans: How many spans it has.
        request: The OTLP export request, protobuf, uncompressed; empty: it only accounts for items.
        rejected: Items that were taken out of it, by reason; a negative number takes one back.
        digest: Of the request as it came, up to 127 bytes; empty: it cannot be sent again.
    """

    tenant: str
    key: str
    received_at: int
    sequence: int
    spans: int
    request: bytes
    rejected: tuple[tuple[str, int], ...] = ()
    digest: bytes = b""

    @property
    def name(self) -> bytes:
        """What no other request has: the tenant and the digest; empty: there is none."""
        return self.tenant.encode() + b"\0" + self.digest if self.digest else b""


@dataclass(frozen=True)
class Scan:
    """What a segment file holds.

    Args:
        intact_bytes: Length of its intact records.
        torn_bytes: Length of what follows the last of them; 0: the file ends whole.
        requests: Intact requests.
        spans: Spans in them.
        sequence_last: Greatest sequence; -1: none.
        received_first: Earliest arrival in nanoseconds since 1970; 0: none.
        damaged: Where damage between intact records starts and ends.
        tenants: Bytes of the requests of each tenant.
        token: What names it to the store, see `token`; empty: its bytes have to be read for that.
    """

    intact_bytes: int
    torn_bytes: int
    requests: int
    spans: int
    sequence_last: int
    received_first: int
    damaged: tuple[tuple[int, int], ...] = ()
    tenants: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    token: str = ""


def varint(number: int) -> bytes:
    """Return a number, 0 <= number < 2^64, as protobuf writes it."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def record(envelope: Envelope) -> bytes:
    """Return an envelope as a record of a segment file."""
    return b"".join(record_parts(envelope))


def record_parts(envelope: Envelope) -> tuple[bytes, bytes]:
    """Return a record as what stands before its request, and the request itself, not copied."""
    tenant, key = envelope.tenant.encode(), envelope.key.encode()
    head = b"".join(
        (
            _TAG_TENANT,
            varint(len(tenant)),
            tenant,
            _TAG_KEY,
            varint(len(key)),
            key,
            _FIXED.pack(_TAG_RECEIVED_AT, envelope.received_at, _TAG_SEQUENCE, envelope.sequence),
            _TAG_SPANS,
            varint(envelope.spans),
            *map(_rejection, envelope.rejected),
            *_digest(envelope.digest),
            _TAG_REQUEST,
            varint(len(envelope.request)),
        )
    )
    return _sealed(head, envelope.request), envelope.request


def _digest(digest: bytes) -> tuple[bytes, ...]:
    return (_TAG_DIGEST, varint(len(digest)), digest) if digest else ()


def _rejection(rejected: tuple[str, int]) -> bytes:
    reason = rejected[0].encode()
    # As protobuf's int64 does it, a negative number is written as its two's complement.
    number = varint(rejected[1] & 0xFFFF_FFFF_FFFF_FFFF)
    content = b"".join((b"\x0a", varint(len(reason)), reason, b"\x10", number))
    return b"".join((_TAG_REJECTED, varint(len(content)), content))


def account(envelope: Envelope, reason: str) -> Envelope:
    """Return what is left of a request that is not kept: its items, by reason."""
    rejected = (*envelope.rejected, (reason, envelope.spans))
    return replace(envelope, request=b"", spans=0, rejected=rejected, digest=b"")


def header() -> bytes:
    """Return the first record of a file: the version of its format and no request."""
    return _sealed(_TAG_VERSION + varint(FORMAT_VERSION), b"")


def scan(content: bytes) -> Scan:
    """Return what a segment's content holds.

    Raises:
        NewerSegment: The header names a version that this program does not know.
    """
    intact_bytes = torn_bytes = requests = spans = received_first = 0
    sequence_last = -1
    damaged = []
    tenants: Counter[str] = Counter()
    for start, end, fields in _regions(content):
        if fields is None:
            if end == len(content):
                torn_bytes = end - start
            else:
                damaged.append((start, end))
            continue
        intact_bytes += end - start
        if (version := fields.numbers.get(7, 0)) > FORMAT_VERSION:
            raise NewerSegment(
                f"the segment has format {version} and this version of tollbook knows"
                f" {FORMAT_VERSION}; start the version that wrote it, or a newer one"
            )
        if 15 in fields.places:
            requests += 1
            spans += fields.numbers.get(6, 0)
            sequence_last = max(sequence_last, fields.numbers[5])
            received_first = min(received_first or fields.numbers[4], fields.numbers[4])
            tenants[fields.text(content, 2).decode()] += end - start
    return Scan(
        intact_bytes=intact_bytes,
        torn_bytes=torn_bytes,
        requests=requests,
        spans=spans,
        sequence_last=sequence_last,
        received_first=received_first,
        damaged=tuple(damaged),
        tenants=tenants,
    )


def token(content: bytes) -> str:
    """Return what names a segment to the store, by which it knows an insert that it has had.

    It is a digest of all bytes but the requests, for each of which its own digest, its checksum and
    its sequence stand in the record: the bytes themselves were read for that at the door.

    Args:
        content: Of a segment without damage.
    """
    named = hashlib.sha256()
    if _version(content) < NAMED_BY_HEADS:
        named.update(content)
        return named.hexdigest()
    position = 0
    while position < len(content):
        length, start = _read_varint(content, position)
        end = start + length
        fields = _fields(content, start + _CRC.size, end)
        stands_for_request = fields.text(content, 9) != b""
        cut = fields.places.get(15, (end, end))[0] if stands_for_request else end
        named.update(content[position:cut])
        position = end
    return named.hexdigest()


class Growing:
    """What a segment holds that is being written, and its token, so that nobody has to read it."""

    def __init__(self) -> None:
        self._named = hashlib.sha256(header())
        self._tenants: Counter[str] = Counter()
        self.content = Scan(len(header()), 0, 0, 0, -1, 0)

    def add(
        self, written: Sequence[Envelope], records: Sequence[tuple[bytes, bytes]]
    ) -> Mapping[str, int]:
        """Add records, see `record_parts`, and return the bytes of each tenant in them."""
        tenants: Counter[str] = Counter()
        for envelope, parts in zip(written, records, strict=True):
            tenants[envelope.tenant] += sum(map(len, parts))
            # As `token` does it: what has a digest stands for its request.
            self._named.update(parts[0] if envelope.digest else b"".join(parts))
        self._tenants += tenants
        self.content = Scan(
            intact_bytes=self.content.intact_bytes + tenants.total(),
            torn_bytes=0,
            requests=self.content.requests + len(written),
            spans=self.content.spans + sum(envelope.spans for envelope in written),
            sequence_last=written[-1].sequence,
            received_first=self.content.received_first or written[0].received_at,
            tenants=Counter(self._tenants),
            token=self._named.hexdigest(),
        )
        return tenants


def header_of(content: bytes) -> bytes:
    """Return the first record of a segment's content, if that says its version; else nothing."""
    length, start = _read_varint(content, 0)
    return content[: start + length] if _version(content) else b""


def _version(content: bytes) -> int:
    length, start = _read_varint(content, 0)
    return _fields(content, start + _CRC.size, start + length).numbers.get(7, 0)


def split(content: bytes) -> tuple[bytes, bytes]:
    """Return the intact records of a segment's content, and the rest of it."""
    intact: list[bytes] = []
    rest: list[bytes] = []
    for start, end, fields in _regions(content):
        (rest if fields is None else intact).append(content[start:end])
    return b"".join(intact), b"".join(rest)


def envelopes(content: bytes) -> Iterator[Envelope]:
    """Yield the intact requests of a segment's content, in order."""
    for _, _, fields in _regions(content):
        if fields is None or 15 not in fields.places:
            continue
        yield Envelope(
            tenant=fields.text(content, 2).decode(),
            key=fields.text(content, 3).decode(),
            received_at=fields.numbers[4],
            sequence=fields.numbers[5],
            spans=fields.numbers.get(6, 0),
            request=fields.text(content, 15),
            rejected=tuple(_read_rejection(content, *place) for place in fields.rejected),
            digest=fields.text(content, 9),
        )


@dataclass(frozen=True)
class _Fields:
    """The fields of an envelope: its numbers, and where its strings are; those of field 8 apart."""

    numbers: dict[int, int]
    places: dict[int, tuple[int, int]]
    rejected: list[tuple[int, int]]

    def text(self, content: bytes, number: int) -> bytes:
        start, end = self.places.get(number, (0, 0))
        return content[start:end]


class _Unreadable(Exception):
    """Bytes are not the fields of an envelope, whatever their checksum says."""


def _regions(content: bytes) -> Iterator[tuple[int, int, _Fields | None]]:
    """Yield start, end and fields of each record; without fields: damage."""
    position = 0
    while position < len(content):
        body = _intact_body(content, position)
        if body is None:
            end, fields = _next_intact(content, position), None
        else:
            end, fields = body[1], _envelope_fields(content, *body)
        yield position, end, fields
        position = end


def _envelope_fields(content: bytes, start: int, end: int) -> _Fields | None:
    """Return the fields of an envelope; None: no version of tollbook wrote it."""
    try:
        fields = _fields(content, start + _CRC.size, end)
        for place in fields.rejected:
            _read_rejection(content, *place)
        fields.text(content, 2).decode()
        fields.text(content, 3).decode()
    except (_Unreadable, UnicodeDecodeError):
        return None
    whole = 15 not in fields.places or {4, 5} <= fields.numbers.keys()
    return fields if whole else None


def _next_intact(content: bytes, damaged: int) -> int:
    """Return where the first intact record after a damaged one starts, or the end."""
    length, start = _read_varint(content, damaged)
    if 0 < start < start + length < len(content) and _intact_body(content, start + length):
        return start + length
    for head in _RECORD_HEAD.finditer(content, damaged + 1):
        # The length before a head has one to five bytes, of which only the last is below 128.
        for length_bytes in range(1, 6):
            position = head.start() - length_bytes
            if position <= damaged or (length_bytes > 1 and content[position] < 0x80):
                break
            if _intact_body(content, position) is not None:
                return position
    return len(content)


def _read_rejection(content: bytes, start: int, end: int) -> tuple[str, int]:
    fields = _fields(content, start, end)
    items = fields.numbers.get(2, 0)
    return fields.text(content, 1).decode(), items - (1 << 64) if items >> 63 else items


def _sealed(head: bytes, rest: bytes) -> bytes:
    """Return a head with the length and the checksum of itself and the rest before it."""
    checksum = _CRC.pack(_TAG_CRC, crc32(rest, crc32(head)))
    return b"".join((varint(_CRC.size + len(head) + len(rest)), checksum, head))


def _intact_body(content: bytes, position: int) -> tuple[int, int] | None:
    """Return where the envelope of the record at `position` starts and ends, if it is intact."""
    length, start = _read_varint(content, position)
    end = start + length
    if start < 0 or length < _CRC.size or end > len(content):
        return None
    tag, crc = _CRC.unpack_from(content, start)
    intact = tag == _TAG_CRC and crc == crc32(memoryview(content)[start + _CRC.size : end])
    return (start, end) if intact else None


def _read_varint(content: bytes, position: int) -> tuple[int, int]:
    """Return the varint at `position` and where it ends; an end of -1: there is none."""
    number = shift = 0
    for index in range(position, min(position + VARINT_BYTES_MAX, len(content))):
        byte = content[index]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, index + 1
        shift += 7
    return 0, -1


def _fields(content: bytes, position: int, end: int) -> _Fields:
    """Return the fields of a message.

    Raises:
        _Unreadable: It is not protobuf.
    """
    found = _Fields({}, {}, [])
    while position < end:
        tag, position = _read_varint(content, position)
        number, wire_type = tag >> 3, tag & 7
        length = 0
        if wire_type == 2:
            length, position = _read_varint(content, position)
            if number == 8:
                found.rejected.append((position, position + length))
            found.places[number] = (position, position + length)
        elif wire_type == 1:
            found.numbers[number] = int.from_bytes(content[position : position + 8], "little")
            length = 8
        elif wire_type == 0:
            found.numbers[number], position = _read_varint(content, position)
        else:
            raise _Unreadable
        # A varint that does not end is at -1.
        if position < 0 or position + length > end:
            raise _Unreadable
        position += length
    return found
