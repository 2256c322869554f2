"""What surrounds a call in its thread or task: tags, the run, and the limits it is held to.

One context variable holds all of it, so that a call reads one. A scope knows the one around it and
who opened it: leaving needs no token, and leaving in another context, as an abandoned async
generator does, changes nothing there.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from tollbook.agent_run import Run
    from tollbook.guard import Guard

NO_TAGS: Final[Mapping[str, str]] = MappingProxyType({})
SpanIds = tuple[int, int]  # trace id and span id


class Scope(NamedTuple):  # not a dataclass, which takes longer to import than all of this
    """What holds for the calls of a block.

    Attributes:
        tags: Tags by name, within the limits.
        run: The agent task that the calls belong to, or None.
        guards: Limits that each call must be admitted by, outer ones first.
        subject: Trace and span id of the call that is measured by hand, for its scores, or None.
        parent: Trace and span id that another service sent, or None.
        owner: What opened the scope.
        outer: The scope around it, None for the outermost.
    """

    tags: Mapping[str, str] = NO_TAGS
    run: "Run | None" = None
    guards: "tuple[Guard, ...]" = ()
    subject: SpanIds | None = None
    parent: SpanIds | None = None
    owner: object = None
    outer: "Scope | None" = None


NO_SCOPE: Final = Scope()
CURRENT: Final[ContextVar[Scope]] = ContextVar("tollbook_scope", default=NO_SCOPE)


def enter(owner: object, **changes: Any) -> Scope:
    """Open a scope that differs from the current one by `changes`, and return it."""
    outer = CURRENT.get()
    scope = outer._replace(owner=owner, outer=outer, **changes)
    CURRENT.set(scope)
    return scope


def leave(owner: object) -> bool:
    """Leave the scope that `owner` opened; False, and nothing changes, if another is current."""
    scope = CURRENT.get()
    if scope.owner is not owner or scope.outer is None:
        return False
    CURRENT.set(scope.outer)
    return True


class Steps:
    """The scope of a generator's body, which holds while the body runs and not while it waits.

    Each `with` block of it is one step of the body: the caller's scope is back after each.
    """

    __slots__ = ("_inside", "_outside")

    def __init__(self) -> None:
        self._inside = self._outside = CURRENT.get()

    def __enter__(self) -> None:
        self._outside = CURRENT.get()
        CURRENT.set(self._inside)

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._inside = CURRENT.get()
        CURRENT.set(self._outside)
