"""`run()`: one agent task, which its calls, scores and inner tasks belong to."""

from contextlib import AbstractContextManager
from time import perf_counter_ns, time_ns
from types import TracebackType
from typing import TYPE_CHECKING, Final, TypeVar

from tollbook import attributes as names
from tollbook.ids import new_ids
from tollbook.parent import current_span, parent_of
from tollbook.process import PROCESS
from tollbook.scope import CURRENT, enter, leave
from tollbook.step import Finished, Step
from tollbook.tally import FAULT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from tollbook.guard import Guard

RUN_ID_CHARS_MAX: Final = 256
RUN_NAME_CHARS_MAX: Final = 256

Function = TypeVar("Function", bound="Callable[..., Any]")


class Run:
    """One agent task under way.

    Attributes:
        id: Text that all of its calls carry.
        name: What kind of task it is.
        ids: Trace id and span id of its own span.
        around: The program's current span when it began, or None.
    """

    __slots__ = ("_parent", "_started_ns", "around", "id", "ids", "name", "start_time_ns")

    def __init__(self, name: str, run_id: str | None) -> None:
        scope = CURRENT.get()
        self.around = current_span()
        self._parent = parent_of(scope)
        drawn, span_id = new_ids()
        self.ids = (drawn if self._parent is None else self._parent[0], span_id)
        self.name = name[:RUN_NAME_CHARS_MAX]
        self.id = run_id[:RUN_ID_CHARS_MAX] if run_id else f"{drawn:032x}"
        self.start_time_ns = time_ns()
        self._started_ns = perf_counter_ns()

    def end(self, error_type: str | None, tags: "Mapping[str, str]") -> None:
        """Record its end as a span, unless nothing is metered."""
        exporter = PROCESS.exporter
        if exporter is None or not exporter.enabled:
            return
        step = Step(
            name=f"invoke_agent {self.name}",
            trace_id=self.ids[0].to_bytes(16, "big"),
            span_id=self.ids[1].to_bytes(8, "big"),
            parent_span_id=self._parent[1].to_bytes(8, "big") if self._parent else b"",
            start_time_ns=self.start_time_ns,
            end_time_ns=self.start_time_ns + perf_counter_ns() - self._started_ns,
            attributes={
                names.OPERATION_NAME: "invoke_agent",
                names.AGENT_NAME: self.name,
                names.RUN_ID: self.id,
                names.RUN_NAME: self.name,
            },
            error_type=error_type,
            tags=tags,
        )
        exporter.put(Finished(step))


class RunBlock(AbstractContextManager[Run]):
    """What `run()` returns: a block, sync or async, or a decorator. Each entry is a task anew."""

    def __init__(self, name: str, run_id: str | None, repeats_max: int | None) -> None:
        self._name = name
        self._run_id = run_id
        self._repeats_max = repeats_max

    def __call__(self, function: Function) -> Function:
        """Return the function, each call of which is a task of its own."""
        from tollbook.decoration import inside

        return inside(
            lambda: RunBlock(self._name, self._run_id, self._repeats_max),
            function,
        )

    def __enter__(self) -> Run:
        run = Run(self._name, self._run_id)
        guards = CURRENT.get().guards
        if self._repeats_max is not None:
            from tollbook.loop import LoopGuard

            PROCESS.shared_limits()
            loop: Guard = LoopGuard(run.name, self._repeats_max)
            guards = (*guards, loop)
        enter(self, run=run, guards=guards, subject=None)
        return run

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            scope = CURRENT.get()
            run = scope.run if scope.owner is self else None
            if run is None or not leave(self):
                PROCESS.losses.count(FAULT)
                return
            failed = error_type is not None and issubclass(error_type, Exception)
            run.end(error_type.__qualname__ if failed and error_type else None, scope.tags)
        except Exception:
            PROCESS.losses.count(FAULT)

    async def __aenter__(self) -> Run:
        return self.__enter__()

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(error_type, error, traceback)


def run(name: str, *, run_id: str | None = None, repeats_max: int | None = None) -> RunBlock:
    """Make one agent task of a block or of each call of a function.

    Inside, in the same thread or task and what asyncio starts from it, every model call carries the
    task's id and name and is a child of its span, which is sent when the task ends. Decorates
    functions, coroutines and generators; a generator's reader is outside of the task.

    Args:
        name: What kind of task it is, such as "refund-agent"; at most 256 characters.
        run_id: An id of the program's own, at most 256 characters; default a random one.
        repeats_max: How often the same request (model, messages, everything) may be made in the
            task; one more raises `LoopDetected` before it is sent. Default no limit.

    Returns:
        A block whose `as` is the `Run`. Never raises.
    """
    return RunBlock(_text(name) or "run", _text(run_id), repeats_max)


def _text(value: object) -> str | None:
    """Return a value as text, None where it has none."""
    try:
        return None if value is None else str(value)
    except Exception:  # the caller's own __str__ fails
        PROCESS.losses.count(FAULT)
        return None
