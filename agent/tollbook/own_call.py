"""`call()`: a model call that no known client library makes, measured by the program itself."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from time import perf_counter_ns, time_ns
from types import TracebackType
from typing import TYPE_CHECKING, Final

from tollbook.ids import new_ids
from tollbook.model_call import Call, Request, Response, Usage
from tollbook.parent import parent_of
from tollbook.process import PROCESS
from tollbook.scope import CURRENT, SpanIds, enter, leave
from tollbook.step import Finished
from tollbook.tally import FAULT

if TYPE_CHECKING:
    from tollbook.admission import Admission, Reservation

NAME_CHARS_MAX: Final = 256
TOKENS_MAX: Final = 2**40  # of one count; beyond it, it is no count of tokens


class OwnCall:
    """A call under way, as the program describes it. Its methods never raise."""

    __slots__ = ("_first_chunk_ns", "_response", "_started_ns")

    def __init__(self) -> None:
        self._response = Response()
        self._first_chunk_ns: int | None = None
        self._started_ns = perf_counter_ns()

    def usage(
        self,
        *,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cache_read_tokens: int | None = None,
        cache_write_tokens: int | None = None,
        reasoning_tokens: int | None = None,
        complete: bool = True,
    ) -> None:
        """Say what the call used; the last word counts. None is unknown, which is not 0.

        Args:
            input_tokens: All input, cached or not.
            output_tokens: All output, reasoning too.
            cache_read_tokens: Of the input, read from a cache.
            cache_write_tokens: Of the input, written to a cache.
            reasoning_tokens: Of the output, reasoning.
            complete: False if the call ended before all of it was known.
        """
        try:
            usage = Usage(
                input_tokens=_tokens(input_tokens),
                output_tokens=_tokens(output_tokens),
                cache_read_tokens=_tokens(cache_read_tokens),
                cache_write_tokens=_tokens(cache_write_tokens),
                reasoning_tokens=_tokens(reasoning_tokens),
            )
            self._response = self._response._replace(usage=usage, usage_complete=bool(complete))
        except Exception:
            PROCESS.losses.count(FAULT)

    def answer(
        self,
        *,
        model: str | None = None,
        response_id: str | None = None,
        finish_reasons: Sequence[str] = (),
    ) -> None:
        """Say what answered: the model's full name, the answer's id, why it ended."""
        try:
            self._response = self._response._replace(
                model=_text(model),
                response_id=_text(response_id),
                finish_reasons=tuple(str(reason) for reason in finish_reasons),
            )
        except Exception:
            PROCESS.losses.count(FAULT)

    def first_chunk(self) -> None:
        """Say that the first piece of a streamed answer is here."""
        if self._first_chunk_ns is None:
            self._first_chunk_ns = perf_counter_ns() - self._started_ns

    def read(self) -> tuple[Response, int | None, int]:
        """Return what was said, when the first piece came and how long the call took, in ns."""
        return self._response, self._first_chunk_ns, perf_counter_ns() - self._started_ns


class CallBlock(AbstractContextManager[OwnCall]):
    """What `call()` returns: a block, sync or async, for one call."""

    def __init__(self, provider: str, operation: str, request: Request, input_tokens: int) -> None:
        self._provider = provider
        self._operation = operation
        self._request = request
        self._input_tokens = input_tokens
        self._reservation: Reservation | None = None
        self._call = OwnCall()
        self._start_time_ns = 0
        self._parent: SpanIds | None = None
        self._ids: SpanIds = (0, 0)

    def __enter__(self) -> OwnCall:
        self._begin()
        admission = self._admission()
        if admission is not None:
            self._reservation = admission.decide()
        return self._open()

    async def __aenter__(self) -> OwnCall:
        self._begin()
        admission = self._admission()
        if admission is not None:
            self._reservation = await admission.decide_async()
        return self._open()

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            scope = CURRENT.get()
            if not leave(self):
                PROCESS.losses.count(FAULT)
            response, first_chunk_ns, duration_ns = self._call.read()
            call = Call(
                operation=self._operation,
                api_type=None,
                provider=self._provider,
                server_address="",
                server_port=None,
                request=self._request,
                response=response,
                trace_id=self._ids[0].to_bytes(16, "big"),
                span_id=self._ids[1].to_bytes(8, "big"),
                parent_span_id=self._parent[1].to_bytes(8, "big") if self._parent else b"",
                start_time_ns=self._start_time_ns,
                end_time_ns=self._start_time_ns + duration_ns,
                first_chunk_ns=first_chunk_ns,
                error_type=error_type.__qualname__ if error_type is not None else None,
                tags=scope.tags,
                run_id=scope.run.id if scope.run is not None else None,
                run_name=scope.run.name if scope.run is not None else None,
            )
            if self._reservation is not None:
                self._reservation.settle(call)
            exporter = PROCESS.exporter
            if exporter is not None and exporter.enabled:
                exporter.put(Finished(call))
        except Exception:
            PROCESS.losses.count(FAULT)

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(error_type, error, traceback)

    def _begin(self) -> None:
        self._parent = parent_of(CURRENT.get())
        drawn, span_id = new_ids()
        self._ids = (drawn if self._parent is None else self._parent[0], span_id)
        self._start_time_ns = time_ns()

    def _open(self) -> OwnCall:
        enter(self, subject=self._ids)
        self._call = OwnCall()
        return self._call

    def _admission(self) -> "Admission | None":
        guards = (*PROCESS.guards, *CURRENT.get().guards)
        if not guards:
            return None
        try:
            from tollbook import estimate
            from tollbook.admission import Admission
            from tollbook.guard import Attempt

            request = self._request
            answers = (request.max_tokens, None, self._operation)
            attempt = Attempt(
                provider=self._provider,
                operation=self._operation,
                model=request.model,
                input_tokens=self._input_tokens,
                output_tokens=estimate.output_tokens(*answers),
                most_input_tokens=self._input_tokens,
                most_output_tokens=estimate.output_tokens(*answers, estimate.OUTPUT_TOKENS_MOST),
            )
            return Admission(PROCESS.shared_limits(), guards, attempt, self._start_time_ns, None)
        except Exception:
            PROCESS.losses.count(FAULT)
            return None


def call(
    *,
    provider: str,
    model: str,
    operation: str = "chat",
    max_tokens: int | None = None,
    input_tokens: int = 0,
    stream: bool = False,
) -> CallBlock:
    """Measure one model call of a library that tollbook does not know, or of a model of your own.

    The block is the call: its time is the call's, an exception that leaves it is its error, and
    what it used is said inside with `.usage(...)`. Budgets hold for it as for any other call.

    Args:
        provider: Who is called, such as "local" or "openai".
        model: The model that is asked.
        operation: `chat`, `text_completion`, `embeddings` or `generate_content`.
        max_tokens: Most tokens that may be answered; budgets hold that many.
        input_tokens: How many tokens are asked at most; budgets hold that many.
        stream: Whether the answer comes in pieces.

    Returns:
        A block, `with` or `async with`, whose `as` is the `OwnCall`. Entering it raises only what a
        limit of the program's own raises: `BudgetExceeded`, `LoopDetected`, `CircuitOpen`.
    """
    return CallBlock(
        _text(provider) or "unknown",
        _text(operation) or "chat",
        Request(model=_text(model), stream=bool(stream), max_tokens=_tokens(max_tokens)),
        _tokens(input_tokens) or 0,
    )


def _text(value: object) -> str | None:
    return value[:NAME_CHARS_MAX] if isinstance(value, str) else None


def _tokens(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= TOKENS_MAX else None
