"""Chat completions as OpenAI shaped them, and what others who speak the shape count otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from tollbook.clients.field import (
    Lookup,
    decimal_text,
    field,
    first_count,
    plain,
    rare_field,
    said_by,
    token_count,
    total_count,
)
from tollbook.ends import Ends
from tollbook.meter import Asked, Facts
from tollbook.model_call import Usage

# Each chunk has the id and the model; OpenAI's own last ones are the finish reason, the usage, and
# one to spare.
ENDS: Final = Ends(own_host=("api.openai.com", 3), repeat=True)
TICKS_PER_USD_DIGITS: Final = 10  # xAI counts money in ticks, 10^10 of them a dollar


@dataclass(frozen=True)
class Completions:
    """Chat completions, and the older interfaces of the same shape.

    Attributes:
        operation: The operation in the conventions.
        api_type: The interface's name in the conventions, or None.
        provider: Who answers where the host does not tell.
    """

    operation: str = "chat"
    api_type: str | None = "chat_completions"
    provider: str = "openai"
    # Some servers repeat the usage in every chunk: only the last one is whole.
    complete_at_end: bool = True
    ends: Ends | None = ENDS

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Return the plain values of a request body."""
        get = body.get
        return Asked(
            get("model"),
            get("stream"),
            get("max_completion_tokens") or get("max_tokens"),
            get("temperature"),
            get("top_p"),
            get("n"),
            get("seed"),
            get("reasoning_effort"),
            get("service_tier"),
        )

    def answer(self, answer: Any) -> Facts:
        """Return the facts of a whole answer."""
        facts = self.event(answer, True)
        return facts if facts is not None else Facts()

    def event(self, event: Any, first: bool) -> Facts | None:
        """Return the facts of a chunk: the first one, or one with a usage or a finish reason."""
        # Groq puts the usage of a stream beside the choices of its last chunk.
        usage = field(event, "usage") or field(rare_field(event, "x_groq"), "usage")
        choices = rare_field(event, "choices")
        read = rare_field if choices is None else field  # embeddings lack most of it
        reasons: tuple[tuple[int, object], ...] = ()
        for choice in choices or ():
            reason = field(choice, "finish_reason")
            if reason is not None:
                reasons = (*reasons, (field(choice, "index") or 0, reason))
        if usage is None and not reasons and not first:
            return None
        return Facts(
            read(event, "id"),
            read(event, "model"),
            read(event, "service_tier"),
            usage,
            reasons,
            # The chunk that `stream_options.include_usage` asks for has no choices.
            usage is not None and not choices,
        )

    def usage(self, usages: Sequence[Any], provider: str) -> Usage:
        """Return the tokens, with totals made inclusive; every detail is part of a total."""
        said = said_by(usages)
        inputs = plain(said("prompt_tokens_details"))
        outputs = plain(said("completion_tokens_details"))
        reasoning = token_count(field(outputs, "reasoning_tokens"))
        usage = Usage(
            input_tokens=token_count(said("prompt_tokens")),
            cache_read_tokens=first_count(
                field(inputs, "cached_tokens"),
                said("prompt_cache_hit_tokens"),  # DeepSeek
                said("cached_tokens"),  # Moonshot, Together
            ),
            cache_write_tokens=token_count(field(inputs, "cache_write_tokens")),
            input_audio_tokens=token_count(field(inputs, "audio_tokens")),
            input_image_tokens=token_count(field(inputs, "image_tokens")),
            output_tokens=token_count(said("completion_tokens")),
            reasoning_tokens=reasoning,
            output_audio_tokens=token_count(field(outputs, "audio_tokens")),
            input_audio_seconds=seconds(said("prompt_audio_seconds")),  # Mistral
            reported_cost_usd=reported_cost_usd(said, provider),
        )
        return made_inclusive(usage, said, provider)


def made_inclusive(usage: Usage, said: Lookup, provider: str) -> Usage:
    """Return a usage whose totals hold what some providers count beside them."""
    if provider == "x_ai" and usage.reasoning_tokens and usage.output_tokens is not None:
        counted = total_count(usage.input_tokens, usage.output_tokens)
        if said("total_tokens") != counted:  # else the reasoning is in there already
            return usage._replace(output_tokens=usage.output_tokens + usage.reasoning_tokens)
    if provider == "perplexity":
        context = said("search_context_size")
        usage = usage._replace(
            web_search_requests=token_count(said("num_search_queries")),
            search_context_size=context if type(context) is str else None,
        )
        reasoning = token_count(said("reasoning_tokens"))
        citations = token_count(said("citation_tokens"))
        if usage.output_tokens is not None and usage.input_tokens is not None:
            return usage._replace(
                input_tokens=usage.input_tokens + (citations or 0),
                output_tokens=usage.output_tokens + (reasoning or 0),
                reasoning_tokens=reasoning,
            )
    return usage


def seconds(value: Any) -> float | None:
    """Return a length of audio, None for anything else."""
    return float(value) if type(value) in (int, float) else None


def reported_cost_usd(said: Lookup, provider: str) -> str | None:
    """Return what the provider says that it charges for the call, in decimal digits."""
    if provider == "openrouter":
        cost = decimal_text(said("cost"))
        if cost is not None and said("is_byok") is True:
            return with_upstream(cost, said("cost_details"))
        return cost
    if provider == "perplexity":
        return decimal_text(field(said("cost"), "total_cost"))
    ticks = token_count(said("cost_in_usd_ticks")) if provider == "x_ai" else None
    if ticks is None:
        return None
    digits = str(ticks).rjust(TICKS_PER_USD_DIGITS + 1, "0")
    return f"{digits[:-TICKS_PER_USD_DIGITS]}.{digits[-TICKS_PER_USD_DIGITS:]}"


def with_upstream(cost: str, details: Any) -> str | None:
    """Return OpenRouter's fee with what the caller's own key was charged, None if unknown."""
    upstream = decimal_text(field(details, "upstream_inference_cost"))
    return format(Decimal(cost) + Decimal(upstream), "f") if upstream is not None else None
