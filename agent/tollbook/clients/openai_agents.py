"""The OpenAI Agents library, by a processor of its tracing: runs, agents, tools and handoffs."""

from types import ModuleType
from typing import Any, Final

from tollbook.clients.task import RUN, STEP, TOOL, Tasks
from tollbook.process import Process

MODELS: Final = frozenset({"response", "generation", "transcription", "speech"})


class Processor:
    """Makes spans of ours of the library's, but for those of model calls, which have one.

    A streamed run begins in the task of its reader and goes on in another: the scope is held from
    the agent inwards, whose spans begin and end in one.
    """

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    def on_trace_start(self, trace: Any) -> None:
        """Begin a run."""
        self._tasks.begin(RUN, trace.name, trace.trace_id, None, scoped=False)

    def on_trace_end(self, trace: Any) -> None:
        """End a run."""
        self._tasks.end(trace.trace_id)

    def on_span_start(self, span: Any) -> None:
        """Begin an agent's turn or a tool."""
        data, outer = span.span_data, span.parent_id or span.trace_id
        kind = data.type
        if kind == "agent":
            self._tasks.begin(STEP, data.name, span.span_id, outer)
        elif kind == "function":
            self._tasks.begin(TOOL, data.name, span.span_id, outer)
        elif kind in MODELS:
            self._tasks.inside(span.span_id, outer)
        else:
            self._tasks.same(span.span_id, outer)

    def on_span_end(self, span: Any) -> None:
        """End it; the library keeps an error's text only, which may be content."""
        if span.span_data.type in MODELS:
            self._tasks.outside(span.span_id)
        else:
            self._tasks.end(span.span_id, "error" if span.error else None)

    def shutdown(self) -> None:
        """Do nothing: spans are sent as all others are."""

    def force_flush(self) -> None:
        """Do nothing: spans are sent as all others are."""


def patch(module: ModuleType, process: Process) -> None:
    """Add our processor to the library's own, given its package `agents.tracing`."""
    module.add_trace_processor(Processor(Tasks(process)))
