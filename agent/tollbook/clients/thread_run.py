"""Runs of OpenAI's assistants: one call each, with the usage that a streamed one ends with.

A run that is not streamed is asked about until it is over; what it used is said to those questions,
which are not read: it is a call whose usage is unknown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tollbook.clients.field import field, latest, token_count
from tollbook.meter import Asked, Facts
from tollbook.model_call import Usage

OVER: Final = frozenset({"completed", "failed", "cancelled", "expired", "incomplete"})
RUN_EVENT: Final = "thread.run."
STEP_EVENT: Final = "thread.run.step."


@dataclass(frozen=True)
class ThreadRun:
    """A run of a thread, or its going on with what tools said."""

    provider: str = "openai"
    operation: str = "chat"
    api_type: str | None = None
    complete_at_end: bool = False
    ends: None = None

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Return the plain values of a request body."""
        get = body.get
        return Asked(
            get("model"),
            get("stream"),
            get("max_completion_tokens"),
            get("temperature"),
            get("top_p"),
        )

    def answer(self, answer: Any) -> Facts:
        """Return the facts of a run."""
        status = field(answer, "status")
        usage = field(answer, "usage")
        over = status in OVER
        error = field(field(answer, "last_error"), "code") if status == "failed" else None
        return Facts(
            field(answer, "id"),
            field(answer, "model"),
            usage=usage if over else None,
            finish_reasons=((0, status),) if over else (),
            last=over and usage is not None,
            error=error or ("failed" if status == "failed" else None),
        )

    def event(self, event: Any, first: bool) -> Facts | None:
        """Return the facts of an event about the run: the first one, or the one that ends it."""
        kind = field(event, "event")
        if type(kind) is not str or not kind.startswith(RUN_EVENT) or kind.startswith(STEP_EVENT):
            return None
        facts = self.answer(field(event, "data"))
        return facts if first or facts.finish_reasons else None

    def usage(self, usages: Sequence[Any], provider: str) -> Usage:
        """Return the tokens of the whole run."""
        details = latest(usages, "prompt_token_details")
        return Usage(
            input_tokens=token_count(latest(usages, "prompt_tokens")),
            cache_read_tokens=token_count(field(details, "cached_tokens")),
            output_tokens=token_count(latest(usages, "completion_tokens")),
        )
