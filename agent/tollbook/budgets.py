"""`budget()`: what a block, a run, a day or a month may spend, held before the money is gone.

A call takes its estimate out of the budget before it is made, in one step with the look at what is
left, and gives back what it did not need when its usage is known.

Estimates can be too low. Of all calls under way one may be: the others are counted at the most that
they can need. So whatever they use, no more than one call's estimate error is overspent: with e and
m the estimate and the most of a call, and j the one with the largest m - e, a call is made only if
spent + e_j + (sum of m over all others) is within the limit, and each then uses m at most.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from types import TracebackType
from typing import Any, Final, Literal, TypeVar, get_args

from tollbook.guard import Approve, Attempt, Outcome, Refused
from tollbook.process import PROCESS
from tollbook.scope import CURRENT, enter, leave
from tollbook.settings import SettingInvalid
from tollbook.tally import BUDGET_FORGOTTEN, FAULT

LEDGERS_MAX: Final = 10_000  # spending that is remembered, by key and period
KEY_CHARS_MAX: Final = 256
ZERO: Final = Decimal(0)

Period = Literal["block", "run", "day", "month"]
Exceeded = Literal["raise", "warn"]
Function = TypeVar("Function", bound=Callable[..., Any])


class BudgetExceeded(Refused):
    """The next call would cross a budget, so it was not made.

    Attributes:
        key: The budget's key.
        measure: What would be crossed: usd, tokens or calls.
        limit: The limit.
        spent: What was spent and is held for calls under way.
        needed: What the call needs by its estimate, None where the model has no price.
        uncertain: What calls under way may need beyond their estimates, where that is why.
    """

    def __init__(
        self,
        key: str,
        measure: str,
        limit: Decimal | int,
        spent: Decimal | int,
        needed: Decimal | int | None,
        attempt: Attempt,
        uncertain: Decimal | int = 0,
    ) -> None:
        name = f"budget {key!r}" if key else "budget"
        if needed is None:
            said = (
                f"{name} of {limit} {measure} cannot hold a call of {attempt.provider}"
                f" {attempt.model!r}, which has no known price; budget in tokens or calls, or pass"
                " unpriced='allow'"
            )
        elif uncertain:
            said = (
                f"{name} of {limit} {measure} has {plain(limit - spent)} left, of which calls under"
                f" way may need {plain(uncertain)} more than is held for them, so that a call of"
                f" {attempt.model!r} has to wait for their end; lower max_tokens, raise the limit,"
                " or pass strict=False"
            )
        else:
            said = (
                f"{name} of {limit} {measure} has {plain(limit - spent)} left, but a call of"
                f" {attempt.model!r} may need {plain(needed)}; raise the limit, lower max_tokens,"
                " or pass fallback= or approve="
            )
        super().__init__(said, attempt)
        self.key = key
        self.measure = measure
        self.limit = limit
        self.spent = spent
        self.needed = needed
        self.uncertain = uncertain


@dataclass(slots=True)
class Spending:
    """What was spent, and what is held for calls under way. Changed with the lock held."""

    usd: Decimal = ZERO
    tokens: int = 0
    calls: int = 0
    held_usd: Decimal = ZERO
    held_tokens: int = 0
    held_calls: int = 0
    # What calls under way may need beyond their estimates; by hold, and in all.
    errors: "dict[HeldSpending, tuple[Decimal, int]]" = field(default_factory=dict)
    error_usd: Decimal = ZERO
    error_tokens: int = 0

    def uncertain(self, attempt: Attempt) -> tuple[Decimal, int]:
        """Return what all calls but one may need beyond their estimates, a new one included."""
        error_usd, error_tokens = errors_of(attempt)
        one_usd = max((usd for usd, _ in self.errors.values()), default=ZERO)
        one_tokens = max((tokens for _, tokens in self.errors.values()), default=0)
        return (
            self.error_usd + error_usd - max(one_usd, error_usd),
            self.error_tokens + error_tokens - max(one_tokens, error_tokens),
        )


def errors_of(attempt: Attempt) -> tuple[Decimal, int]:
    """Return the dollars and tokens that a call may need beyond its estimate."""
    return (
        (attempt.most_usd or ZERO) - (attempt.cost_usd or ZERO),
        attempt.most_tokens - attempt.tokens,
    )


class HeldSpending:
    """The part of a spending that is held for one call."""

    __slots__ = ("_attempt", "_spending")

    def __init__(self, spending: Spending, attempt: Attempt) -> None:
        self._spending = spending
        self._attempt = attempt
        spending.held_usd += attempt.cost_usd or ZERO
        spending.held_tokens += attempt.tokens
        spending.held_calls += 1
        spending.errors[self] = error_usd, error_tokens = errors_of(attempt)
        spending.error_usd += error_usd
        spending.error_tokens += error_tokens

    def release(self) -> None:
        """Give it back."""
        spending, attempt = self._spending, self._attempt
        spending.held_usd -= attempt.cost_usd or ZERO
        spending.held_tokens -= attempt.tokens
        spending.held_calls -= 1
        error_usd, error_tokens = spending.errors.pop(self)
        spending.error_usd -= error_usd
        spending.error_tokens -= error_tokens

    def settle(self, outcome: Outcome) -> None:
        """Give it back, and spend what the call used."""
        self.release()
        spending = self._spending
        spending.usd += outcome.cost_usd or ZERO
        spending.tokens += outcome.tokens or 0
        spending.calls += 1


@dataclass(slots=True)
class Ledgers:
    """Spending by key and period, in one process."""

    _spending: dict[tuple[str, str], Spending] = field(default_factory=dict)

    def of(self, key: str, period: str) -> Spending:
        """Return the spending of a key in a period such as "day:2026-11-21". With the lock held.

        Beyond the limit the one that was used longest ago is forgotten, and counted.
        """
        spending = self._spending.pop((key, period), None)
        if spending is None:
            spending = Spending()
            if len(self._spending) >= LEDGERS_MAX:
                del self._spending[next(iter(self._spending))]
                PROCESS.losses.count(BUDGET_FORGOTTEN)
        self._spending[key, period] = spending  # last: used just now
        return spending


@dataclass(frozen=True, slots=True)
class Terms:
    """What a budget allows, and what happens at its end; the arguments of `budget()`."""

    usd: Decimal | None
    tokens: int | None
    calls: int | None
    per: Period
    key: str
    exceeded: Exceeded
    fallback: str | None
    approve: Approve | None
    unpriced: Literal["refuse", "allow"]
    timezone: tzinfo
    strict: bool


class Budget(AbstractContextManager["Budget"]):
    """What `budget()` returns: a block, sync or async, or a decorator."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._own = Spending()

    def __call__(self, function: Function) -> Function:
        """Return the function, whose calls are held to the budget.

        With `per="block"` each call of the function has the whole budget.
        """
        from tollbook.decoration import inside

        return inside(lambda: Budget(self.terms), function)

    def __enter__(self) -> "Budget":
        enter(self, guards=(*CURRENT.get().guards, self))
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not leave(self):
            PROCESS.losses.count(FAULT)

    async def __aenter__(self) -> "Budget":
        return self.__enter__()

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(error_type, error, traceback)

    @property
    def spent_usd(self) -> Decimal:
        """US dollars that calls which have ended cost, in the period that is now."""
        return self._now().usd

    @property
    def spent_tokens(self) -> int:
        """Tokens of calls that have ended."""
        return self._now().tokens

    @property
    def spent_calls(self) -> int:
        """Calls that have ended."""
        return self._now().calls

    @property
    def held_usd(self) -> Decimal:
        """US dollars that are held for calls under way."""
        return self._now().held_usd

    def _now(self) -> Spending:
        limits = PROCESS.shared_limits()
        with limits as alone:
            if alone:
                limits.settle_all()
            spending = self._spending()
            return Spending(spending.usd, spending.tokens, spending.calls, spending.held_usd)

    def _spending(self) -> Spending:
        terms = self.terms
        if terms.per == "run":
            run = CURRENT.get().run
            return self._own if run is None else PROCESS.ledgers().of(terms.key, f"run:{run.id}")
        if terms.per in ("day", "month"):
            today = datetime.now(terms.timezone).date().isoformat()
            period = today if terms.per == "day" else today[:7]
            return PROCESS.ledgers().of(terms.key, f"{terms.per}:{period}")
        return self._own

    def admit(self, attempt: Attempt, *, forced: bool) -> HeldSpending:
        """Hold a call's estimate, or raise `BudgetExceeded`."""
        spending = self._spending()
        if not forced:
            self._check(spending, attempt)
        return HeldSpending(spending, attempt)

    def _check(self, spending: Spending, attempt: Attempt) -> None:
        terms = self.terms
        if terms.usd is not None and attempt.cost_usd is None and terms.unpriced == "refuse":
            raise self._exceeded("usd", terms.usd, spending.usd + spending.held_usd, None, attempt)
        error_usd, error_tokens = spending.uncertain(attempt) if terms.strict else (ZERO, 0)
        number = Decimal | int
        measures: tuple[tuple[str, number | None, number, number, number], ...] = (
            (
                "usd",
                terms.usd,
                spending.usd + spending.held_usd,
                attempt.cost_usd or ZERO,
                error_usd,
            ),
            (
                "tokens",
                terms.tokens,
                spending.tokens + spending.held_tokens,
                attempt.tokens,
                error_tokens,
            ),
            ("calls", terms.calls, spending.calls + spending.held_calls, 1, 0),
        )
        for measure, limit, spent, needed, uncertain in measures:
            if limit is None or spent + needed + uncertain <= limit:
                continue
            why = uncertain if spent + needed <= limit else 0
            raise self._exceeded(measure, limit, spent, needed, attempt, why)

    def _exceeded(
        self,
        measure: str,
        limit: Decimal | int,
        spent: Decimal | int,
        needed: Decimal | int | None,
        attempt: Attempt,
        uncertain: Decimal | int = 0,
    ) -> BudgetExceeded:
        key = self.terms.key
        exceeded = BudgetExceeded(key, measure, limit, spent, needed, attempt, uncertain)
        exceeded.fallback = self.terms.fallback
        exceeded.approve = self.terms.approve
        exceeded.insist = self.terms.exceeded == "raise"
        return exceeded


def budget(
    *,
    usd: str | float | Decimal | None = None,
    tokens: int | None = None,
    calls: int | None = None,
    per: Period = "block",
    key: str = "",
    exceeded: Exceeded = "raise",
    fallback: str | None = None,
    approve: Approve | None = None,
    unpriced: Literal["refuse", "allow"] = "refuse",
    timezone: tzinfo = UTC,
    strict: bool = True,
) -> Budget:
    """Hold the model calls of a block, or of each call of a function, to a budget.

    Before a call its estimate is taken out of the budget: the request's text at two bytes a token,
    and the output that it allows (`max_tokens`; 4096 where it sets none), at the model's price. A
    call that would cross the budget is not made. After it, what it really used counts; a call whose
    usage the provider did not say counts as it was estimated, one that failed before an answer
    counts nothing. Blocks nest: a call must fit in all of them. Under threads and tasks too, no
    more is overspent than what one call needs beyond its own estimate: of calls under way all but
    one are counted at the most that they can need (a token a byte; 131,072 of output where
    `max_tokens` is not set; the prompt written to a cache).

    Args:
        usd: US dollars, more than 0; a text such as "0.50" is exact.
        tokens: Tokens, input and output, 1 or more.
        calls: Model calls, 1 or more.
        per: What it is for: "block" (this one), "run" (each `tollbook.run()`, where there is one),
            "day" or "month" of the calendar, for this process.
        key: Whose it is, such as a customer's id, at most 256 characters. Budgets of a run, day or
            month with the same key share what was spent.
        exceeded: "raise" `BudgetExceeded` before the call, or "warn" in the log and make it.
        fallback: Model to ask instead, of the same provider, when the one asked for does not fit.
        approve: Asked with the `BudgetExceeded` whether to make the call all the same (True); may
            be a coroutine function for calls that are async. What it raises reaches the caller.
        unpriced: Whether a budget in dollars refuses calls whose model has no known price.
        timezone: Of days and months; default UTC.
        strict: False counts calls under way as they were estimated. More of them can run at a time,
            and each may overspend by its own error.

    Raises:
        SettingInvalid: An argument cannot be used. The block itself raises `BudgetExceeded`.
    """
    terms = Terms(
        usd=_dollars(usd),
        tokens=_count("tokens", tokens),
        calls=_count("calls", calls),
        per=_choice("per", per, get_args(Period)),
        key=str(key)[:KEY_CHARS_MAX],
        exceeded=_choice("exceeded", exceeded, get_args(Exceeded)),
        fallback=fallback,
        approve=approve,
        unpriced=_choice("unpriced", unpriced, ("refuse", "allow")),
        timezone=timezone,
        strict=bool(strict),
    )
    if terms.usd is None and terms.tokens is None and terms.calls is None:
        raise SettingInvalid("budget() has no limit; pass usd='0.50', tokens=100_000 or calls=20")
    PROCESS.shared_limits()  # what it imports is imported here, and not at the first call
    return Budget(terms)


def plain(number: Decimal | int) -> str:
    """Return digits without an exponent and without idle zeros."""
    return format(number.normalize(), "f") if isinstance(number, Decimal) else str(number)


def _dollars(usd: str | float | Decimal | None) -> Decimal | None:
    if usd is None:
        return None
    try:
        amount = Decimal(str(usd))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not math.isfinite(amount) or amount <= 0:
        raise SettingInvalid(f"usd is {usd!r}, but must be more than 0; pass usd='0.50'")
    return amount


def _count(name: str, value: int | None) -> int | None:
    if value is not None and (type(value) is not int or value < 1):
        raise SettingInvalid(f"{name} is {value!r}, but must be 1 or more; pass {name}=100")
    return value


def _choice(name: str, value: Any, choices: tuple[str, ...]) -> Any:
    if value not in choices:
        raise SettingInvalid(f"{name} is {value!r}, but must be one of {', '.join(choices)}")
    return value
