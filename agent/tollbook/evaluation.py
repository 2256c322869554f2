"""`score()`: how good an answer or a task was, as a span of its own beside it.

The conventions have an event for it, gen_ai.evaluation.result; but the call's span has left the
process when its outcome is known, and the store asks questions of attributes, not of events. So the
score is a span of that name and with those attributes, a child of what it judges.
"""

from collections.abc import Mapping
from math import isfinite
from time import time_ns

from tollbook import attributes as names
from tollbook.ids import new_ids
from tollbook.parent import parent_of
from tollbook.process import PROCESS
from tollbook.scope import CURRENT
from tollbook.span import Value
from tollbook.step import Finished, Step
from tollbook.tally import FAULT


def record_score(
    name: str,
    value: float | str,
    response_id: str | None,
    label: str | None,
    explanation: str | None,
) -> None:
    """Record a score for the call that is measured by hand, else for the run, else the span."""
    exporter = PROCESS.exporter
    if exporter is None or not exporter.enabled:
        return
    number = float(value) if isinstance(value, int | float) else None
    if number is not None and not isfinite(number):
        number, label = None, label or str(value)
        exporter.losses.count(FAULT)
    said = {
        names.EVALUATION_NAME: str(name),
        names.EVALUATION_SCORE_VALUE: number,
        names.EVALUATION_SCORE_LABEL: value if isinstance(value, str) else label,
        names.EVALUATION_EXPLANATION: explanation,
    }
    exporter.put(Finished(beside("gen_ai.evaluation.result", said, response_id)))


def beside(name: str, said: Mapping[str, Value | None], response_id: str | None) -> Step:
    """Return a span that is said now of what is measured by hand, else of the run, else the span.

    Args:
        name: Name of the span.
        said: Its attributes.
        response_id: Id of the answer that it is about, or None.
    """
    scope = CURRENT.get()
    parent = scope.subject or parent_of(scope)
    now_ns = time_ns()
    trace_id, span_id = new_ids()
    return Step(
        name=name,
        trace_id=(trace_id if parent is None else parent[0]).to_bytes(16, "big"),
        span_id=span_id.to_bytes(8, "big"),
        parent_span_id=parent[1].to_bytes(8, "big") if parent is not None else b"",
        start_time_ns=now_ns,
        end_time_ns=now_ns,
        attributes={
            **said,
            names.RESPONSE_ID: response_id,
            names.RUN_ID: scope.run.id if scope.run is not None else None,
            names.RUN_NAME: scope.run.name if scope.run is not None else None,
        },
        tags=scope.tags,
    )


def score(
    name: str,
    value: float | str,
    *,
    response_id: str | None = None,
    label: str | None = None,
    explanation: str | None = None,
) -> None:
    """Record how good something was: a quality, a user's thumb, a business outcome.

    It belongs to the `tollbook.call()` block it is in, else to the `tollbook.run()`, else to the
    program's own OpenTelemetry span; `response_id` ties it to one model call from anywhere.

    Args:
        name: What is judged, such as "answer-quality".
        value: A number (True is 1), or a text, which is a label.
        response_id: Id of the answer that is judged, as the provider gave it (`answer.id`).
        label: The number in words, such as "relevant".
        explanation: Why; it is content of yours, sent only because you pass it.

    Never raises.
    """
    try:
        record_score(name, value, response_id, label, explanation)
    except Exception:
        PROCESS.losses.count(FAULT)
