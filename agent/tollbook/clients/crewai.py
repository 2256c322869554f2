"""CrewAI: each kickoff of a crew is a run, each task a step; tools by the library's own hooks.

Its events are told in threads of their own, where no call is made. An agent's role is not recorded:
what a crew was asked for is put into it.
"""

import threading
from functools import wraps
from types import ModuleType
from typing import Any, Final

from tollbook.clients.task import RUN, STEP, TOOL, Tasks
from tollbook.process import Process

CREW_METHODS: Final = ("kickoff",)
CREW_METHODS_ASYNC: Final = ("akickoff",)
TASK_METHODS: Final = ("_execute_core",)
METERED: Final = "tollbook_metered"  # set on a class that was patched: modules share them
TASK_METHODS_ASYNC: Final = ("_aexecute_core",)


def patch(module: ModuleType, process: Process) -> None:
    """Meter a module of the library that holds its crews, its tasks or its hooks."""
    tasks, has = Tasks(process), vars(module).get
    if (crew := has("Crew")) is not None and METERED not in vars(crew):
        wrap(crew, RUN, CREW_METHODS, CREW_METHODS_ASYNC, tasks)
    if (task := has("Task")) is not None and METERED not in vars(task):
        wrap(task, STEP, TASK_METHODS, TASK_METHODS_ASYNC, tasks)
    if has("run_before_tool_call_hooks") is not None and has("register_before_tool_call_hook"):
        hook_tools(module, tasks)


def wrap(
    owner: Any, kind: str, plain: tuple[str, ...], asynchronous: tuple[str, ...], tasks: Tasks
) -> None:
    """Make a run or a step of each call of some methods of a class; versions lack some of them."""
    setattr(owner, METERED, True)
    for name in plain:
        if (method := getattr(owner, name, None)) is not None:
            setattr(owner, name, during(method, kind, tasks))
    for name in asynchronous:
        if (method := getattr(owner, name, None)) is not None:
            setattr(owner, name, during_async(method, kind, tasks))


def during(method: Any, kind: str, tasks: Tasks) -> Any:
    """Return a method that is a run or a step."""

    @wraps(method)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        with tasks.during(kind, getattr(self, "name", None) or type(self).__name__):
            return method(self, *args, **kwargs)

    return run


def during_async(method: Any, kind: str, tasks: Tasks) -> Any:
    """Return an async method that is a run or a step."""

    @wraps(method)
    async def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        with tasks.during(kind, getattr(self, "name", None) or type(self).__name__):
            return await method(self, *args, **kwargs)

    return run


def hook_tools(module: ModuleType, tasks: Tasks) -> None:
    """Register hooks around tools, which are told before and after a tool in its own thread."""

    def before(context: Any) -> None:
        key = (threading.get_ident(), context.tool_name)
        tasks.begin(TOOL, context.tool_name, key, None)

    def after(context: Any) -> None:
        tasks.end((threading.get_ident(), context.tool_name))

    module.register_before_tool_call_hook(before)
    module.register_after_tool_call_hook(after)
