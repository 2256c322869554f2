"""OTLP/JSON becomes OTLP's protobuf, so that one path follows.

The mapping is OTLP's own and not protobuf's: ids are hexadecimal, enums are integers, names are
lowerCamelCase, unknown fields are ignored. What it does not allow is refused, because Python's
reader would let NaN, duplicate keys and bottomless nesting through.
"""

import base64
import binascii
import json
import math
import re
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError

from tollbook_collector.intake.decompress import TooLarge
from tollbook_collector.intake.signals import Signal

# Arrays and objects in one another; OTLP itself needs ten, and an AnyValue two a level.
DEPTH_MAX: Final = 96
INTEGER_DIGITS_MAX: Final = 20
HEX_FIELDS: Final = frozenset({"trace_id", "span_id", "parent_span_id"})
# Each costs Python some 100 bytes; a key-value of OTLP has two.
BRACKETS_MAX: Final = 2_000_000
# A string with its escapes. Possessive, so that a quote without its fellow costs one pass.
_STRINGS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_NO_BRACKETS: Final = re.compile(rb"[^\[\]{}]++")


class NotOtlpJson(Exception):
    """A body is not OTLP/JSON; the message says where."""


def to_protobuf(signal: Signal, body: bytes) -> bytes:
    """Return an OTLP/JSON request as protobuf.

    Raises:
        NotOtlpJson: It is not JSON, or not of this signal.
        TooLarge: It has more than BRACKETS_MAX objects and arrays.
    """
    _refuse_depth(body)
    try:
        document = json.loads(
            body.decode(),
            parse_constant=_refuse_constant,
            parse_int=_integer,
            object_pairs_hook=_object,
        )
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise NotOtlpJson(f"the body is not JSON in UTF-8: {error}") from error
    message = signal.request()
    _fill(message, document, signal.name)
    try:
        return bytes(message.SerializeToString())
    except (ValueError, DecodeError) as error:
        raise NotOtlpJson(f"the body cannot be written as protobuf: {error}") from error


def _refuse_depth(body: bytes) -> None:
    brackets = _NO_BRACKETS.sub(b"", _STRINGS.sub(b"", body))
    opened = brackets.count(b"[") + brackets.count(b"{")
    if opened > BRACKETS_MAX:
        limit = f"the limit is {BRACKETS_MAX}"
        raise TooLarge(f"the body has {opened} objects and arrays, {limit}; send smaller requests")
    for _ in range(DEPTH_MAX):
        if not brackets:
            return
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    if brackets:
        raise NotOtlpJson(
            f"the body nests deeper than {DEPTH_MAX} levels, or its brackets do not match"
        )


def _refuse_constant(name: str) -> None:
    raise NotOtlpJson(f"{name} is not JSON; OTLP has strings for it in double values")


def _integer(digits: str) -> int:
    if len(digits) > INTEGER_DIGITS_MAX:
        raise NotOtlpJson(f"a number of {len(digits)} digits is not a 64-bit integer")
    return int(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotOtlpJson(f"the key {_twice(pairs)[:64]!r} is there twice in one object")
    return found


def _twice(pairs: list[tuple[str, Any]]) -> str:
    # One pass: an object may have millions of keys.
    seen = set()
    for name, _ in pairs:
        if name in seen:
            return name
        seen.add(name)
    raise AssertionError("a key is there twice")


def _fill(message: Any, document: Any, path: str) -> None:
    if not isinstance(document, dict):
        raise NotOtlpJson(f"{path} must be an object")
    for field in message.DESCRIPTOR.fields:
        value = document.get(field.json_name)
        if value is None:
            continue
        where = f"{path}.{field.json_name}"
        if field.is_repeated:
            if not isinstance(value, list):
                raise NotOtlpJson(f"{where} must be an array")
            _fill_repeated(getattr(message, field.name), field, value, where)
        elif field.message_type is not None:
            child = getattr(message, field.name)
            child.SetInParent()
            _fill(child, value, where)
        else:
            _assign(message, field, value, where)


def _fill_repeated(container: Any, field: FieldDescriptor, values: list[Any], path: str) -> None:
    if field.message_type is not None:
        for value in values:
            _fill(container.add(), value, path)
        return
    try:
        container.extend([_scalar(field, value, path) for value in values])
    except (TypeError, ValueError) as error:
        raise NotOtlpJson(f"{path} has a value that does not fit: {error}") from error


def _assign(message: Any, field: FieldDescriptor, value: Any, path: str) -> None:
    try:
        setattr(message, field.name, _scalar(field, value, path))
    except (TypeError, ValueError) as error:
        raise NotOtlpJson(f"{path} does not fit: {error}") from error


def _scalar(field: FieldDescriptor, value: Any, path: str) -> Any:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_STRING:
        if not isinstance(value, str):
            raise NotOtlpJson(f"{path} must be a string")
        return value if field.type == FieldDescriptor.TYPE_STRING else _bytes(field, value, path)
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        if not isinstance(value, bool):
            raise NotOtlpJson(f"{path} must be true or false")
        return value
    if kind in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return _double(value, path)
    if field.enum_type is not None and isinstance(value, str):
        raise NotOtlpJson(f"{path} is an enum, which OTLP/JSON writes as an integer")
    return _whole(value, path)


def _bytes(field: FieldDescriptor, text: str, path: str) -> bytes:
    if field.name in HEX_FIELDS:
        if not re.fullmatch(r"(?:[0-9a-fA-F]{2})*", text):
            raise NotOtlpJson(f"{path} must be hexadecimal, and is {text[:64]!r}")
        return bytes.fromhex(text)
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise NotOtlpJson(f"{path} must be base64: {error}") from error


def _double(value: Any, path: str) -> float:
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotOtlpJson(f"{path} must be a number")
    number = float(value)
    if math.isinf(number):
        raise NotOtlpJson(f"{path} is beyond what a double can hold")
    return number


def _whole(value: Any, path: str) -> int:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,20}", value):
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise NotOtlpJson(f"{path} must be an integer, as a number or a string of digits")
    return value
