"""OpenAI's Responses interface."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from tollbook.clients.completions import reported_cost_usd
from tollbook.clients.field import Beside, field, plain, said_by, token_count
from tollbook.ends import Ends
from tollbook.meter import Asked, Facts
from tollbook.model_call import Usage

# The states of a response that is over, and what the conventions call such an end.
FINISH_REASONS: Final = MappingProxyType(
    {"completed": "stop", "failed": "error", "cancelled": "error"}
)
INCOMPLETE_REASONS: Final = MappingProxyType({"max_output_tokens": "length"})
ENDS: Final = Ends(2)  # the event that ends a response, and one to spare
TERMINAL_EVENTS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})


@dataclass(frozen=True)
class Responses:
    """The Responses interface."""

    provider: str = "openai"
    operation: str = "chat"
    api_type: str | None = "responses"
    complete_at_end: bool = False
    ends: Ends | None = ENDS

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Return the plain values of a request body."""
        get = body.get
        conversation = get("conversation")
        reasoning = get("reasoning")
        return Asked(
            get("model"),
            get("stream"),
            get("max_output_tokens"),
            get("temperature"),
            get("top_p"),
            None,
            None,
            reasoning.get("effort") if type(reasoning) is dict else None,
            get("service_tier"),
            conversation.get("id") if type(conversation) is dict else conversation,
        )

    def answer(self, answer: Any) -> Facts:
        """Return the facts of a whole response."""
        status = field(answer, "status")
        reason = FINISH_REASONS.get(status) if type(status) is str else None
        if status == "incomplete":
            said = field(field(answer, "incomplete_details"), "reason")
            reason = INCOMPLETE_REASONS.get(said, said) if type(said) is str else None
        return Facts(
            field(answer, "id"),
            field(answer, "model"),
            field(answer, "service_tier"),
            with_tools(field(answer, "usage"), answer),
            ((0, reason),) if reason else (),
            False,
            field(field(answer, "error"), "code") if status == "failed" else None,
        )

    def event(self, event: Any, first: bool) -> Facts | None:
        """Return the facts of the first event and of the one that ends the response."""
        last = field(event, "type") in TERMINAL_EVENTS
        if not last and not first:
            return None
        facts = self.answer(field(event, "response"))
        # The tier of the first event is the one that was asked for, not the one that serves.
        return facts._replace(last=True) if last else facts._replace(service_tier=None)

    def usage(self, usages: Sequence[Any], provider: str) -> Usage:
        """Return the tokens; every detail is part of a total."""
        said = said_by(usages)
        inputs = plain(said("input_tokens_details"))
        outputs = plain(said("output_tokens_details"))
        return Usage(
            input_tokens=token_count(said("input_tokens")),
            cache_read_tokens=token_count(field(inputs, "cached_tokens")),
            cache_write_tokens=token_count(field(inputs, "cache_write_tokens")),
            cache_write_1h_tokens=token_count(
                field(field(inputs, "cache_write_tokens_details"), "ttl_12h_tokens")
            ),
            input_audio_tokens=token_count(field(inputs, "audio_tokens")),
            output_tokens=token_count(said("output_tokens")),
            reasoning_tokens=token_count(field(outputs, "reasoning_tokens")),
            output_audio_tokens=token_count(field(outputs, "audio_tokens")),
            web_search_requests=token_count(said("web_searches")),
            file_search_requests=token_count(said("file_searches")),
            code_sessions=token_count(said("code_sessions")),
            reported_cost_usd=reported_cost_usd(said, provider),
        )


def with_tools(usage: Any, answer: Any) -> Any:
    """Return a usage with the calls of tools that a response was charged for beside its tokens.

    A search that only opens a page it found is no search. Code runs in a container, which is
    charged once, however often it ran code.
    """
    output = field(answer, "output")
    # A response without tools is one message, or one and its reasoning.
    if usage is None or not isinstance(output, list) or len(output) < 2:
        return usage
    kinds = [field(item, "type") for item in output]
    counts: dict[str, int] = {}
    if "web_search_call" in kinds:
        actions = (
            field(field(item, "action"), "type")
            for item, kind in zip(output, kinds, strict=True)
            if kind == "web_search_call"
        )
        counts["web_searches"] = sum(action in (None, "search") for action in actions)
    if "file_search_call" in kinds:
        counts["file_searches"] = kinds.count("file_search_call")
    if "code_interpreter_call" in kinds:
        counts["code_sessions"] = len(
            {
                str(field(item, "container_id"))
                for item, kind in zip(output, kinds, strict=True)
                if kind == "code_interpreter_call"
            }
        )
    return Beside(usage, counts) if counts else usage
