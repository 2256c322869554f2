"""Anthropic's Messages interface, which the clouds that resell it speak too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tollbook.clients.field import field, latest, token_count
from tollbook.meter import Asked, Facts
from tollbook.model_call import Usage


@dataclass(frozen=True)
class Messages:
    """The Messages interface.

    Attributes:
        provider: Who answers where the host does not tell.
    """

    provider: str = "anthropic"
    operation: str = "chat"
    api_type: str | None = None
    # Without a `message_delta` the output is that of the first event: a placeholder.
    complete_at_end: bool = False
    quiet_events: str = "content_block_delta"

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Return the plain values of a request body."""
        get = body.get
        output_config = get("output_config")
        return Asked(
            get("model"),
            get("stream"),
            get("max_tokens"),
            get("temperature"),
            get("top_p"),
            None,
            None,
            output_config.get("effort") if type(output_config) is dict else None,
            get("service_tier"),
        )

    def answer(self, answer: Any) -> Facts:
        """Return the facts of a whole message."""
        usage = field(answer, "usage")
        reason = field(answer, "stop_reason")
        # On Bedrock the model that was asked for has the scope that the price depends on.
        model = field(answer, "model") if self.provider != "aws.bedrock" else None
        return Facts(
            field(answer, "id"),
            model,
            field(usage, "service_tier"),
            usage,
            ((0, reason),) if reason is not None else (),
        )

    def event(self, event: Any, first: bool) -> Facts | None:
        """Return the facts of the events that carry usage: the first one and each delta."""
        kind = field(event, "type")
        if kind == "message_start":
            return self.answer(field(event, "message"))
        if kind != "message_delta":
            return None
        usage = field(event, "usage")
        reason = field(field(event, "delta"), "stop_reason")
        return Facts(
            service_tier=field(usage, "service_tier"),
            usage=usage,
            finish_reasons=((0, reason),) if reason is not None else (),
            last=reason is not None,
        )

    def usage(self, usages: Sequence[Any], provider: str) -> Usage:
        """Return the tokens, with totals made inclusive.

        The counts of a stream are cumulative: of each field the latest one counts, and nothing is
        summed. `input_tokens` on the wire is without what was read from or written to the cache.
        """
        uncached = token_count(latest(usages, "input_tokens"))
        cache_read = token_count(latest(usages, "cache_read_input_tokens"))
        cache_write = token_count(latest(usages, "cache_creation_input_tokens"))
        split = latest(usages, "cache_creation")
        total = None if uncached is None else uncached + (cache_read or 0) + (cache_write or 0)
        return Usage(
            input_tokens=total,
            cache_read_tokens=cache_read,
            cache_write_tokens=cache_write,
            cache_write_5m_tokens=token_count(field(split, "ephemeral_5m_input_tokens")),
            cache_write_1h_tokens=token_count(field(split, "ephemeral_1h_input_tokens")),
            output_tokens=token_count(latest(usages, "output_tokens")),
            reasoning_tokens=token_count(
                field(latest(usages, "output_tokens_details"), "thinking_tokens")
            ),
            web_search_requests=token_count(
                field(latest(usages, "server_tool_use"), "web_search_requests")
            ),
        )
