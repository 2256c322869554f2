"""The span that a call, a run or a score is a child of."""

import sys

from tollbook.scope import Scope, SpanIds


def current_span() -> SpanIds | None:
    """Return the trace id and span id of the program's own current span, or None.

    Without OpenTelemetry in the program there is no current span, so it is not imported for this.
    """
    around = sys.modules.get("opentelemetry.context")
    if around is None or not around.get_current():  # said sooner than by asking for a span
        return None
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    context = trace.get_current_span().get_span_context()
    return (context.trace_id, context.span_id) if context.is_valid else None


def parent_of(scope: Scope) -> SpanIds | None:
    """Return the trace id and span id of what surrounds a call that begins now, or None for a root.

    A span that the program opened inside the run is nearer than the run's own.
    """
    run = scope.run
    if run is None:
        around = sys.modules.get("opentelemetry.context")
        if around is None or not around.get_current():  # nearly always, so said here already
            return scope.parent
        return scope.parent if (current := current_span()) is None else current
    current = current_span()
    return run.ids if current is None or current == run.around else current
