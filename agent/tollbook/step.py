"""A span that is not a model call: an agent task, a score, a report of losses."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from tollbook import attributes as names
from tollbook.model_call import Call
from tollbook.scope import NO_TAGS
from tollbook.span import (
    STATUS_ERROR,
    Value,
    any_value,
    cut,
    delimited,
    span_attribute,
    tag_attributes,
)
from tollbook.tally import Losses

KIND_INTERNAL: Final = b"\x30\x01"  # field 6, SPAN_KIND_INTERNAL


class Step(NamedTuple):
    """A span of the program's own doing.

    Attributes:
        name: Name of the span.
        trace_id: 16 bytes.
        span_id: 8 bytes.
        parent_span_id: 8 bytes, or empty for a root.
        start_time_ns: Unix time in nanoseconds.
        end_time_ns: Unix time in nanoseconds, not before the start.
        attributes: Attributes by name; None is left out.
        error_type: Class of the exception that ended it, or None.
        tags: Tags by name.
    """

    name: str
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    start_time_ns: int
    end_time_ns: int
    attributes: Mapping[str, Value | None]
    error_type: str | None = None
    tags: Mapping[str, str] = NO_TAGS


@dataclass(frozen=True, slots=True)
class Finished:
    """A span that is complete as it is, for the queue of the exporter."""

    record: Call | Step
    body_bytes: int = 0

    def drop_body(self) -> None:
        """Do nothing: there is no raw body."""

    def tagged(self, default_tags: Mapping[str, str]) -> Call | Step:
        """Return the record with the default tags under its own."""
        if not default_tags:
            return self.record
        return self.record._replace(tags={**default_tags, **self.record.tags})


def step_attributes(step: Step) -> Mapping[str, Value]:
    """Return all attributes of a step's span, its tags and its error too."""
    found = {name: value for name, value in step.attributes.items() if value is not None}
    found.update(tag_attributes(step.tags))
    if step.error_type is not None:
        found[names.ERROR_TYPE] = step.error_type
    return found


def step_bytes(step: Step, losses: Losses) -> bytes:
    """Return a `Span` message; texts over the limit are cut and counted."""
    parts = [
        delimited(b"\x0a", step.trace_id),
        delimited(b"\x12", step.span_id),
        delimited(b"\x22", step.parent_span_id) if step.parent_span_id else b"",
        delimited(b"\x2a", cut(step.name, losses).encode("utf-8", "replace")),
        KIND_INTERNAL,
        b"\x39" + struct.pack("<Q", step.start_time_ns),
        b"\x41" + struct.pack("<Q", step.end_time_ns),
    ]
    for name, value in step_attributes(step).items():
        shown = cut(value, losses) if isinstance(value, str) else value
        key = delimited(b"\x0a", name.encode("utf-8", "replace"))
        parts.append(span_attribute(key, any_value(shown)))
    if step.error_type is not None:
        parts.append(STATUS_ERROR)
    return b"".join(parts)
