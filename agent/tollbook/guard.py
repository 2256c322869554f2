"""What a limit on calls is: it admits a call before it is made, and learns what came of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call that asks to be made.

    Attributes:
        provider: Name of the provider.
        operation: `chat`, `embeddings`, ….
        model: The model that was asked for.
        input_tokens: Estimate, on the high side.
        output_tokens: The most that was asked for, else an assumption.
        most_input_tokens: The most that its text can be.
        most_output_tokens: The most that was asked for, else the most that models answer.
        cost_usd: What the estimate would cost, None where the model has no price.
        most_usd: What the most would cost, None where the model has no price.
        service_tier: The tier that it asks for, or None.
        body: The request's body.
    """

    provider: str
    operation: str
    model: str | None
    input_tokens: int
    output_tokens: int
    most_input_tokens: int
    most_output_tokens: int
    cost_usd: Decimal | None = None
    most_usd: Decimal | None = None
    service_tier: str | None = None
    body: Mapping[str, Any] = field(repr=False, default_factory=dict)

    @property
    def tokens(self) -> int:
        """The estimate of all tokens."""
        return self.input_tokens + self.output_tokens

    @property
    def most_tokens(self) -> int:
        """All tokens at most."""
        return self.most_input_tokens + self.most_output_tokens


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call that was admitted.

    Attributes:
        tokens: Tokens in all, None where the provider did not say.
        cost_usd: What it cost, None where that is unknown.
        failed: Whether it ended with an error.
        duration_ns: How long it took, in nanoseconds.
    """

    tokens: int | None
    cost_usd: Decimal | None
    failed: bool
    duration_ns: int


Approve = Callable[["Refused"], bool | Awaitable[bool]]


class Refused(Exception):
    """A call was stopped before it was made; nothing was sent.

    Attributes:
        attempt: The call.
        fallback: Model to ask instead, or None.
        approve: Asked whether to make the call all the same, or None.
        insist: Whether the call is stopped, and not only warned of.
    """

    attempt: Attempt
    fallback: str | None = None
    approve: Approve | None = None
    insist: bool = True

    def __init__(self, message: str, attempt: Attempt) -> None:
        super().__init__(message)
        self.attempt = attempt


class Hold(Protocol):
    """What a guard keeps back for a call until it is known what came of it."""

    def settle(self, outcome: Outcome) -> None:
        """Replace what is held by what was used."""

    def release(self) -> None:
        """Give it back: the call was not made."""


class Guard(Protocol):
    """A limit on calls. Its methods are called with the lock of `Limits` held."""

    def admit(self, attempt: Attempt, *, forced: bool) -> Hold | None:
        """Hold what a call needs, or raise `Refused`; a forced call is held over the limit."""
