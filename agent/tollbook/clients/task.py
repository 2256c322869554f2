"""A run, a step or a tool of a framework: a span around the calls that are made inside of it.

Usage is of the model calls alone, so nothing here is billed. Begin and end may be told in different
threads or tasks; the scope is entered only where both are told in the same one.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING, Final, cast

from tollbook import attributes as names
from tollbook.export import Exporter
from tollbook.ids import new_ids
from tollbook.parent import current_span, parent_of
from tollbook.process import Process
from tollbook.scope import CURRENT, SpanIds, enter
from tollbook.step import Finished, Step
from tollbook.tally import FAULT

if TYPE_CHECKING:
    from tollbook.agent_run import Run

RUN: Final = "invoke_agent"
STEP: Final = "invoke_workflow"
TOOL: Final = "execute_tool"
NAME_ATTRIBUTES: Final = {RUN: names.AGENT_NAME, TOOL: names.TOOL_NAME, STEP: names.WORKFLOW_NAME}
NAME_CHARS_MAX: Final = 256
OPEN_MAX: Final = 4096  # tasks of one framework under way; the oldest is forgotten for a new one


class Task:
    """One under way; to the scope it is the run, with its own span as the parent of calls.

    Attributes:
        id: Id of the run that it is, or belongs to.
        name: Name of that run.
        ids: Trace id and span id of its own span.
        around: The program's current span when it began, or None.
    """

    __slots__ = (
        "_exporter",
        "_kind",
        "_own_name",
        "_parent",
        "_started_ns",
        "_tags",
        "around",
        "id",
        "ids",
        "name",
        "start_time_ns",
    )

    def __init__(
        self, kind: str, name: object, exporter: Exporter, outer: "Task | None" = None
    ) -> None:
        scope = CURRENT.get()
        self.around = current_span()
        self._exporter = exporter
        self._kind = kind
        self._own_name = str(name or "unnamed")[:NAME_CHARS_MAX]
        self._tags = scope.tags
        self._parent: SpanIds | None = outer.ids if outer is not None else parent_of(scope)
        drawn, span_id = new_ids()
        self.id: str
        self.name: str
        self.ids: SpanIds = (drawn if self._parent is None else self._parent[0], span_id)
        run: Run | Task | None = outer if outer is not None else scope.run
        self.id = run.id if run is not None else f"{drawn:032x}"
        self.name = run.name if run is not None else self._own_name
        self.start_time_ns = time_ns()
        self._started_ns = perf_counter_ns()

    def enter(self) -> None:
        """Make it the scope of what this thread or task does next."""
        enter(self, run=cast("Run", self), subject=None)

    def leave(self) -> None:
        """Leave its scope, and those in it that were not left; nothing changes in another one."""
        scope = CURRENT.get()
        while scope.outer is not None:
            if scope.owner is self:
                CURRENT.set(scope.outer)
                return
            scope = scope.outer

    def end(self, error_type: str | None = None) -> None:
        """Record its end as a span."""
        self._exporter.put(
            Finished(
                Step(
                    name=f"{self._kind} {self._own_name}",
                    trace_id=self.ids[0].to_bytes(16, "big"),
                    span_id=self.ids[1].to_bytes(8, "big"),
                    parent_span_id=self._parent[1].to_bytes(8, "big") if self._parent else b"",
                    start_time_ns=self.start_time_ns,
                    end_time_ns=self.start_time_ns + perf_counter_ns() - self._started_ns,
                    attributes={
                        names.OPERATION_NAME: self._kind,
                        NAME_ATTRIBUTES[self._kind]: self._own_name,
                        names.RUN_ID: self.id,
                        names.RUN_NAME: self.name,
                    },
                    error_type=error_type,
                    tags=self._tags,
                )
            )
        )


class Tasks:
    """The tasks of a framework that names them by ids of its own. Its methods never raise.

    Args:
        process: What it sends to, and where faults are counted.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._open: OrderedDict[object, Task] = OrderedDict()
        self._aliases: OrderedDict[object, Task] = OrderedDict()

    def begin(
        self, kind: str, name: object, key: object, outer: object, *, scoped: bool = True
    ) -> None:
        """Begin one.

        Args:
            kind: RUN, STEP or TOOL.
            name: What it is called.
            key: The framework's id of it.
            outer: The framework's id of the one around it; where unknown, the scope's.
            scoped: Whether calls that follow in this thread or task are its own.
        """
        try:
            exporter = self._process.exporter
            if exporter is None or not exporter.enabled:
                return
            task = Task(kind, name, exporter, self._find(outer))
            self._open[key] = task
            if len(self._open) > OPEN_MAX:
                self._open.popitem(last=False)
            if scoped:
                task.enter()
        except Exception:
            self._process.losses.count(FAULT)

    def inside(self, key: object, outer: object) -> None:
        """Let the call that follows belong to an open one, until `outside`; `outer` names it."""
        try:
            task = self._find(outer)
            if task is not None and CURRENT.get().run is not cast("Run", task):
                enter(key, run=cast("Run", task), subject=None)
        except Exception:
            self._process.losses.count(FAULT)

    def outside(self, key: object) -> None:
        """End what `inside` began, if this is where it began."""
        scope = CURRENT.get()
        if scope.owner == key and scope.outer is not None:
            CURRENT.set(scope.outer)

    def same(self, key: object, outer: object) -> None:
        """Let another id stand for an open one, as for a level of a framework that is no step."""
        task = self._find(outer)
        if task is not None:
            self._aliases[key] = task
            if len(self._aliases) > OPEN_MAX:
                self._aliases.popitem(last=False)

    def _find(self, key: object) -> Task | None:
        return self._open.get(key) or self._aliases.get(key)

    def leave(self, key: object) -> None:
        """Leave the scope of one that goes on elsewhere."""
        task = self._open.get(key)
        if task is not None:
            task.leave()

    def end(self, key: object, error: object = None) -> None:
        """End one; `error` is the exception that ended it, or the name of one."""
        try:
            self._aliases.pop(key, None)
            task = self._open.pop(key, None)
            if task is not None:
                task.leave()
                kind = type(error).__qualname__ if isinstance(error, BaseException) else error
                task.end(str(kind) if kind is not None else None)
        except Exception:
            self._process.losses.count(FAULT)

    @contextmanager
    def during(self, kind: str, name: object) -> Iterator[None]:
        """Make one of a block; what the block raises is its error, and passes on."""
        key = object()
        self.begin(kind, name, key, None)
        try:
            yield
        except BaseException as error:
            self.end(key, error if isinstance(error, Exception) else None)
            raise
        self.end(key)
