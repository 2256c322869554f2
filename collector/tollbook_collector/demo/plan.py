"""Plans the demo's calls: the trace says how many tokens, fixed rules say whose, which and how.

There is no randomness: what a call is follows from its number in the trace by a hash.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from types import MappingProxyType
from typing import Final

from tollbook_collector.demo.trace import TracedCall, read_trace, trace_path

# Names of the two services of the trace, as `service.name` has them.
SERVICES: Final[Mapping[str, str]] = MappingProxyType({"code": "code-assistant", "conv": "chat"})

Weighted = Sequence[tuple[str, int]]

# Team and feature by service, weights in percent.
WORK: Final[Mapping[str, Weighted]] = MappingProxyType(
    {
        "code": (
            ("devtools/completion", 52),
            ("devtools/explain", 13),
            ("platform/review", 20),
            ("mobile/completion", 15),
        ),
        "conv": (
            ("support/answer", 46),
            ("support/summary", 12),
            ("sales/draft", 18),
            ("search/question", 24),
        ),
    }
)
CUSTOMERS: Final[Weighted] = (
    ("aldgate-bank", 34),
    ("brightwater-energy", 22),
    ("cobalt-air", 16),
    ("dunmore-foods", 12),
    ("evergreen-health", 10),
    ("fjordline-shipping", 6),
)
# Interface and model by service, weights in percent.
MODELS: Final[Mapping[str, Weighted]] = MappingProxyType(
    {
        "code": (
            ("responses/gpt-6-luna", 26),
            ("responses/gpt-6.1-sol", 22),
            ("messages/claude-haiku-5-5", 20),
            ("messages/claude-sonnet-5-5", 24),
            ("messages/claude-opus-5-5", 8),
        ),
        "conv": (
            ("chat_completions/gpt-5-mini", 30),
            ("chat_completions/gpt-6-luna", 12),
            ("responses/gpt-6.1-terra", 22),
            ("messages/claude-haiku-5-5", 14),
            ("messages/claude-sonnet-5-5", 17),
            ("messages/claude-opus-5-5", 5),
        ),
    }
)
STREAMED_PERCENT: Final[Mapping[str, int]] = MappingProxyType({"code": 35, "conv": 65})
# Of ten thousand calls, how many fail, with which status.
FAILURES: Final = ((429, 105), (500, 45))

# Providers cache prompts from this length on, OpenAI in blocks.
CACHEABLE_TOKENS_MIN: Final = 1024
CACHE_BLOCK_TOKENS: Final = 128
# Read from the cache, in quarters of the prompt: seven of twenty prompts find nothing there.
CACHED_QUARTERS: Final[Weighted] = (("0", 35), ("1", 15), ("2", 25), ("3", 25))
# Of Anthropic's cacheable prompts, those whose rest is written to the cache, and for how long.
CACHE_WRITES: Final[Weighted] = (("", 70), ("5m", 24), ("1h", 6))
REASONING: Final = frozenset({"gpt-6.1-sol", "gpt-6.1-terra", "gpt-5-mini", "claude-opus-5-5"})
REASONING_BLOCK_TOKENS: Final = 64

# Made up, as models of such sizes answer: milliseconds to the first chunk and for each token. The
# demo's provider answers SPEED_UP times as fast, or nobody would wait for the end.
PACE_MS: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "gpt-6-luna": (260, 5),
        "gpt-5-mini": (420, 7),
        "gpt-6.1-terra": (540, 9),
        "gpt-6.1-sol": (760, 13),
        "claude-haiku-5-5": (300, 5),
        "claude-sonnet-5-5": (640, 11),
        "claude-opus-5-5": (980, 17),
    }
)
SPEED_UP: Final = 50


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call to make, and what the provider is to answer.

    Attributes:
        number: Place in the plan, from 0.
        service: Value of `service.name`.
        team: Tag.
        feature: Tag.
        customer: Tag.
        provider: `openai` or `anthropic`: whose client makes the call.
        api: `chat_completions`, `responses` or `messages`.
        model: Name of the model.
        stream: Whether the answer comes as a stream.
        input_tokens: Of the prompt, cached ones included.
        cache_read_tokens: Of the input, read from the provider's cache.
        cache_write_tokens: Of the input, written to it, for whatever time.
        cache_write_1h_tokens: Of the writes, those kept for an hour.
        output_tokens: Generated, reasoning included.
        reasoning_tokens: Of the output.
        first_chunk_ms: Milliseconds until the answer begins.
        duration_ms: Milliseconds until it ends.
        error_status: HTTP status that the call fails with, or None; a failed call uses no tokens.
    """

    number: int
    service: str
    team: str
    feature: str
    customer: str
    provider: str
    api: str
    model: str
    stream: bool
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    output_tokens: int
    reasoning_tokens: int
    first_chunk_ms: float
    duration_ms: float
    error_status: int | None


class PlanTooLong(ValueError):
    """More calls were asked for than the trace has."""


def plan_calls(calls: int) -> list[PlannedCall]:
    """Return the first calls of the trace as a plan; the same in every run.

    Args:
        calls: How many, from 1.

    Raises:
        PlanTooLong: The trace has fewer.
        TraceMissing: The trace is not there.
    """
    traced = read_trace(trace_path())
    if calls > len(traced):
        raise PlanTooLong(f"{calls:,} calls asked for, but the trace has {len(traced):,}")
    return [_planned(number, call) for number, call in enumerate(traced[:calls])]


def _planned(number: int, traced: TracedCall) -> PlannedCall:
    team, _, feature = _drawn(number, "work", WORK[traced.service]).partition("/")
    api, _, model = _drawn(number, "model", MODELS[traced.service]).partition("/")
    provider = "anthropic" if api == "messages" else "openai"
    cache_read_tokens = _cache_read_tokens(number, provider, traced.input_tokens)
    kept = _kept(number, provider, traced.input_tokens)
    cache_write_tokens = traced.input_tokens - cache_read_tokens if kept else 0
    first_chunk_ms, token_ms = PACE_MS[model]
    return PlannedCall(
        number=number,
        service=SERVICES[traced.service],
        team=team,
        feature=feature,
        customer=_drawn(number, "customer", CUSTOMERS),
        provider=provider,
        api=api,
        model=model,
        stream=_dice(number, "stream", 100) < STREAMED_PERCENT[traced.service],
        input_tokens=traced.input_tokens,
        cache_read_tokens=cache_read_tokens,
        cache_write_tokens=cache_write_tokens,
        cache_write_1h_tokens=cache_write_tokens if kept == "1h" else 0,
        output_tokens=traced.output_tokens,
        reasoning_tokens=_reasoning_tokens(model, traced.output_tokens),
        first_chunk_ms=first_chunk_ms / SPEED_UP,
        duration_ms=(first_chunk_ms + token_ms * traced.output_tokens) / SPEED_UP,
        error_status=_error_status(number),
    )


def _cache_read_tokens(number: int, provider: str, input_tokens: int) -> int:
    if input_tokens < CACHEABLE_TOKENS_MIN:
        return 0
    quarters = int(_drawn(number, "cached", CACHED_QUARTERS))
    cached = input_tokens * quarters // 4
    return cached if provider == "anthropic" else cached - cached % CACHE_BLOCK_TOKENS


def _kept(number: int, provider: str, input_tokens: int) -> str:
    """Return how long the rest of a prompt is kept in the cache; empty: it is not written."""
    if provider != "anthropic" or input_tokens < CACHEABLE_TOKENS_MIN:
        return ""
    return _drawn(number, "write", CACHE_WRITES)


def _reasoning_tokens(model: str, output_tokens: int) -> int:
    """Return about half of the output, in whole blocks, for models that reason."""
    if model not in REASONING:
        return 0
    return output_tokens // 2 // REASONING_BLOCK_TOKENS * REASONING_BLOCK_TOKENS


def _error_status(number: int) -> int | None:
    thrown = _dice(number, "failure", 10_000)
    for status, share in FAILURES:
        if thrown < share:
            return status
        thrown -= share
    return None


def _drawn(number: int, purpose: str, choices: Weighted) -> str:
    """Return one of the choices, each as often as its weight in percent says."""
    thrown = _dice(number, purpose, sum(weight for _, weight in choices))
    for choice, weight in choices:
        if thrown < weight:
            return choice
        thrown -= weight
    raise AssertionError(f"{purpose}: the dice fell outside of the weights")


def _dice(number: int, purpose: str, sides: int) -> int:
    """Return a number from 0 to `sides` - 1 that follows from the call and the purpose alone."""
    digest = blake2b(f"{purpose} {number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % sides
