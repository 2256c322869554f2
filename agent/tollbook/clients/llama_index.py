"""LlamaIndex, by a span handler of its instrumentation: agents, queries, retrievals, tools."""

import inspect
from importlib import import_module
from types import ModuleType
from typing import Any, Final

from tollbook.clients.task import RUN, STEP, TOOL, Tasks
from tollbook.process import Process

# What a class of the library is, by the name of a class above it, and its methods that are one.
KINDS: Final = (
    ("BaseWorkflowAgent", RUN, ("run",)),
    ("AgentWorkflow", RUN, ("run",)),
    ("BaseQueryEngine", RUN, ("query", "aquery")),
    ("BaseChatEngine", RUN, ("chat", "achat", "stream_chat", "astream_chat")),
    ("BaseRetriever", STEP, ("retrieve", "aretrieve")),
    ("BaseTool", TOOL, ("call", "acall")),
)


def kind_of(instance: Any, method: str) -> str | None:
    """Return whether a method of an object is a run, a step or a tool, None for anything else."""
    above = {known.__name__ for known in type(instance).__mro__}
    return next((kind for name, kind, own in KINDS if name in above and method in own), None)


def patch(module: ModuleType, process: Process) -> None:
    """Add our handler to the root dispatcher, given `llama_index.core.instrumentation`."""
    handlers = import_module("llama_index.core.instrumentation.span_handlers.base")
    handler = handler_class(handlers.BaseSpanHandler, Tasks(process))
    module.get_dispatcher().add_span_handler(handler())


def handler_class(base: Any, tasks: Tasks) -> Any:
    """Return our handler, a class of the library's own kind.

    A span's id is the name of its method and a random part. The handler returns no spans of the
    library's kind, so that the library keeps none of them.
    """

    class Handler(base):  # type: ignore[misc]
        def new_span(
            self,
            id_: str,
            bound_args: inspect.BoundArguments,
            instance: Any = None,
            parent_span_id: str | None = None,
            tags: Any = None,
            **kwargs: Any,
        ) -> None:
            method = id_.partition("-")[0].rpartition(".")[2]
            kind = kind_of(instance, method) if instance is not None else None
            if kind is None:
                tasks.same(id_, parent_span_id)
            else:
                # An agent's run goes on in tasks of its own after the method returned.
                tasks.begin(kind, name_of(instance), id_, parent_span_id)

        def prepare_to_exit_span(self, id_: str, bound_args: Any, *args: Any, **kw: Any) -> None:
            result: Any = kw.get("result")
            if result is not None and hasattr(result, "add_done_callback"):
                tasks.leave(id_)
                result.add_done_callback(lambda ended: tasks.end(id_, failure_of(ended)))
            else:
                tasks.end(id_)

        def prepare_to_drop_span(self, id_: str, bound_args: Any, *args: Any, **kw: Any) -> None:
            tasks.end(id_, kw.get("err"))

    return Handler


def failure_of(ended: Any) -> BaseException | None:
    """Return the exception of a future that is done."""
    failure: BaseException | None = None if ended.cancelled() else ended.exception()
    return failure


def name_of(instance: Any) -> Any:
    """Return what an agent or a tool is called, or its class."""
    metadata = getattr(instance, "metadata", None)
    return (
        getattr(metadata, "name", None)
        or vars(instance).get("name")
        or getattr(instance, "name", None)
        or type(instance).__name__
    )
