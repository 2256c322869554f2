"""Turns a `Call` into an OTLP span, in the bytes that protobuf gives it.

The messages of opentelemetry-proto take more than twice as long for the same bytes, during which
the program's own threads wait for the interpreter's lock; `benchmarks/overhead.py` prints both.
The tests decode what is written here with protobuf.
"""

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, Final

from tollbook import attributes as names
from tollbook.model_call import Call, Request, Usage
from tollbook.price import Cost
from tollbook.tally import VALUE_CUT, Losses

ATTRIBUTE_CHARS_MAX: Final = 1024  # of one text
FINISH_REASONS_MAX: Final = 128  # choices of one call

KIND_CLIENT: Final = b"\x30\x03"  # field 6, SPAN_KIND_CLIENT
STATUS_ERROR: Final = b"\x7a\x02\x18\x02"  # field 15, {code: STATUS_CODE_ERROR}
TEXTS_MAX: Final = 2048  # remembered attributes
TEXT_CHARS_MAX: Final = 100  # of a remembered attribute
GROUPS_MAX: Final = 512  # remembered groups of attributes that many calls have in common
GROUP_CHARS_MAX: Final = 1024  # of what decides about such a group, written out
# Texts that are another one in every span.
UNIQUE: Final = frozenset(
    {
        names.RESPONSE_ID,
        names.COST_USD,
        names.CONVERSATION_ID,
        names.RUN_ID,
        names.PROMPT_DIGEST,
    }
)
# Tags that have an attribute of their own.
IDENTITIES: Final = MappingProxyType(
    {
        "user": names.USER_ID,
        "session": names.SESSION_ID,
        "conversation": names.CONVERSATION_ID,
    }
)
# The attributes of a usage, and the fields that they are.
USAGE_FIELDS: Final = (
    (names.USAGE_INPUT_TOKENS, "input_tokens"),
    (names.USAGE_CACHE_READ_INPUT_TOKENS, "cache_read_tokens"),
    (names.USAGE_CACHE_WRITE_INPUT_TOKENS, "cache_write_tokens"),
    (names.USAGE_CACHE_CREATION_INPUT_TOKENS, "cache_write_tokens"),
    (names.USAGE_CACHE_WRITE_5M_INPUT_TOKENS, "cache_write_5m_tokens"),
    (names.USAGE_CACHE_WRITE_1H_INPUT_TOKENS, "cache_write_1h_tokens"),
    (names.USAGE_AUDIO_INPUT_TOKENS, "input_audio_tokens"),
    (names.USAGE_IMAGE_INPUT_TOKENS, "input_image_tokens"),
    (names.USAGE_OUTPUT_TOKENS, "output_tokens"),
    (names.USAGE_REASONING_OUTPUT_TOKENS, "reasoning_tokens"),
    (names.USAGE_AUDIO_OUTPUT_TOKENS, "output_audio_tokens"),
    (names.USAGE_IMAGE_OUTPUT_TOKENS, "output_image_tokens"),
    (names.USAGE_INPUT_AUDIO_SECONDS, "input_audio_seconds"),
    (names.USAGE_WEB_SEARCH_REQUESTS, "web_search_requests"),
    (names.USAGE_FILE_SEARCH_REQUESTS, "file_search_requests"),
    (names.USAGE_CODE_SESSIONS, "code_sessions"),
    (names.USAGE_SEARCH_UNITS, "search_units"),
    (names.USAGE_INPUT_CHARACTERS, "input_characters"),
    (names.USAGE_IMAGES, "images"),
    (names.REQUEST_IMAGE_QUALITY, "image_quality"),
    (names.REQUEST_IMAGE_SIZE, "image_size"),
    (names.USAGE_PAGES, "pages"),
    (names.REQUEST_SEARCH_CONTEXT_SIZE, "search_context_size"),
)
# The same for each field of a usage in its order, which most say nothing of.
USAGE_NAMES: Final = tuple(
    tuple(name for name, field in USAGE_FIELDS if field == said) for said in Usage._fields
)
UNSIGNED: Final = 0xFFFF_FFFF_FFFF_FFFF
LENGTHS: Final = tuple(bytes((length,)) for length in range(0x80))
HEAD: Final = struct.Struct("<2s16s2s8scQ")  # ids and start
END: Final = struct.Struct("<cQ")
DOUBLE: Final = struct.Struct("<d")
DOUBLE_TAG: Final = b"\x21"
TRUE_VALUE: Final = b"\x10\x01"
FALSE_VALUE: Final = b"\x10\x00"

Value = str | bool | int | float | Sequence[str] | Sequence[float]


def varint(number: int) -> bytes:
    """Return a non-negative integer in base 128, low digits first."""
    if number < 0x80:
        return bytes((number,))
    digits = bytearray()
    while number >= 0x80:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def delimited(tag: bytes, content: bytes) -> bytes:
    """Return a field whose content is preceded by its length."""
    return tag + varint(len(content)) + content


def any_value(value: Value) -> bytes:
    """Return an `AnyValue`."""
    if isinstance(value, str):
        return delimited(b"\x0a", value.encode("utf-8", "replace"))
    if isinstance(value, bool):
        return TRUE_VALUE if value else FALSE_VALUE
    if isinstance(value, int):
        return b"\x18" + varint(value & UNSIGNED)
    if isinstance(value, float):
        return b"\x21" + struct.pack("<d", value)
    return delimited(b"\x2a", b"".join(delimited(b"\x0a", any_value(item)) for item in value))


@cache
def constant_key(name: str) -> bytes:
    """Return the key part of a `KeyValue`; for names of ours, which are few."""
    return delimited(b"\x0a", name.encode())


@cache
def integer_head(name: str, size: int) -> bytes:
    """Return all of an attribute but the digits of its integer, of which there are `size` bytes."""
    return span_attribute(constant_key(name), b"\x18" + bytes(size))[:-size]


def integer_attribute(name: str, number: int) -> bytes:
    """Return an attribute of a span whose value is an integer."""
    if 0 <= number < 0x80:
        return small_integer(name, number)
    if 0 <= number < 0x4000:
        return integer_head(name, 2) + bytes((number & 0x7F | 0x80, number >> 7))
    digits = varint(number & UNSIGNED)
    return integer_head(name, len(digits)) + digits


@cache
def small_integer(name: str, number: int) -> bytes:
    """Return an attribute of a span whose value is below 128, as most counts of a usage are."""
    return integer_head(name, 1) + LENGTHS[number]


@cache
def double_head(name: str) -> bytes:
    """Return all of an attribute but the eight bytes of its number."""
    return integer_head(name, DOUBLE.size)[: -len(DOUBLE_TAG)] + DOUBLE_TAG


@lru_cache(TEXTS_MAX)
def repeated_text(name: str, text: str) -> bytes:
    """Return an attribute of a span whose text is one of few: a model, a host, a tier."""
    return text_attribute(name, text)


def text_attribute(name: str, text: str) -> bytes:
    """Return an attribute of a span whose value is text."""
    key, value = constant_key(name), text.encode("utf-8", "replace")
    size = len(value)
    total = len(key) + size + 4
    if total >= 0x80:
        return span_attribute(key, delimited(b"\x0a", value))
    head = (b"\x4a", LENGTHS[total], key, b"\x12", LENGTHS[size + 2], b"\x0a", LENGTHS[size])
    return b"".join((*head, value))


def span_attribute(key: bytes, value: bytes) -> bytes:
    """Return the `attributes` field of a span for a key part and an `AnyValue`."""
    size = len(value)
    total = len(key) + 2 + size
    if total < 0x80:
        return b"".join((b"\x4a", LENGTHS[total], key, b"\x12", LENGTHS[size], value))
    return delimited(b"\x4a", key + delimited(b"\x12", value))


def attribute(key: bytes, value: Value) -> bytes:
    """Return a `KeyValue` of a key part and a value."""
    return key + delimited(b"\x12", any_value(value))


def span_bytes(call: Call, cost: Cost | None, losses: Losses) -> bytes:
    """Return a `Span` message.

    Args:
        call: The call.
        cost: What it cost, None where that is unknown.
        losses: Where cut texts are counted.
    """
    asked, cuts_of_asked = asked_bytes(call)
    answered, cuts_of_answered = answered_bytes(call)
    own, cuts_of_own = encoded(own_attributes(call, cost))
    head = HEAD.pack(
        b"\x0a\x10", call.trace_id, b"\x12\x08", call.span_id, b"\x39", call.start_time_ns
    )
    end = END.pack(b"\x41", call.end_time_ns)
    parts = [head, end, asked, answered, own]
    if call.parent_span_id:
        parts.append(delimited(b"\x22", call.parent_span_id))
    for _ in range(cuts_of_asked + cuts_of_answered + cuts_of_own):
        losses.count(VALUE_CUT)
    for key, text in call.content.items():  # within limits of its own
        parts.append(span_attribute(constant_key(key), any_value(text)))
    if call.tags:
        for key, text in tag_attributes(call.tags, call.request.conversation_id is not None):
            key_part = delimited(b"\x0a", key.encode("utf-8", "replace"))
            parts.append(span_attribute(key_part, any_value(text)))
    if call.error_type is not None:
        parts.append(STATUS_ERROR)
    return b"".join(parts)


def encoded(attributes: Iterable[tuple[str, Value | None]]) -> tuple[bytes, int]:
    """Return the fields of attributes without those that are None, and how many texts were cut."""
    parts: list[bytes] = []
    cuts = 0
    for key, value in attributes:
        if value is None:
            continue
        if type(value) is int:
            parts.append(integer_attribute(key, value))
        elif type(value) is float:
            parts.append(double_head(key) + DOUBLE.pack(value))
        elif isinstance(value, str):
            if len(value) > ATTRIBUTE_CHARS_MAX:
                value = value[:ATTRIBUTE_CHARS_MAX]
                cuts += 1
            if key in UNIQUE or len(value) > TEXT_CHARS_MAX:
                parts.append(text_attribute(key, value))
            else:
                parts.append(repeated_text(key, value))
        else:
            parts.append(span_attribute(constant_key(key), any_value(value)))
    return b"".join(parts), cuts


class Groups(dict[Any, tuple[bytes, int]]):
    """Groups of fields that many calls have in common, each encoded once; not those that are long.

    Args:
        fields: Returns the fields for a key, and how many texts were cut.
    """

    def __init__(self, fields: Callable[..., tuple[bytes, int]]) -> None:
        self._fields = fields

    def __missing__(self, key: Any) -> tuple[bytes, int]:
        """Encode a group, and keep it if it is short."""
        made = self._fields(*key)
        if len(repr(key)) <= GROUP_CHARS_MAX:
            if len(self) >= GROUPS_MAX:
                self.clear()
            self[key] = made
        return made


def asked_bytes(call: Call) -> tuple[bytes, int]:
    """Return what was asked and of whom, encoded once for all calls that ask the same."""
    key = (
        call.operation,
        call.provider,
        call.server_address,
        call.server_port,
        call.api_type,
        call.request,
    )
    return _asked_fields(*key) if call.request.conversation_id is not None else ASKED[key]


def _asked_fields(operation: str, *key: Any) -> tuple[bytes, int]:
    request: Request = key[-1]
    name = f"{operation} {request.model}" if request.model else operation
    fields, cuts = encoded(asked_attributes(operation, *key))
    name_field = delimited(b"\x2a", name[:ATTRIBUTE_CHARS_MAX].encode("utf-8", "replace"))
    is_cut = len(name) > ATTRIBUTE_CHARS_MAX
    return name_field + KIND_CLIENT + fields, cuts + is_cut


def answered_bytes(call: Call) -> tuple[bytes, int]:
    """Return what was answered, without what is one call's own, encoded once for all alike."""
    response = call.response
    return ANSWERED[
        call.api_type,
        call.request.service_tier,
        response.model,
        response.service_tier,
        response.finish_reasons,
        response.region,
        response.device,
        response.usage_complete,
        response.usage_estimated,
    ]


def _answered_fields(*key: Any) -> tuple[bytes, int]:
    return encoded(answered_attributes(*key))


ASKED: Final = Groups(_asked_fields)
ANSWERED: Final = Groups(_answered_fields)


def tag_attributes(
    tags: Mapping[str, str], has_conversation: bool = False
) -> Iterable[tuple[str, str]]:
    """Yield the attributes that tags become, most of them `tollbook.tags.…`.

    Args:
        tags: Tags by name.
        has_conversation: Whether the request itself names the conversation, which then counts.
    """
    for tag, text in tags.items():
        name = IDENTITIES.get(tag)
        if name is None:
            yield names.TAG_PREFIX + tag, text
        elif name != names.CONVERSATION_ID or not has_conversation:
            yield name, text


def cut(text: str, losses: Losses) -> str:
    """Return a text within the limit; one that was cut is counted."""
    if len(text) <= ATTRIBUTE_CHARS_MAX:
        return text
    losses.count(VALUE_CUT)
    return text[:ATTRIBUTE_CHARS_MAX]


def span_attributes(call: Call, cost: Cost | None) -> Iterable[tuple[str, Value | None]]:
    """Yield the attributes of a call; what is None was not said and is left out."""
    response = call.response
    yield from asked_attributes(
        call.operation,
        call.provider,
        call.server_address,
        call.server_port,
        call.api_type,
        call.request,
    )
    yield from answered_attributes(
        call.api_type,
        call.request.service_tier,
        response.model,
        response.service_tier,
        response.finish_reasons,
        response.region,
        response.device,
        response.usage_complete,
        response.usage_estimated,
    )
    yield from own_attributes(call, cost)


def asked_attributes(
    operation: str,
    provider: str,
    server_address: str,
    server_port: int | None,
    api_type: str | None,
    request: Request,
) -> Iterable[tuple[str, Value | None]]:
    """Yield what was asked, and of whom."""
    yield names.OPERATION_NAME, operation
    yield names.PROVIDER_NAME, provider
    yield names.REQUEST_MODEL, request.model
    yield names.SERVER_ADDRESS, server_address or None
    yield names.SERVER_PORT, server_port
    yield names.REQUEST_STREAM, True if request.stream else None
    yield names.REQUEST_MAX_TOKENS, request.max_tokens
    yield names.REQUEST_TEMPERATURE, request.temperature
    yield names.REQUEST_TOP_P, request.top_p
    yield names.REQUEST_CHOICE_COUNT, request.choice_count if request.choice_count != 1 else None
    yield names.REQUEST_SEED, request.seed
    yield names.REQUEST_REASONING_LEVEL, request.reasoning_level
    yield names.CONVERSATION_ID, request.conversation_id
    yield names.OUTPUT_TYPE, request.output_type
    yield names.OPENAI_API_TYPE, api_type


def answered_attributes(
    api_type: str | None,
    asked_tier: str | None,
    model: str | None,
    service_tier: str | None,
    finish_reasons: Sequence[str],
    region: str | None,
    device: str | None,
    complete: bool,
    estimated: bool,
) -> Iterable[tuple[str, Value | None]]:
    """Yield what came back, as far as other calls have it too."""
    yield names.RESPONSE_MODEL, model
    if finish_reasons:
        reasons = finish_reasons[:FINISH_REASONS_MAX]
        yield (
            names.RESPONSE_FINISH_REASONS,
            tuple(reason[:ATTRIBUTE_CHARS_MAX] for reason in reasons),
        )
    if api_type is not None:
        yield names.OPENAI_REQUEST_SERVICE_TIER, asked_tier if asked_tier != "auto" else None
        yield names.OPENAI_RESPONSE_SERVICE_TIER, service_tier
    else:
        yield names.ANTHROPIC_RESPONSE_SERVICE_TIER, service_tier
    yield names.REGION, region
    yield names.DEVICE, device
    if not complete:
        yield names.USAGE_COMPLETE, False
    if estimated:
        yield names.USAGE_ESTIMATED, True


def own_attributes(call: Call, cost: Cost | None) -> Iterable[tuple[str, Value | None]]:
    """Return what is this call's alone."""
    own: list[tuple[str, Value | None]] = [(names.RESPONSE_ID, call.response.response_id)]
    if call.error_type is not None or call.resent or call.prompt_digest is not None:
        own += (
            (names.ERROR_TYPE, call.error_type),
            (names.RESEND_COUNT, call.resent or None),
            (names.PROMPT_DIGEST, call.prompt_digest),
        )
    if call.run_id is not None:
        own += ((names.RUN_ID, call.run_id), (names.RUN_NAME, call.run_name))
    if call.first_chunk_ns is not None:
        own.append((names.RESPONSE_TIME_TO_FIRST_CHUNK, call.first_chunk_ns / 1e9))
    if call.response.usage is not None:
        own += usage_attributes(call.response.usage)
    if cost is not None:
        own += cost_attributes(cost)
    return own


def usage_attributes(usage: Usage) -> Iterable[tuple[str, Value | None]]:
    """Return the tokens; a zero is a zero, and what the provider did not say is left out."""
    return [
        (name, value)
        for known, value in zip(USAGE_NAMES, usage, strict=True)
        if value is not None
        for name in known
    ]


def cost_attributes(cost: Cost) -> Iterable[tuple[str, str | float | None]]:
    """Return the cost: exact as text, and as a double in the conventions' draft."""
    return (
        (names.COST_USD, plain(cost)),
        (names.COST_AMOUNT, float(cost.usd)),
        (names.COST_CURRENCY, "USD"),
        (names.COST_SOURCE, cost.source),
        (names.PRICE_ID, cost.price_id),
    )


def plain(cost: Cost) -> str:
    """Return dollars as decimal digits without an exponent and without idle zeros."""
    digits = format(cost.usd, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def resource_bytes(resource: Mapping[str, str | int]) -> bytes:
    """Return the `Resource` field of a `ResourceSpans`."""
    pairs = b"".join(
        delimited(b"\x0a", attribute(delimited(b"\x0a", key.encode("utf-8", "replace")), value))
        for key, value in resource.items()
    )
    return delimited(b"\x0a", pairs)


def scope_bytes(name: str, version: str) -> bytes:
    """Return the `InstrumentationScope` field of a `ScopeSpans`."""
    content = delimited(b"\x0a", name.encode()) + delimited(b"\x12", version.encode())
    return delimited(b"\x0a", content)


def export_request(resource: bytes, scope: bytes, spans: Iterable[bytes]) -> bytes:
    """Return an `ExportTraceServiceRequest` of one resource and scope.

    Args:
        resource: From `resource_bytes`.
        scope: From `scope_bytes`.
        spans: `Span` messages.
    """
    parts = [scope]
    for span in spans:
        parts += (b"\x12", varint(len(span)), span)
    return delimited(b"\x0a", resource + delimited(b"\x12", b"".join(parts)))
