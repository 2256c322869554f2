"""Every name that a span of ours carries, for agent and collector alike.

Names are those of the OpenTelemetry GenAI conventions (semantic-conventions-genai, development
status, read 2026-11); `tollbook.` prefixes what the conventions have no name for. Totals are
inclusive: cached and cache-write tokens are part of the input, reasoning tokens of the output.
"""

from typing import Final

# What was called.
OPERATION_NAME: Final = "gen_ai.operation.name"  # string: chat, embeddings, …
PROVIDER_NAME: Final = "gen_ai.provider.name"  # string: openai, anthropic, …
REQUEST_MODEL: Final = "gen_ai.request.model"  # string
REQUEST_STREAM: Final = "gen_ai.request.stream"  # bool, only when true
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"  # int
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"  # double
REQUEST_TOP_P: Final = "gen_ai.request.top_p"  # double
REQUEST_CHOICE_COUNT: Final = "gen_ai.request.choice.count"  # int, only when not 1
REQUEST_SEED: Final = "gen_ai.request.seed"  # int
REQUEST_REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"  # string
CONVERSATION_ID: Final = "gen_ai.conversation.id"  # string
OUTPUT_TYPE: Final = "gen_ai.output.type"  # string: image, speech, text, where it was asked for
SERVER_ADDRESS: Final = "server.address"  # string
SERVER_PORT: Final = "server.port"  # int

# What came back.
RESPONSE_ID: Final = "gen_ai.response.id"  # string
RESPONSE_MODEL: Final = "gen_ai.response.model"  # string
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"  # string[]
RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"  # double, seconds
ERROR_TYPE: Final = "error.type"  # string
RESEND_COUNT: Final = "http.request.resend_count"  # int, only when not 0
OPENAI_API_TYPE: Final = "openai.api.type"  # string: chat_completions, responses
OPENAI_REQUEST_SERVICE_TIER: Final = "openai.request.service_tier"  # string, if not auto
OPENAI_RESPONSE_SERVICE_TIER: Final = "openai.response.service_tier"  # string
# Also of other providers than Anthropic: the conventions have no name for their tiers.
ANTHROPIC_RESPONSE_SERVICE_TIER: Final = "anthropic.response.service_tier"  # string

# Usage, in tokens.
USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"  # int, inclusive total
USAGE_CACHE_READ_INPUT_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"  # int, of the input
USAGE_CACHE_WRITE_INPUT_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"  # int, of the input
# The name before the conventions' change of August 2026; nine dialects still send it.
USAGE_CACHE_CREATION_INPUT_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
# The split of Anthropic's cache writes by lifetime, in the names of its own SDK's spans.
USAGE_CACHE_WRITE_5M_INPUT_TOKENS: Final = (
    "anthropic.usage.cache_creation.ephemeral_5m_input_tokens"
)
USAGE_CACHE_WRITE_1H_INPUT_TOKENS: Final = (
    "anthropic.usage.cache_creation.ephemeral_1h_input_tokens"
)
USAGE_AUDIO_INPUT_TOKENS: Final = "gen_ai.usage.audio.input_tokens"  # int, of the input
USAGE_IMAGE_INPUT_TOKENS: Final = "gen_ai.usage.image.input_tokens"  # int, of the input
USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"  # int, inclusive total
USAGE_REASONING_OUTPUT_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"  # int, of the output
USAGE_AUDIO_OUTPUT_TOKENS: Final = "gen_ai.usage.audio.output_tokens"  # int, of the output
USAGE_IMAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.image.output_tokens"  # int, of the output
# What is billed beside tokens.
USAGE_INPUT_AUDIO_SECONDS: Final = "tollbook.usage.input_audio_seconds"  # double
USAGE_WEB_SEARCH_REQUESTS: Final = "tollbook.usage.web_search_requests"  # int
USAGE_FILE_SEARCH_REQUESTS: Final = "tollbook.usage.file_search_requests"  # int
USAGE_CODE_SESSIONS: Final = "tollbook.usage.code_sessions"  # int, containers that code ran in
USAGE_SEARCH_UNITS: Final = "tollbook.usage.search_units"  # int, of a ranking
USAGE_INPUT_CHARACTERS: Final = "tollbook.usage.input_characters"  # int, that were spoken
USAGE_IMAGES: Final = "tollbook.usage.images"  # int, that were made
USAGE_PAGES: Final = "tollbook.usage.pages"  # int, that were read
# What the price of a unit depends on; the conventions have no names, the first two are OpenLIT's.
REQUEST_IMAGE_QUALITY: Final = "gen_ai.request.image_quality"  # string
REQUEST_IMAGE_SIZE: Final = "gen_ai.request.image_size"  # string: 1024x1024
REQUEST_SEARCH_CONTEXT_SIZE: Final = "tollbook.request.search_context_size"  # string: low, high
# False when the stream ended before the provider had reported the whole usage.
USAGE_COMPLETE: Final = "tollbook.usage.complete"  # bool, only when false
# True when the provider said no usage, and what is here was counted from the text by tollbook.
USAGE_ESTIMATED: Final = "tollbook.usage.estimated"  # bool, only when true
# Where a model in the process computes.
DEVICE: Final = "tollbook.device"  # string: cpu, cuda:0, …
# Where the call was processed, as the answer or the host says.
REGION: Final = "tollbook.region"  # string

# Content, only where a program has chosen that it may leave: JSON of messages and their parts.
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"  # string
INPUT_MESSAGES: Final = "gen_ai.input.messages"  # string
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"  # string
# A keyed digest of model and prompt, the same for the same question.
PROMPT_DIGEST: Final = "tollbook.prompt.digest"  # string, 32 hexadecimal digits

# Cost as the caller saw it: the draft of semantic-conventions-genai, pull request 443.
COST_AMOUNT: Final = "gen_ai.usage.cost.amount"  # double, in the currency
COST_CURRENCY: Final = "gen_ai.usage.cost.currency"  # string, ISO 4217
COST_SOURCE: Final = "gen_ai.usage.cost.source"  # string: provider, local
# The same amount without rounding, and the rate that it was computed with.
COST_USD: Final = "tollbook.cost_usd"  # string, a decimal
PRICE_ID: Final = "tollbook.price_id"  # string

# Who it was for: `tollbook.tags.team` is the tag `team`.
TAG_PREFIX: Final = "tollbook.tags."

USER_ID: Final = "user.id"  # string, the tag `user`
SESSION_ID: Final = "session.id"  # string, the tag `session`

# The agent task that a call belongs to; on the task's own span and on those of its calls.
RUN_ID: Final = "tollbook.run.id"  # string, 32 hexadecimal digits unless the program gave one
RUN_NAME: Final = "tollbook.run.name"  # string
AGENT_NAME: Final = "gen_ai.agent.name"  # string, on the task's span
TOOL_NAME: Final = "gen_ai.tool.name"  # string, on the span of a tool
WORKFLOW_NAME: Final = "gen_ai.workflow.name"  # string, on the span of a step

# A score, on a span of its own: the call is long sent when its outcome is known.
EVALUATION_NAME: Final = "gen_ai.evaluation.name"  # string
EVALUATION_SCORE_VALUE: Final = "gen_ai.evaluation.score.value"  # double
EVALUATION_SCORE_LABEL: Final = "gen_ai.evaluation.score.label"  # string
EVALUATION_EXPLANATION: Final = "gen_ai.evaluation.explanation"  # string
# What a prompt and an answer are about, as vectors of yours, for drift: double[], on any span.
PROMPT_EMBEDDING: Final = "tollbook.prompt.embedding"
ANSWER_EMBEDDING: Final = "tollbook.answer.embedding"

# What the SDK lost, on a span of its own: counts since the process began, so that one report that
# arrives stands for all before it. `tollbook.report.lost.queue_full` is the reason `queue_full`.
REPORT_SEQUENCE: Final = "tollbook.report.sequence"  # int, from 1 in each process
REPORT_ENDED: Final = "tollbook.report.ended"  # int, spans that ended
REPORT_DELIVERED: Final = "tollbook.report.delivered"  # int, spans that were acknowledged
REPORT_LOST_PREFIX: Final = "tollbook.report.lost."  # int each

# Resource attributes.
SERVICE_NAME: Final = "service.name"  # string
DEPLOYMENT_ENVIRONMENT_NAME: Final = "deployment.environment.name"  # string

# The instrumentation scope of our spans.
SCOPE_NAME: Final = "tollbook"
