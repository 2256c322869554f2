"""LangChain and LangGraph, by a callback handler: runs of agents and chains, nodes and tools."""

from contextvars import ContextVar
from importlib import import_module
from types import ModuleType
from typing import Any

from tollbook.clients.task import RUN, STEP, TOOL, Tasks
from tollbook.process import Process


def patch(module: ModuleType, process: Process) -> None:
    """Let every callback manager have our handler, given `langchain_core.tracers.context`."""
    base = import_module("langchain_core.callbacks.base").BaseCallbackHandler
    handler = type("Handler", (Events, base), {})(Tasks(process))
    held: ContextVar[Any] = ContextVar("tollbook_langchain", default=handler)
    module.register_configure_hook(held, inheritable=True)


class Events:
    """What our handler does at each event.

    The outermost chain is a run; chains inside are steps only where they are nodes of a graph, as
    every piece of a chain is one. A chain may be a generator, whose reader's calls are not the
    chain's: the scope is held by a node, by a tool, and by a model until it answers.
    """

    run_inline = True  # in the task that makes the call, or its scope would be another's

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    def on_chain_start(
        self,
        serialized: Any,
        inputs: Any,
        *,
        run_id: Any,
        parent_run_id: Any = None,
        metadata: Any = None,
        **kwargs: Any,
    ) -> None:
        """Begin a run, a step or nothing."""
        name = kwargs.get("name") or ((serialized or {}).get("id") or ["chain"])[-1]
        if parent_run_id is None:
            self._tasks.begin(RUN, name, run_id, None, scoped=False)
        elif (metadata or {}).get("langgraph_node") == name:
            self._tasks.begin(STEP, name, run_id, parent_run_id)
        else:
            self._tasks.same(run_id, parent_run_id)

    def on_chain_end(
        self, outputs: Any, *, run_id: Any, parent_run_id: Any = None, **kwargs: Any
    ) -> None:
        """End it."""
        self._close(run_id, None)

    def on_chain_error(
        self, error: Any, *, run_id: Any, parent_run_id: Any = None, **kwargs: Any
    ) -> None:
        """End it with its error."""
        self._close(run_id, error)

    def on_tool_start(
        self,
        serialized: Any,
        input_str: Any,
        *,
        run_id: Any,
        parent_run_id: Any = None,
        **kwargs: Any,
    ) -> None:
        """Begin a tool."""
        name = kwargs.get("name") or (serialized or {}).get("name")
        self._tasks.begin(TOOL, name, run_id, parent_run_id)

    def on_tool_end(self, output: Any, *, run_id: Any, **kwargs: Any) -> None:
        """End it."""
        self._close(run_id, None)

    def on_tool_error(self, error: Any, *, run_id: Any, **kwargs: Any) -> None:
        """End it with its error."""
        self._close(run_id, error)

    def on_llm_start(
        self,
        serialized: Any,
        prompts: Any,
        *,
        run_id: Any,
        parent_run_id: Any = None,
        **kw: Any,
    ) -> None:
        """Let the call that follows belong to what is around it."""
        self._tasks.inside(run_id, parent_run_id)

    def on_chat_model_start(
        self,
        serialized: Any,
        messages: Any,
        *,
        run_id: Any,
        parent_run_id: Any = None,
        **kw: Any,
    ) -> None:
        """Let the call that follows belong to what is around it."""
        self._tasks.inside(run_id, parent_run_id)

    def on_llm_new_token(self, token: Any, *, run_id: Any, **kwargs: Any) -> None:
        """See that the call is made."""
        self._tasks.outside(run_id)

    def on_llm_end(self, response: Any, *, run_id: Any, **kwargs: Any) -> None:
        """See that the call is made."""
        self._tasks.outside(run_id)

    def on_llm_error(self, error: Any, *, run_id: Any, **kwargs: Any) -> None:
        """See that the call has failed."""
        self._tasks.outside(run_id)

    def _close(self, run_id: Any, error: Any) -> None:
        self._tasks.end(run_id, error)
