"""One model call: what it was and what it used, whichever library made it.

The values are named tuples: they are made for every call, and a frozen dataclass of twenty fields
takes eight times as long to make.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

NO_CONTENT: Final[Mapping[str, str]] = MappingProxyType({})
# The classes of tokens that rates are for, here and at the collector: the parts, each apart, that
# `price.disjoint` makes of a `Usage`, in its order.
TOKEN_CLASSES: Final = (
    "input",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "input_audio",
    "input_image",
    "output",
    "reasoning",
    "output_audio",
    "output_image",
)


class Usage(NamedTuple):
    """Tokens of one call, as the provider counted them; None is unknown, never zero.

    Totals are inclusive: every other number of tokens is part of `input_tokens` or `output_tokens`.

    Attributes:
        input_tokens: All input, cached or not.
        cache_read_tokens: Of the input, read from the provider's cache.
        cache_write_tokens: Of the input, written to the cache.
        cache_write_5m_tokens: Of the writes, those kept for 5 minutes.
        cache_write_1h_tokens: Of the writes, those kept long: an hour, of OpenAI 12 hours.
        input_audio_tokens: Of the input, audio.
        input_image_tokens: Of the input, images.
        output_tokens: All output, reasoning too.
        reasoning_tokens: Of the output, reasoning.
        output_audio_tokens: Of the output, audio.
        output_image_tokens: Of the output, images.
        input_audio_seconds: Length of the audio, for models that are billed by it.
        web_search_requests: Searches that the provider made for the call and bills apart.
        file_search_requests: Searches of stored files that the provider bills apart.
        code_sessions: Containers that the provider ran code in and bills apart.
        search_units: Searches that a ranking of documents is billed by.
        input_characters: Characters that were spoken, for models that are billed by them.
        images: Images that were made.
        image_quality: Of them, in the provider's word: low, hd.
        image_size: Of them: 1024x1024.
        pages: Pages of a document that were read.
        search_context_size: How much a search was asked to read: low, medium, high.
        reported_cost_usd: What the provider says that it charges, in decimal digits.
    """

    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_5m_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    input_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    output_audio_tokens: int | None = None
    output_image_tokens: int | None = None
    input_audio_seconds: float | None = None
    web_search_requests: int | None = None
    file_search_requests: int | None = None
    code_sessions: int | None = None
    search_units: int | None = None
    input_characters: int | None = None
    images: int | None = None
    image_quality: str | None = None
    image_size: str | None = None
    pages: int | None = None
    search_context_size: str | None = None
    reported_cost_usd: str | None = None


class Request(NamedTuple):
    """What the caller asked for, as far as numbers and names go; None is not said."""

    model: str | None = None
    stream: bool = False
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    choice_count: int | None = None
    seed: int | None = None
    reasoning_level: str | None = None
    service_tier: str | None = None
    conversation_id: str | None = None
    output_type: str | None = None


class Response(NamedTuple):
    """What the provider answered.

    Attributes:
        response_id: The provider's id of the answer.
        model: The model that answered.
        service_tier: The tier that served the call.
        finish_reasons: One per choice, in the provider's words.
        usage: The tokens, or None where the provider said nothing.
        usage_complete: False when a stream ended before the whole usage was known.
        error_type: What went wrong in an answer that came with status 200, or None.
        region: Where it was processed, as the answer or the host says (`us`, `eu-west-1`), or None.
        device: Where a model in the process computes (`cuda:0`), or None.
        usage_estimated: Whether the usage is our own count of the text: the provider said none.
    """

    response_id: str | None = None
    model: str | None = None
    service_tier: str | None = None
    finish_reasons: tuple[str, ...] = ()
    usage: Usage | None = None
    usage_complete: bool = True
    error_type: str | None = None
    region: str | None = None
    usage_estimated: bool = False
    device: str | None = None


class Call(NamedTuple):
    """One model call with all that its span says.

    Attributes:
        operation: `chat`, `embeddings`, ….
        api_type: `chat_completions` or `responses` for OpenAI's interfaces, else None.
        provider: Name of the provider in the GenAI conventions.
        server_address: Host that was called, empty for a model in the process.
        server_port: Its port, 1 to 65535.
        request: What was asked.
        response: What came back.
        trace_id: 16 bytes.
        span_id: 8 bytes.
        parent_span_id: 8 bytes, or empty for a root.
        start_time_ns: Unix time in nanoseconds.
        end_time_ns: Unix time in nanoseconds, not before the start.
        first_chunk_ns: Nanoseconds from the start to a stream's first chunk, or None.
        error_type: Class of the exception that the caller got, or None.
        tags: Tags by name.
        run_id: Id of the agent task it belongs to, or None.
        run_name: Name of that task, or None.
        content: Attributes that hold what was asked and answered, as far as it may leave.
        prompt_digest: Keyed digest of what was asked, or None.
        resent: Times that the library sent it again.
    """

    operation: str
    api_type: str | None
    provider: str
    server_address: str
    server_port: int | None
    request: Request
    response: Response
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    start_time_ns: int
    end_time_ns: int
    first_chunk_ns: int | None
    error_type: str | None
    tags: Mapping[str, str]
    run_id: str | None = None
    run_name: str | None = None
    content: Mapping[str, str] = NO_CONTENT
    prompt_digest: str | None = None
    resent: int = 0
