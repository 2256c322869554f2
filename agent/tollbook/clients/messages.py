"""Anthropic's Messages interface, which the clouds that resell it speak too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tollbook.clients.field import Lookup, field, plain, said_by, token_count, total_count
from tollbook.ends import Ends
from tollbook.meter import Asked, Facts
from tollbook.model_call import Usage

ENDS: Final = Ends(only="message_delta")


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
    ends: Ends | None = ENDS

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
            None,  # the usage says it, if any
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
            usage=usage,
            finish_reasons=((0, reason),) if reason is not None else (),
            last=reason is not None,
        )

    def usage(self, usages: Sequence[Any], provider: str) -> Usage:
        """Return the tokens, with totals made inclusive.

        The counts of a stream are cumulative: of each field the latest one counts, and nothing is
        summed. `input_tokens` on the wire is without what was read from or written to the cache.
        """
        said = said_by(usages)
        passes = billed_passes(said)
        uncached = counted(passes, "input_tokens")
        cache_read = counted(passes, "cache_read_input_tokens")
        cache_write = counted(passes, "cache_creation_input_tokens")
        splits = [plain(one("cache_creation")) for one in passes]
        total = None if uncached is None else uncached + (cache_read or 0) + (cache_write or 0)
        return Usage(
            input_tokens=total,
            cache_read_tokens=cache_read,
            cache_write_tokens=cache_write,
            cache_write_5m_tokens=total_count(
                *(field(split, "ephemeral_5m_input_tokens") for split in splits)
            ),
            cache_write_1h_tokens=total_count(
                *(field(split, "ephemeral_1h_input_tokens") for split in splits)
            ),
            output_tokens=counted(passes, "output_tokens"),
            reasoning_tokens=token_count(field(said("output_tokens_details"), "thinking_tokens")),
            web_search_requests=token_count(field(said("server_tool_use"), "web_search_requests")),
        )


def billed_passes(said: Lookup) -> Sequence[Lookup]:
    """Return what each pass of the model says that one message is billed for.

    The numbers of a message leave out what compacting its context used, which is billed too; where
    another model had to step in they are right as they are.
    """
    iterations = said("iterations")
    kinds = [field(one, "type") for one in iterations] if isinstance(iterations, list) else []
    if "compaction" not in kinds or "fallback_message" in kinds:
        return (said,)
    pairs = zip(iterations, kinds, strict=True)
    return [said_by((one,)) for one, kind in pairs if kind in ("message", "compaction")]


def counted(passes: Sequence[Lookup], name: str) -> int | None:
    """Return a count of all passes together."""
    return total_count(*[said(name) for said in passes])
