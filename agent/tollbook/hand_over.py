"""Gives spans to the program's own OpenTelemetry instead of sending them: `exporter=None`.

Only the API is used: whatever TracerProvider the program has set samples, processes and exports
them as its own. Times are the call's; the ids are the provider's, so that a run's calls are its
children only where the program has a span of its own around them.
"""

import atexit
import sys
from typing import Any

from tollbook import attributes as names
from tollbook.deliver import Encoder, sdk_version
from tollbook.export import Ended
from tollbook.process import PROCESS
from tollbook.settings import Settings
from tollbook.span import span_attributes, tag_attributes
from tollbook.step import Step, step_attributes
from tollbook.tally import UNREADABLE, Losses


class HandOver:
    """An outlet into the program's TracerProvider; nothing ever waits in it.

    Args:
        losses: Where what cannot be read is counted.

    Attributes:
        delivered: Spans that were handed over.
        rejected: Always 0, like the next two: what the provider does is its own business.
        backlog_full: Always 0.
        failures: Always 0.
    """

    def __init__(self, losses: Losses) -> None:
        self.delivered = 0
        self.rejected = 0
        self.backlog_full = 0
        self.failures = 0
        self._losses = losses
        self._encoder = Encoder(losses)
        # What registers last runs first at the exit: the provider, set before the first call, must
        # get its last spans before it shuts down.
        atexit.unregister(PROCESS.exit)
        atexit.register(PROCESS.exit)

    def add(self, ended: Ended, settings: Settings) -> None:
        """Make the span in the provider that is set now; what cannot be read is counted."""
        try:
            self._make(ended, settings)
            self.delivered += 1
        except Exception:
            self._losses.count(UNREADABLE)

    def waiting(self) -> int:
        """Return 0."""
        return 0

    def send(self, settings: Settings, deadline: float | None, *, impatient: bool) -> None:
        """Do nothing: all is handed over."""

    def report(self, settings: Settings, timeout_s: float) -> None:
        """Do nothing: the counts are for the collector."""

    def _make(self, ended: Ended, settings: Settings) -> None:
        from opentelemetry import trace

        record, cost = self._encoder.record(ended, settings)
        if isinstance(record, Step):
            name, kind = record.name, trace.SpanKind.INTERNAL
            attributes: dict[str, Any] = dict(step_attributes(record))
        else:
            model = record.request.model
            name = f"{record.operation} {model}" if model else record.operation
            kind = trace.SpanKind.CLIENT
            said = span_attributes(record, cost)
            attributes = {key: value for key, value in said if value is not None}
            attributes.update(record.content)
            conversation = record.request.conversation_id is not None
            attributes.update(tag_attributes(record.tags, conversation))
            if record.error_type is not None:
                attributes[names.ERROR_TYPE] = record.error_type
        tracer = trace.get_tracer(names.SCOPE_NAME, sdk_version())
        span = tracer.start_span(
            name,
            context=_context(trace, record.trace_id, record.parent_span_id),
            kind=kind,
            attributes=attributes,
            start_time=record.start_time_ns,
        )
        if record.error_type is not None:
            span.set_status(trace.StatusCode.ERROR)
        span.end(record.end_time_ns)


def _context(trace: Any, trace_id: bytes, parent_span_id: bytes) -> Any:
    """Return the context of the program's span around the call, an empty one without."""
    context_class = sys.modules["opentelemetry.context"].Context
    if not parent_span_id:
        return context_class()
    parent = trace.SpanContext(
        trace_id=int.from_bytes(trace_id, "big"),
        span_id=int.from_bytes(parent_span_id, "big"),
        is_remote=False,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(parent), context_class())
