"""Models in the process: pipelines of transformers, and sentence-transformers.

A call is one of a pipeline's or of `encode`; the tokens are those that its forward passes got and
made. There is no server, and no price but that of the machine.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from time import perf_counter_ns, time_ns
from types import ModuleType
from typing import Any, Final

from tollbook.export import Exporter
from tollbook.ids import new_ids
from tollbook.model_call import Call, Request, Response, Usage
from tollbook.parent import parent_of
from tollbook.process import Process
from tollbook.scope import CURRENT
from tollbook.step import Finished
from tollbook.tally import FAULT

# Tasks whose answers are text that a model made; of the others only the input is counted.
GENERATES: Final = frozenset(
    {
        "text-generation",
        "text2text-generation",
        "summarization",
        "translation",
        "image-text-to-text",
    }
)
EMBEDS: Final = frozenset({"feature-extraction"})
NAME_CHARS_MAX: Final = 256


class Counted:
    """What the forward passes of one call got and made so far."""

    __slots__ = ("input_tokens", "output_tokens")

    def __init__(self) -> None:
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None

    def forward(self, inputs: Any, outputs: Any) -> None:
        """Count the tokens of one pass."""
        asked = size_of(inputs, "attention_mask", "input_ids")
        if asked is None:
            return
        self.input_tokens = (self.input_tokens or 0) + asked
        made = outputs.get("generated_sequence") if isinstance(outputs, Mapping) else None
        if made is not None:
            prompt = inputs["input_ids"].shape[-1]
            sequences = made.reshape(-1, made.shape[-1])
            new = sequences.shape[0] * max(sequences.shape[-1] - prompt, 0)
            self.output_tokens = (self.output_tokens or 0) + new
        elif isinstance(outputs, Mapping) and outputs.get("output_ids") is not None:
            self.output_tokens = (self.output_tokens or 0) + int(outputs["output_ids"].numel())


COUNTED: Final[ContextVar[Counted | None]] = ContextVar("tollbook_local", default=None)


def size_of(inputs: Any, mask: str, ids: str) -> int | None:
    """Return how many tokens a pass gets: those of the mask, else all."""
    if not hasattr(inputs, "get"):
        return None
    if (seen := inputs.get(mask)) is not None:
        return int(seen.sum())
    tokens = inputs.get(ids)
    return int(tokens.numel()) if tokens is not None else None


def name_of(model: Any) -> str | None:
    """Return a model's name, of one in a directory the directory's: the path is the machine's."""
    config = getattr(model, "config", None)
    name = getattr(config, "_name_or_path", None) or type(model).__name__
    name = str(name)
    return (Path(name).name if Path(name).is_dir() else name)[:NAME_CHARS_MAX]


def record(
    exporter: Exporter,
    operation: str,
    provider: str,
    model: Any,
    counted: Counted,
    began: tuple[int, int],
    error: BaseException | None,
) -> None:
    """Record a call that ended now.

    Args:
        exporter: Where it goes.
        operation: The operation in the conventions.
        provider: Name of the library.
        model: The library's model.
        counted: Its tokens.
        began: Unix time and a clock's reading, in nanoseconds.
        error: What ended it, or None.
    """
    scope = CURRENT.get()
    parent, run = parent_of(scope), scope.run
    trace_id, span_id = new_ids()
    usage = Usage(input_tokens=counted.input_tokens, output_tokens=counted.output_tokens)
    known = counted.input_tokens is not None
    call = Call(
        operation=operation,
        api_type=None,
        provider=provider,
        server_address="",
        server_port=None,
        request=Request(model=name_of(model)),
        response=Response(usage=usage if known else None, device=device_of(model)),
        trace_id=(parent[0] if parent else trace_id).to_bytes(16, "big"),
        span_id=span_id.to_bytes(8, "big"),
        parent_span_id=parent[1].to_bytes(8, "big") if parent else b"",
        start_time_ns=began[0],
        end_time_ns=began[0] + perf_counter_ns() - began[1],
        first_chunk_ns=None,
        error_type=type(error).__qualname__ if error is not None else None,
        tags=scope.tags,
        run_id=run.id if run is not None else None,
        run_name=run.name if run is not None else None,
    )
    exporter.put(Finished(call))


def device_of(model: Any) -> str | None:
    """Return where a model computes: `cpu`, `cuda:0`, …."""
    device = getattr(model, "device", None)
    return str(device) if device is not None else None


def metered(
    function: Any, process: Process, provider: str, describe: Callable[[Any], tuple[str, Any]]
) -> Any:
    """Return a method that is a call, unless it is made inside of one.

    Args:
        function: The method.
        process: What it sends to, and where faults are counted.
        provider: Name of the library.
        describe: Returns the operation and the model of an object.
    """

    @wraps(function)
    def call(owner: Any, *args: Any, **kwargs: Any) -> Any:
        exporter = process.exporter
        if exporter is None or not exporter.enabled or COUNTED.get() is not None:
            return function(owner, *args, **kwargs)
        counted, began, failure = Counted(), (time_ns(), perf_counter_ns()), None
        token = COUNTED.set(counted)
        try:
            return function(owner, *args, **kwargs)
        except BaseException as error:
            failure = error
            raise
        finally:
            COUNTED.reset(token)
            try:
                operation, model = describe(owner)
                record(exporter, operation, provider, model, counted, began, failure)
            except Exception:
                process.losses.count(FAULT)

    return call


def counting(forward: Any, process: Process) -> Any:
    """Return a forward pass whose tokens are counted for the call that it is of."""

    @wraps(forward)
    def passed(owner: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        counted = COUNTED.get()
        asked = None
        try:
            # The pass may change what it is given.
            asked = dict(inputs) if counted is not None and hasattr(inputs, "keys") else None
        except Exception:
            process.losses.count(FAULT)
        outputs = forward(owner, inputs, *args, **kwargs)
        try:
            if counted is not None and asked is not None:
                counted.forward(asked, outputs)
        except Exception:
            process.losses.count(FAULT)
        return outputs

    return passed


def patch(module: ModuleType, process: Process) -> None:
    """Meter `transformers.pipelines.base`, or the module that holds SentenceTransformer."""
    if (pipeline := vars(module).get("Pipeline")) is not None:
        pipeline.__call__ = metered(pipeline.__call__, process, "transformers", of_pipeline)
        pipeline.forward = counting(pipeline.forward, process)
    if (encoder := vars(module).get("SentenceTransformer")) is not None:
        encoder.encode = metered(encoder.encode, process, "sentence_transformers", of_encoder)
        encoder.forward = counting(encoder.forward, process)


def of_pipeline(pipeline: Any) -> tuple[str, Any]:
    """Return the operation of a pipeline, and its model."""
    task = str(getattr(pipeline, "task", ""))
    if task in GENERATES:
        return "text_completion", pipeline.model
    return ("embeddings" if task in EMBEDS else "generate_content"), pipeline.model


def of_encoder(encoder: Any) -> tuple[str, Any]:
    """Return the operation of a sentence encoder, and the model inside of it."""
    inner = getattr(encoder[0], "auto_model", None) if len(encoder) else None
    return "embeddings", inner if inner is not None else encoder
