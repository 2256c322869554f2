"""Holds calls to the limits of their scope: before a call all of them must agree.

A program without limits never loads this. One lock orders all decisions, so that what a limit has
left is looked at and taken in one step. The end of a call may come from a finalizer, inside any of
our functions, so it takes no lock that is taken: it leaves a note, and the next decision reads it.
"""

import inspect
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, Protocol, runtime_checkable

from tollbook import estimate
from tollbook.clients.hosts import provider_at
from tollbook.content import body_in
from tollbook.guard import Attempt, Guard, Hold, Outcome, Refused
from tollbook.meter import Arguments, Observation
from tollbook.model_call import Call, Request, Response, Usage
from tollbook.price import RATES_PATH, PriceBook
from tollbook.reading import read, server
from tollbook.tally import FAULT, Losses
from tollbook.warn import warn

DECISIONS_MAX: Final = 8  # of one call: fallbacks, approvals and warnings one after another
# Errors after which the provider may have worked, and billed, all the same.
BILLED_ERRORS: Final = ("Timeout", "Cancelled")


@runtime_checkable
class Adjustable(Protocol):
    """A client library whose requests can be given another model."""

    def with_model(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], model: str
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """Return the arguments that ask another model, None where the request names none.

        No object of the caller's is changed.
        """


class Limits(AbstractContextManager[bool]):
    """What all limits of a process share: the lock, the prices, and the ends to be noted.

    A block of it holds the lock. Its value is False in a block inside of another one of the same
    thread: a finalizer, a signal's handler or a `repr` of the program's may make a call in the
    middle of a decision, and neither may it wait for itself nor change what is half changed.

    Args:
        losses: Where faults are counted.
    """

    def __init__(self, losses: Losses) -> None:
        self.losses = losses
        self._lock = threading.RLock()
        self._depth = 0
        self._prices = PriceBook(RATES_PATH, losses)
        self._ended: deque[tuple[Reservation, Observation | Call]] = deque()

    def __enter__(self) -> bool:
        self._lock.acquire()
        self._depth += 1
        return self._depth == 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        self._lock.release()

    def note(self, reservation: "Reservation", ended: "Observation | Call") -> None:
        """Take the end of a call. Never waits, never raises."""
        self._ended.append((reservation, ended))
        if self._lock.acquire(blocking=False):
            try:
                with self as alone:
                    if alone:
                        self.settle_all()
            finally:
                self._lock.release()

    def settle_all(self) -> None:
        """Settle the calls that ended. With the lock held."""
        while self._ended:
            try:
                reservation, ended = self._ended.popleft()
            except IndexError:  # a finalizer in between was faster
                return
            try:
                self._settle(reservation, ended)
            except Exception:
                self.losses.count(FAULT)

    def _settle(self, reservation: "Reservation", ended: "Observation | Call") -> None:
        call = ended if isinstance(ended, Call) else read(ended, {})
        outcome = outcome_of(call, reservation.attempt, self._prices)
        for hold in reservation.holds:
            hold.settle(outcome)

    def estimate(self, attempt: Attempt, start_time_ns: int) -> Attempt:
        """Return the attempt with what it would cost. With the lock held."""
        likely = Usage(input_tokens=attempt.input_tokens, output_tokens=attempt.output_tokens)
        most = Usage(
            input_tokens=attempt.most_input_tokens, output_tokens=attempt.most_output_tokens
        )
        # Writing the prompt to a cache costs more than sending it.
        written = most._replace(
            cache_write_tokens=most.input_tokens,
            cache_write_1h_tokens=most.input_tokens,
        )
        cost_usd, most_usd, written_usd = (
            self._cost_usd(attempt, usage, start_time_ns) for usage in (likely, most, written)
        )
        if cost_usd is None or most_usd is None:
            return replace(attempt, cost_usd=None, most_usd=None)
        most_usd = max(cost_usd, most_usd, written_usd or most_usd)
        return replace(attempt, cost_usd=cost_usd, most_usd=most_usd)

    def _cost_usd(self, attempt: Attempt, usage: Usage, start_time_ns: int) -> Decimal | None:
        call = Call(
            operation=attempt.operation,
            api_type=None,
            provider=attempt.provider,
            server_address="",
            server_port=None,
            request=Request(model=attempt.model, service_tier=attempt.service_tier),
            response=Response(usage=usage, service_tier=attempt.service_tier),
            trace_id=b"",
            span_id=b"",
            parent_span_id=b"",
            start_time_ns=start_time_ns,
            end_time_ns=start_time_ns,
            first_chunk_ns=None,
            error_type=None,
            tags={},
        )
        cost = self._prices.cost(call)
        return cost.usd if cost is not None else None


def outcome_of(call: Call, attempt: Attempt, prices: PriceBook) -> Outcome:
    """Return what a call used; what the provider did not say counts as it was estimated.

    A call that failed before an answer began costs nothing, unless it was given up by our side.
    """
    usage = call.response.usage
    failed = call.error_type is not None
    if usage is not None and usage.input_tokens is not None and call.response.usage_complete:
        cost = prices.cost(call)
        return Outcome(
            usage.input_tokens + (usage.output_tokens or 0),
            cost.usd if cost is not None else attempt.cost_usd,
            failed,
            call.end_time_ns - call.start_time_ns,
        )
    answered = call.first_chunk_ns is not None or call.response.response_id is not None
    given_up = any(name in (call.error_type or "") for name in BILLED_ERRORS)
    free = failed and not answered and not given_up
    return Outcome(
        0 if free else attempt.tokens,
        attempt.cost_usd if not free else attempt.cost_usd and attempt.cost_usd * 0,
        failed,
        call.end_time_ns - call.start_time_ns,
    )


class Reservation:
    """What the limits hold for one call."""

    __slots__ = ("_limits", "attempt", "holds")

    def __init__(self, limits: Limits, attempt: Attempt, holds: Sequence[Hold]) -> None:
        self._limits = limits
        self.attempt = attempt
        self.holds = holds

    def settle(self, ended: "Observation | Call") -> None:
        """Replace what is held by what the call used. Takes no lock that is taken."""
        self._limits.note(self, ended)


class Admission:
    """The decision about one call.

    Args:
        limits: What the limits share.
        guards: The limits, outer ones first.
        attempt: The call, without its cost.
        start_time_ns: When it is made, for its price; Unix time in nanoseconds.
        use_model: Asks another model instead and says whether that could be, or None.
    """

    def __init__(
        self,
        limits: Limits,
        guards: Sequence[Guard],
        attempt: Attempt,
        start_time_ns: int,
        use_model: Callable[[str], bool] | None,
    ) -> None:
        self._limits = limits
        self._guards = guards
        self._attempt = attempt
        self._start_time_ns = start_time_ns
        self._use_model = use_model
        self._forced: set[int] = set()

    def decide(self) -> Reservation:
        """Return what is held for the call, or raise `Refused`."""
        for _ in range(DECISIONS_MAX):
            held, refused = self._try()
            if held is not None:
                return held
            if refused is None:
                break
            if not self._falls_back(refused) and not self._resolved(self._answer(refused)):
                break
        assert refused is not None
        raise refused

    async def decide_async(self) -> Reservation:
        """Return what is held for the call, or raise `Refused`; waits for a hook that is async."""
        for _ in range(DECISIONS_MAX):
            held, refused = self._try()
            if held is not None:
                return held
            if refused is None:
                break
            if self._falls_back(refused):
                continue
            answer = self._answer(refused)
            if inspect.isawaitable(answer):
                answer = await answer
            if not self._resolved(answer):
                break
        assert refused is not None
        raise refused

    def _try(self) -> tuple[Reservation | None, Refused | None]:
        holds: list[Hold] = []
        with self._limits as alone:
            if not alone:
                self._limits.losses.count(FAULT)
                return Reservation(self._limits, self._attempt, ()), None
            self._limits.settle_all()
            attempt = self._limits.estimate(self._attempt, self._start_time_ns)
            try:
                for number, guard in enumerate(self._guards):
                    self._number = number
                    hold = guard.admit(attempt, forced=number in self._forced)
                    if hold is not None:
                        holds.append(hold)
            except Refused as refused:
                for hold in holds:
                    hold.release()
                return None, refused.with_traceback(None)
            return Reservation(self._limits, attempt, holds), None

    def _falls_back(self, refused: Refused) -> bool:
        """Ask the model that the limit names instead, if it names one and that can be."""
        model = refused.fallback
        if model is None or self._use_model is None or self._attempt.model == model:
            return False
        if not self._use_model(model):
            return False
        self._attempt = replace(self._attempt, model=model)
        return True

    def _answer(self, refused: Refused) -> Any:
        """Return what the program's hook says, True where the limit only warns."""
        if refused.approve is not None:
            return refused.approve(refused)
        if not refused.insist:
            warn("%s", refused)
        return not refused.insist

    def _resolved(self, answer: Any) -> bool:
        if answer is True:
            self._forced.add(self._number)
            return True
        if inspect.iscoroutine(answer):  # a hook that is async, for a call that is not
            answer.close()
            self._limits.losses.count(FAULT)
        return False


def admission_of(
    observation: Observation,
    limits: Limits,
    guards: Sequence[Guard],
    library: object,
    arguments: Arguments,
) -> Admission:
    """Return the decision about a call of a client library.

    Args:
        observation: The call.
        limits: What the limits share.
        guards: The limits, outer ones first.
        library: How the library's requests are given another model.
        arguments: Those of its request method, replaced where another model is asked.
    """
    asked, api = observation.asked, observation.api
    body = body_in(arguments.args, arguments.kwargs)

    def use_model(model: str) -> bool:
        if not isinstance(library, Adjustable):
            return False
        try:
            instead = library.with_model(arguments.args, arguments.kwargs, model)
        except Exception:
            limits.losses.count(FAULT)
            return False
        if instead is None:
            return False
        arguments.args, arguments.kwargs = instead
        observation.asked = observation.asked._replace(model=model)
        return True

    address, _ = server(observation.base_url)
    size = estimate.size_of(body)
    answers = (asked.max_tokens, asked.choice_count, api.operation)
    attempt = Attempt(
        provider=provider_at(address, api.provider),
        operation=api.operation,
        model=asked.model if isinstance(asked.model, str) else None,
        input_tokens=size.likely_tokens(),
        output_tokens=estimate.output_tokens(*answers),
        most_input_tokens=size.most_tokens(),
        most_output_tokens=estimate.output_tokens(*answers, estimate.OUTPUT_TOKENS_MOST),
        service_tier=asked.service_tier if isinstance(asked.service_tier, str) else None,
        body=body,
    )
    return Admission(limits, guards, attempt, observation.start_time_ns, use_model)
