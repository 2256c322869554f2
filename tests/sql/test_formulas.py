"""Each provider's way of counting, from its raw usage to the last digit of its cost.

A formula is a usage as the provider says it, and what that costs: counts times USD per million
tokens, or times USD for one. The SDK reads and prices it, and SQL prices the span that it makes.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from otlp_requests import NOON, Span

from tollbook import attributes as names
from tollbook.clients.bedrock import Bedrock
from tollbook.clients.cohere import RERANK, Cohere
from tollbook.clients.completions import Completions
from tollbook.clients.google import Content
from tollbook.clients.media import Media
from tollbook.clients.messages import Messages
from tollbook.clients.mistral import Ocr
from tollbook.clients.realtime import Realtime
from tollbook.clients.responses import Responses
from tollbook.meter import Api
from tollbook.model_call import Call, Request, Response
from tollbook.price import RATES_PATH, PriceBook
from tollbook.reading import tier_of
from tollbook.span import usage_attributes
from tollbook.tally import Losses
from tollbook_collector.store.client import ClickHouse

CHAT, RESPONSES, MESSAGES, GEMINI = Completions(), Responses(), Messages(), Content()
SDK_BOOK = PriceBook(RATES_PATH, Losses())


def usd(*tokens: tuple[int, str], units: tuple[tuple[int, str], ...] = ()) -> Decimal:
    """Return tokens times USD per million of them, and units times USD for one, summed."""
    per_million = sum((count * Decimal(rate) for count, rate in tokens), Decimal(0))
    return per_million / 1_000_000 + sum((n * Decimal(rate) for n, rate in units), Decimal(0))


@dataclass(frozen=True)
class Formula:
    """A usage in a provider's own words, and its cost."""

    name: str
    api: Api
    provider: str
    model: str
    usage: dict[str, Any]
    cost_usd: Decimal | None
    tier: str = "standard"
    region: str = ""
    at: datetime = NOON
    operation: str = "chat"
    answer: dict[str, Any] = field(default_factory=dict)


CACHED = {
    "prompt_tokens": 10_000,
    "completion_tokens": 2_000,
    "prompt_tokens_details": {"cached_tokens": 6_000, "cache_write_tokens": 1_000},
    "completion_tokens_details": {"reasoning_tokens": 500},
}
CLAUDE = {
    "input_tokens": 2_000,
    "cache_read_input_tokens": 10_000,
    "cache_creation_input_tokens": 8_000,
    "cache_creation": {"ephemeral_5m_input_tokens": 5_000, "ephemeral_1h_input_tokens": 3_000},
    "output_tokens": 1_000,
}
CLAUDE_USD = usd((2_000, "4"), (10_000, "0.2"), (5_000, "5"), (3_000, "8"), (1_000, "20"))
ARGON = {
    "promptTokenCount": 5_000,
    "cachedContentTokenCount": 2_000,
    "candidatesTokenCount": 700,
    "thoughtsTokenCount": 200,
    "totalTokenCount": 5_900,
}
ARGON_USD = usd((3_000, "2"), (2_000, "0.1"), (900, "10"))
SEEK = {"prompt_tokens": 10_000, "prompt_cache_hit_tokens": 4_000, "completion_tokens": 1_000}
GROK = {
    "prompt_tokens": 10_000,
    "prompt_tokens_details": {"cached_tokens": 4_000},
    "completion_tokens": 600,
    "completion_tokens_details": {"reasoning_tokens": 400},
    "total_tokens": 11_000,
}
BEDROCK = {
    "inputTokens": 2_000,
    "cacheReadInputTokens": 10_000,
    "cacheWriteInputTokens": 8_000,
    "cacheDetails": [{"ttl": "5m", "inputTokens": 5_000}, {"ttl": "1h", "inputTokens": 3_000}],
    "outputTokens": 1_000,
}
CONVERSE = Bedrock("chat")
FORMULAS = [
    # OpenAI (reference 3.1): every detail is part of its total.
    Formula(
        "openai_chat_takes_what_was_cached_and_written_out_of_the_prompt",
        CHAT,
        "openai",
        "gpt-6.1-sol",
        CACHED,
        usd((3_000, "2"), (6_000, "0.1"), (1_000, "2.5"), (2_000, "10")),
    ),
    Formula(
        "openai_regional_processing_costs_a_tenth_more",
        CHAT,
        "openai",
        "gpt-6.1-sol",
        CACHED,
        usd((3_000, "2"), (6_000, "0.1"), (1_000, "2.5"), (2_000, "10")) * Decimal("1.1"),
        region="eu",
    ),
    Formula(
        "openai_responses_has_writes_of_30_minutes_and_of_12_hours",
        RESPONSES,
        "openai",
        "gpt-6-sol",
        {
            "input_tokens": 1_000,
            "input_tokens_details": {
                "cached_tokens": 0,
                "cache_write_tokens": 600,
                "cache_write_tokens_details": {"ttl_30m_tokens": 100, "ttl_12h_tokens": 500},
            },
            "output_tokens": 100,
            "output_tokens_details": {"reasoning_tokens": 50},
        },
        usd((400, "2"), (100, "2.5"), (500, "5"), (100, "10")),
    ),
    Formula(
        "openai_writes_of_12_hours_cost_twice_those_of_30_minutes_with_every_model_that_has_them",
        RESPONSES,
        "openai",
        "gpt-6-rosalind",
        {
            "input_tokens": 1_000,
            "input_tokens_details": {
                "cached_tokens": 0,
                "cache_write_tokens": 600,
                "cache_write_tokens_details": {"ttl_30m_tokens": 100, "ttl_12h_tokens": 500},
            },
            "output_tokens": 100,
            "output_tokens_details": {"reasoning_tokens": 50},
        },
        usd((400, "15"), (100, "18.75"), (500, "37.5"), (100, "75")),
    ),
    Formula(
        "openai_above_272000_tokens_of_input_the_whole_call_is_dearer",
        CHAT,
        "openai",
        "gpt-6.1-sol",
        {"prompt_tokens": 300_000, "completion_tokens": 1_000},
        usd((300_000, "4"), (1_000, "15")),
    ),
    Formula(
        "openai_embeddings_have_no_output",
        CHAT,
        "openai",
        "text-embedding-3-small",
        {"prompt_tokens": 1_000, "total_tokens": 1_000},
        usd((1_000, "0.02")),
        operation="embeddings",
    ),
    Formula(
        "openai_images_are_priced_apart_from_text",
        Media("image"),
        "openai",
        "gpt-image-1",
        {
            "input_tokens": 190,
            "input_tokens_details": {"text_tokens": 90, "image_tokens": 100},
            "output_tokens": 4_160,
        },
        usd((90, "5"), (100, "10"), (4_160, "40")),
        operation="generate_content",
    ),
    Formula(
        "openai_transcription_by_duration_is_seconds",
        Media("text"),
        "openai",
        "whisper-1",
        {"type": "duration", "seconds": 61},
        usd(units=((61, "0.0001"),)),
        operation="generate_content",
    ),
    Formula(
        "openai_transcription_by_tokens_is_tokens",
        Media("text"),
        "openai",
        "gpt-4o-transcribe",
        {"type": "tokens", "input_tokens": 1_000, "output_tokens": 100},
        usd((1_000, "2.5"), (100, "10")),
        operation="generate_content",
    ),
    Formula(
        "openai_flex_has_rates_of_its_own",
        CHAT,
        "openai",
        "gpt-6.1-sol",
        CACHED | {"prompt_tokens_details": {"cached_tokens": 6_000}},
        usd((4_000, "1"), (6_000, "0.05"), (2_000, "5")),
        tier="flex",
    ),
    Formula(
        "openai_priority_has_rates_of_its_own",
        CHAT,
        "openai",
        "gpt-6.1-sol",
        CACHED | {"prompt_tokens_details": {"cached_tokens": 6_000}},
        usd((4_000, "4"), (6_000, "0.2"), (2_000, "20")),
        tier="priority",
    ),
    Formula(
        "openai_a_batch_costs_half",
        CHAT,
        "openai",
        "gpt-6.1-sol",
        {"prompt_tokens": 10_000, "completion_tokens": 2_000},
        usd((10_000, "1"), (2_000, "5")),
        tier="batch",
    ),
    Formula(
        "openai_ultrafast_costs_six_times",
        CHAT,
        "openai",
        "gpt-6.1-sol",
        {"prompt_tokens": 10_000, "completion_tokens": 2_000},
        usd((10_000, "12"), (2_000, "60")),
        tier="ultrafast",
    ),
    Formula(
        "openai_a_batch_of_embeddings_costs_half",
        CHAT,
        "openai",
        "text-embedding-3-small",
        {"prompt_tokens": 1_000, "total_tokens": 1_000},
        usd((1_000, "0.01")),
        tier="batch",
        operation="embeddings",
    ),
    Formula(
        "openai_spoken_tokens_have_rates_of_their_own",
        CHAT,
        "openai",
        "gpt-4o-audio-preview",
        {
            "prompt_tokens": 1_000,
            "prompt_tokens_details": {"audio_tokens": 600},
            "completion_tokens": 500,
            "completion_tokens_details": {"audio_tokens": 300},
        },
        usd((400, "2.5"), (600, "40"), (200, "10"), (300, "80")),
    ),
    Formula(
        "openai_realtime_bills_speech_text_and_cache_apart",
        Realtime(),
        "openai",
        "gpt-realtime",
        {
            "input_tokens": 1_000,
            "input_token_details": {"audio_tokens": 600, "text_tokens": 400, "cached_tokens": 0},
            "output_tokens": 500,
            "output_token_details": {"audio_tokens": 300, "text_tokens": 200},
        },
        usd((400, "4"), (600, "32"), (200, "16"), (300, "64")),
    ),
    Formula(
        "openai_a_fine_tune_has_rates_of_its_own",
        CHAT,
        "openai",
        "ft:gpt-4o-mini-2024-07-18:acme::abc123",
        {"prompt_tokens": 10_000, "completion_tokens": 1_000},
        usd((10_000, "0.3"), (1_000, "1.2")),
    ),
    Formula(
        "openai_a_fine_tune_without_a_price_is_not_priced_as_its_base",
        CHAT,
        "openai",
        "ft:gpt-4.1-2025-04-14:acme::abc123",
        {"prompt_tokens": 10_000, "completion_tokens": 1_000},
        None,
    ),
    # Azure (3.5): OpenAI's words, Microsoft's meters.
    Formula(
        "azure_bills_the_model_that_answers",
        CHAT,
        "azure.ai.openai",
        "gpt-4o-2024-08-06",
        {
            "prompt_tokens": 10_000,
            "prompt_tokens_details": {"cached_tokens": 6_000},
            "completion_tokens": 2_000,
        },
        usd((4_000, "2.5"), (6_000, "1.25"), (2_000, "10")),
    ),
    Formula(
        "azure_foundry_has_the_same_meters",
        CHAT,
        "azure.ai.inference",
        "gpt-4o-2024-08-06",
        {"prompt_tokens": 10_000, "completion_tokens": 2_000},
        usd((10_000, "2.5"), (2_000, "10")),
    ),
    Formula(
        "azure_a_data_zone_costs_a_tenth_more",
        CHAT,
        "azure.ai.openai",
        "gpt-4o",
        {"prompt_tokens": 10_000, "completion_tokens": 2_000},
        usd((10_000, "2.75"), (2_000, "11")),
        region="eu",
    ),
    Formula(
        "azure_has_a_context_step",
        CHAT,
        "azure.ai.openai",
        "gpt-6-sol",
        {"prompt_tokens": 300_000, "completion_tokens": 1_000},
        usd((300_000, "4"), (1_000, "15")),
    ),
    Formula(
        "azure_priority_and_batch_are_meters_of_their_own",
        CHAT,
        "azure.ai.openai",
        "gpt-5-mini",
        {"prompt_tokens": 10_000, "completion_tokens": 2_000},
        usd((10_000, "0.45"), (2_000, "3.6")),
        tier="priority",
    ),
    # Anthropic (3.2): the input on the wire is without the cache.
    Formula(
        "anthropic_adds_reads_and_writes_to_the_input",
        MESSAGES,
        "anthropic",
        "claude-opus-5-5",
        CLAUDE,
        CLAUDE_USD,
    ),
    Formula(
        "anthropic_writes_without_a_split_are_of_five_minutes",
        MESSAGES,
        "anthropic",
        "claude-opus-5-5",
        {name: count for name, count in CLAUDE.items() if name != "cache_creation"},
        usd((2_000, "4"), (10_000, "0.2"), (8_000, "5"), (1_000, "20")),
    ),
    Formula(
        "anthropic_a_batch_halves_the_cache_as_well",
        MESSAGES,
        "anthropic",
        "claude-opus-5-5",
        CLAUDE,
        CLAUDE_USD / 2,
        tier="batch",
    ),
    Formula(
        "anthropic_inference_in_the_us_costs_a_tenth_more",
        MESSAGES,
        "anthropic",
        "claude-opus-5-5",
        CLAUDE,
        CLAUDE_USD * Decimal("1.1"),
        region="us",
    ),
    Formula(
        "anthropic_fast_costs_twice",
        MESSAGES,
        "anthropic",
        "claude-opus-5-5",
        CLAUDE,
        CLAUDE_USD * 2,
        tier="fast",
    ),
    Formula(
        "anthropic_searches_cost_a_cent_each",
        MESSAGES,
        "anthropic",
        "claude-opus-5-5",
        CLAUDE | {"server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 5}},
        CLAUDE_USD + 3 * Decimal("0.01"),
    ),
    Formula(
        "anthropic_compaction_is_billed_beside_the_message",
        MESSAGES,
        "anthropic",
        "claude-opus-5-5",
        {
            "input_tokens": 1_000,
            "output_tokens": 100,
            "iterations": [
                {"type": "compaction", "input_tokens": 50_000, "output_tokens": 2_000},
                {"type": "message", "input_tokens": 1_000, "output_tokens": 100},
            ],
        },
        usd((51_000, "4"), (2_100, "20")),
    ),
    Formula(
        "anthropic_old_sonnet_is_dearer_above_200000_tokens",
        MESSAGES,
        "anthropic",
        "claude-sonnet-4-5",
        {"input_tokens": 50_000, "cache_read_input_tokens": 200_000, "output_tokens": 1_000},
        usd((50_000, "6"), (200_000, "0.6"), (1_000, "22.5")),
    ),
    # Google (3.3): thoughts are beside the candidates, the prompt of tools beside the prompt.
    Formula(
        "gemini_adds_thoughts_to_the_output",
        GEMINI,
        "gcp.gemini",
        "gemini-4-argon",
        ARGON,
        ARGON_USD,
    ),
    Formula(
        "gemini_adds_what_tools_put_into_the_prompt",
        GEMINI,
        "gcp.gemini",
        "gemini-4-argon",
        ARGON | {"toolUsePromptTokenCount": 300, "totalTokenCount": 6_200},
        ARGON_USD + usd((300, "2")),
    ),
    Formula(
        "gemini_audio_has_a_rate_of_its_own",
        GEMINI,
        "gcp.gemini",
        "gemini-2.5-flash",
        {
            "promptTokenCount": 5_000,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 2_000},
                {"modality": "AUDIO", "tokenCount": 3_000},
            ],
            "candidatesTokenCount": 900,
            "totalTokenCount": 5_900,
        },
        usd((2_000, "0.3"), (3_000, "1"), (900, "2.5")),
    ),
    Formula(
        "gemini_flex_reads_of_a_cache_cost_what_they_do_elsewhere_with_models_up_to_3_1",
        GEMINI,
        "gcp.gemini",
        "gemini-2.5-pro",
        ARGON,
        usd((3_000, "0.625"), (2_000, "0.125"), (900, "5")),
        tier="flex",
    ),
    Formula(
        "gemini_flex_costs_half",
        GEMINI,
        "gcp.vertex_ai",
        "gemini-4-argon",
        ARGON,
        ARGON_USD / 2,
        tier="flex",
    ),
    Formula(
        "gemini_priority_costs_1_8_times",
        GEMINI,
        "gcp.gemini",
        "gemini-4-argon",
        ARGON,
        ARGON_USD * Decimal("1.8"),
        tier="priority",
    ),
    Formula(
        "gemini_introductory_prices_end",
        GEMINI,
        "gcp.gemini",
        "gemini-4-argon",
        ARGON,
        ARGON_USD * 2,
        at=datetime(2026, 12, 2, 12, tzinfo=UTC),
    ),
    Formula(
        "gemini_above_200000_tokens_of_input_the_whole_call_is_dearer",
        GEMINI,
        "gcp.gemini",
        "gemini-2.5-pro",
        {"promptTokenCount": 250_000, "candidatesTokenCount": 1_000, "totalTokenCount": 251_000},
        usd((250_000, "2.5"), (1_000, "15")),
    ),
    Formula(
        "gemini_a_batch_costs_half",
        GEMINI,
        "gcp.gemini",
        "gemini-4-argon",
        ARGON,
        ARGON_USD / 2,
        tier="batch",
    ),
    Formula(
        "gemini_open_models_are_free_and_not_unknown",
        GEMINI,
        "gcp.gemini",
        "gemma-4-31b-it",
        ARGON,
        Decimal(0),
    ),
    Formula(
        "gemini_a_name_may_be_that_of_a_resource",
        GEMINI,
        "gcp.vertex_ai",
        "projects/p1/locations/global/publishers/google/models/gemini-4-argon",
        ARGON,
        ARGON_USD,
    ),
    Formula(
        "vertex_throughput_that_was_bought_ahead_costs_a_call_nothing_more",
        GEMINI,
        "gcp.vertex_ai",
        "gemini-4-argon",
        ARGON,
        Decimal(0),
        tier="provisioned_throughput",
    ),
    # Bedrock (3.4): like Anthropic, and the scope of the name is part of the price.
    Formula(
        "bedrock_adds_reads_and_writes_to_the_input",
        CONVERSE,
        "aws.bedrock",
        "global.anthropic.claude-opus-5-5",
        BEDROCK,
        CLAUDE_USD,
    ),
    Formula(
        "bedrock_a_geographic_profile_costs_a_tenth_more",
        CONVERSE,
        "aws.bedrock",
        "us.anthropic.claude-opus-5-5",
        BEDROCK,
        CLAUDE_USD * Decimal("1.1"),
    ),
    Formula(
        "bedrock_the_arn_of_a_profile_is_its_name",
        CONVERSE,
        "aws.bedrock",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-5-5",
        BEDROCK,
        CLAUDE_USD * Decimal("1.1"),
    ),
    Formula(
        "bedrock_a_profile_of_ones_own_is_unknown_until_an_alias_names_its_model",
        CONVERSE,
        "aws.bedrock",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6",
        BEDROCK,
        None,
    ),
    Formula(
        "bedrock_a_batch_costs_half",
        CONVERSE,
        "aws.bedrock",
        "amazon.nova-pro-v1:0",
        {"inputTokens": 1_000, "outputTokens": 100},
        usd((1_000, "0.4"), (100, "1.6")),
        tier="batch",
    ),
    Formula(
        "bedrock_flex_costs_half",
        CONVERSE,
        "aws.bedrock",
        "amazon.nova-pro-v1:0",
        {"inputTokens": 1_000, "outputTokens": 100},
        usd((1_000, "0.4"), (100, "1.6")),
        tier="flex",
    ),
    Formula(
        "bedrock_priority_costs_1_75_times",
        CONVERSE,
        "aws.bedrock",
        "amazon.nova-pro-v1:0",
        {"inputTokens": 1_000, "outputTokens": 100},
        usd((1_000, "1.4"), (100, "5.6")),
        tier="priority",
    ),
    # Those of OpenAI's shape (3.6), each with its own habit.
    Formula(
        "mistral_pages_are_units",
        Ocr(),
        "mistral_ai",
        "mistral-ocr-4-1",
        {"pages_processed": 7},
        usd(units=((7, "0.004"),)),
        operation="generate_content",
    ),
    Formula(
        "mistral_seconds_of_audio_are_beside_the_tokens",
        Completions("chat", None, "mistral_ai"),
        "mistral_ai",
        "voxtral-mini-2602",
        {"prompt_audio_seconds": 3_600},
        usd(units=((3_600, "0.00005"),)),
    ),
    Formula(
        "cohere_bills_its_billed_units_and_not_its_tokens",
        Cohere("chat"),
        "cohere",
        "command-a",
        {
            "billed_units": {"input_tokens": 100, "output_tokens": 10},
            "tokens": {"input_tokens": 900, "output_tokens": 20},
        },
        usd((100, "2.5"), (10, "10")),
    ),
    Formula(
        "cohere_ranks_by_the_search",
        RERANK,
        "cohere",
        "rerank-v3.5",
        {"billed_units": {"search_units": 3}},
        usd(units=((3, "0.002"),)),
        operation="rerank",
    ),
    Formula(
        "deepseek_hits_are_part_of_the_prompt",
        CHAT,
        "deepseek",
        "deepseek-v4-pro",
        SEEK,
        usd((6_000, "0.66"), (4_000, "0.022"), (1_000, "1.98")),
    ),
    Formula(
        "deepseek_peak_hours_cost_twice",
        CHAT,
        "deepseek",
        "deepseek-v4-pro",
        SEEK,
        usd((6_000, "1.32"), (4_000, "0.044"), (1_000, "3.96")),
        at=datetime(2026, 11, 20, 2, tzinfo=UTC),
    ),
    Formula(
        "deepseek_the_first_second_of_the_peak_is_dear",
        CHAT,
        "deepseek",
        "deepseek-v4-pro",
        SEEK,
        usd((6_000, "1.32"), (4_000, "0.044"), (1_000, "3.96")),
        at=datetime(2026, 11, 20, 6, tzinfo=UTC),
    ),
    Formula(
        "deepseek_the_first_second_after_the_peak_is_not",
        CHAT,
        "deepseek",
        "deepseek-v4-pro",
        SEEK,
        usd((6_000, "0.66"), (4_000, "0.022"), (1_000, "1.98")),
        at=datetime(2026, 11, 20, 10, tzinfo=UTC),
    ),
    Formula(
        "deepseek_weekends_have_no_peak",
        CHAT,
        "deepseek",
        "deepseek-v4-pro",
        SEEK,
        usd((6_000, "0.66"), (4_000, "0.022"), (1_000, "1.98")),
        at=datetime(2026, 11, 21, 2, tzinfo=UTC),
    ),
    Formula(
        "xai_chat_adds_reasoning_to_the_completion",
        CHAT,
        "x_ai",
        "grok-4.7",
        GROK,
        usd((6_000, "2"), (4_000, "0.5"), (1_000, "6")),
    ),
    Formula(
        "xai_responses_have_the_reasoning_inside",
        RESPONSES,
        "x_ai",
        "grok-4.7",
        {
            "input_tokens": 10_000,
            "input_tokens_details": {"cached_tokens": 4_000},
            "output_tokens": 1_000,
            "output_tokens_details": {"reasoning_tokens": 400},
        },
        usd((6_000, "2"), (4_000, "0.5"), (1_000, "6")),
    ),
    Formula(
        "xai_a_long_context_costs_twice",
        CHAT,
        "x_ai",
        "grok-4.7",
        {"prompt_tokens": 210_000, "completion_tokens": 1_000, "total_tokens": 211_000},
        usd((210_000, "4"), (1_000, "12")),
    ),
    Formula(
        "xai_says_what_it_charges_in_ticks",
        CHAT,
        "x_ai",
        "no-such-grok",
        GROK | {"cost_in_usd_ticks": 123_456_789},
        Decimal("0.0123456789"),
    ),
    Formula(
        "xai_a_batch_costs_a_fifth_less",
        CHAT,
        "x_ai",
        "grok-4.7",
        {"prompt_tokens": 10_000, "completion_tokens": 1_000, "total_tokens": 11_000},
        usd((10_000, "1.6"), (1_000, "4.8")),
        tier="batch",
    ),
    Formula(
        "moonshot_says_what_was_cached_beside_the_details",
        Completions("chat", None, "moonshot_ai"),
        "moonshot_ai",
        "kimi-k3",
        {"prompt_tokens": 10_000, "cached_tokens": 4_000, "completion_tokens": 1_000},
        usd((6_000, "3"), (4_000, "0.3"), (1_000, "15")),
    ),
    Formula(
        "groq_a_batch_costs_half",
        CHAT,
        "groq",
        "openai/gpt-oss-120b",
        {"prompt_tokens": 1_000, "completion_tokens": 100},
        usd((1_000, "0.075"), (100, "0.3")),
        tier="batch",
    ),
    Formula(
        "groq_reads_its_cache_at_half",
        CHAT,
        "groq",
        "openai/gpt-oss-120b",
        {
            "prompt_tokens": 1_000,
            "prompt_tokens_details": {"cached_tokens": 400},
            "completion_tokens": 100,
        },
        usd((600, "0.15"), (400, "0.075"), (100, "0.6")),
    ),
    Formula(
        "openrouter_s_word_is_the_cost",
        CHAT,
        "openrouter",
        "some/model",
        {"prompt_tokens": 100, "completion_tokens": 10, "cost": 0.00014},
        Decimal("0.00014"),
    ),
    Formula(
        "openrouter_with_a_key_of_ones_own_is_its_fee_and_the_upstream_cost",
        CHAT,
        "openrouter",
        "some/model",
        {
            "prompt_tokens": 100,
            "completion_tokens": 10,
            "cost": 0.00001,
            "is_byok": True,
            "cost_details": {"upstream_inference_cost": 0.0002},
        },
        Decimal("0.00021"),
    ),
    Formula(
        "perplexity_adds_citations_and_reasoning_and_bills_searches",
        CHAT,
        "perplexity",
        "sonar-deep-research",
        {
            "prompt_tokens": 100,
            "completion_tokens": 1_000,
            "citation_tokens": 500,
            "reasoning_tokens": 300,
            "num_search_queries": 4,
        },
        usd((600, "2"), (1_000, "8"), (300, "3"), units=((4, "0.005"),)),
    ),
    Formula(
        "perplexity_bills_the_request_by_its_context",
        CHAT,
        "perplexity",
        "sonar",
        {
            "prompt_tokens": 1_000,
            "completion_tokens": 100,
            "num_search_queries": 1,
            "search_context_size": "medium",
        },
        usd((1_000, "1"), (100, "1"), units=((1, "0.008"),)),
    ),
]


def call_of(formula: Formula) -> Call:
    """Return the call that the SDK reads from what the provider said."""
    start_ns = int(formula.at.timestamp()) * 10**9
    usage = formula.api.usage([formula.usage], formula.provider)
    return Call(
        operation=formula.operation,
        api_type=None,
        provider=formula.provider,
        server_address="",
        server_port=None,
        request=Request(model=formula.model),
        response=Response(service_tier=formula.tier, usage=usage, region=formula.region or None),
        trace_id=bytes(16),
        span_id=bytes(8),
        parent_span_id=b"",
        start_time_ns=start_ns,
        end_time_ns=start_ns,
        first_chunk_ns=None,
        error_type=None,
        tags={},
    )


def span_of(formula: Formula, number: int) -> Span:
    """Return the span that it becomes; the cost is there only where the provider said it."""
    call = call_of(formula)
    usage = call.response.usage
    assert usage is not None
    attributes: dict[str, Any] = {
        names.OPERATION_NAME: formula.operation,
        names.PROVIDER_NAME: formula.provider,
        names.REQUEST_MODEL: formula.model,
        names.ANTHROPIC_RESPONSE_SERVICE_TIER: formula.tier,
        **({names.REGION: formula.region} if formula.region else {}),
        **{name: value for name, value in usage_attributes(usage) if value is not None},
    }
    if usage.reported_cost_usd is not None:
        attributes |= {names.COST_USD: usage.reported_cost_usd, names.COST_SOURCE: "provider"}
    return Span(attributes, at=formula.at, name=f"{number:03d}")


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.name)
def test_a_formula_holds_in_the_sdk(formula: Formula) -> None:
    found = SDK_BOOK.cost(call_of(formula))

    assert (found.usd if found else None) == formula.cost_usd


def test_the_formulas_hold_in_sql(priced: ClickHouse, insert: Any, tenant: str) -> None:
    insert(priced, [span_of(formula, number) for number, formula in enumerate(FORMULAS)])

    rows = priced.rows(
        "SELECT cost_usd FROM spans WHERE tenant = {tenant:String} ORDER BY name",
        {"tenant": tenant},
    )
    found = {formula.name: row[0] for formula, row in zip(FORMULAS, rows, strict=True)}
    assert found == {formula.name: formula.cost_usd for formula in FORMULAS}


def test_claude_s_speed_is_the_tier_that_served() -> None:
    facts = MESSAGES.answer({"usage": CLAUDE | {"speed": "fast", "service_tier": "standard"}})

    assert tier_of([facts.usage]) == "fast"
    assert tier_of([CLAUDE | {"speed": "standard", "service_tier": "priority"}]) == "priority"
    assert tier_of([CLAUDE]) is None


def test_realtime_sums_the_usage_of_its_responses() -> None:
    usage = {
        "input_tokens": 100,
        "input_token_details": {"audio_tokens": 60, "text_tokens": 40, "cached_tokens": 0},
        "output_tokens": 50,
        "output_token_details": {"audio_tokens": 30, "text_tokens": 20},
    }

    found = Realtime().usage([usage], "openai")

    assert (found.input_tokens, found.input_audio_tokens) == (100, 60)
    assert (found.output_tokens, found.output_audio_tokens) == (50, 30)
