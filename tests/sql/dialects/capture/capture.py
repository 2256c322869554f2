"""Runs an instrumented library against the local provider and prints its spans as a fixture.

    python capture.py openinference openinference.json

Each library is installed into an environment of its own, beside opentelemetry-sdk, openai and
anthropic; `LIBRARIES` names what is run. Ids, times and paths of a span are left out.
"""

import importlib.metadata
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from server import provider

os.environ.setdefault("OPENAI_API_KEY", "none")
os.environ.setdefault("ANTHROPIC_API_KEY", "none")
OPENAI, ANTHROPIC, GEMINI = "gpt-6.1-sol", "claude-opus-5-5", "gemini-4-argon"
QUESTION: list[Any] = [{"role": "user", "content": "Is it so?"}]


def openai_calls(url: str, embed: bool = True) -> None:
    import openai

    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none")
    client.chat.completions.create(model=OPENAI, messages=QUESTION)
    stream = client.chat.completions.create(
        model=OPENAI, messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    for _ in stream:
        pass
    client.responses.create(model=OPENAI, input="Is it so?")
    if embed:
        client.embeddings.create(model="text-embedding-3-small", input="text")


def anthropic_calls(url: str) -> None:
    import anthropic

    client = anthropic.Anthropic(base_url=url, api_key="none")
    client.messages.create(model=ANTHROPIC, max_tokens=1024, messages=QUESTION)


def openinference(url: str, tracers: TracerProvider) -> None:
    from openinference.instrumentation import using_attributes
    from openinference.instrumentation.anthropic import AnthropicInstrumentor
    from openinference.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=tracers)
    AnthropicInstrumentor().instrument(tracer_provider=tracers)
    with using_attributes(
        session_id="s1", user_id="u1", metadata={"team": "search"}, tags=["beta"]
    ):
        openai_calls(url)
        anthropic_calls(url)


def openllmetry(url: str, tracers: TracerProvider) -> None:
    from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor
    from traceloop.sdk import Traceloop
    from traceloop.sdk.decorators import workflow

    os.environ["TRACELOOP_TELEMETRY"] = "false"
    exporter = CAPTURED
    Traceloop.init(app_name="x", disable_batch=True, exporter=exporter, telemetry_enabled=False)
    for instrumentor in (OpenAIInstrumentor(), AnthropicInstrumentor()):
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument()
    Traceloop.set_association_properties({"user_id": "u1", "session_id": "s1", "team": "search"})

    @workflow(name="answer")  # type: ignore[untyped-decorator]
    def answer() -> None:
        openai_calls(url)
        anthropic_calls(url)

    answer()


def opentelemetry_genai(url: str, tracers: TracerProvider) -> None:
    from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=tracers)
    AnthropicInstrumentor().instrument(tracer_provider=tracers)
    openai_calls(url)
    anthropic_calls(url)


def opentelemetry_old(url: str, tracers: TracerProvider) -> None:
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=tracers)
    openai_calls(url)


def openlit(url: str, tracers: TracerProvider) -> None:
    import openlit as library

    library.init(disable_metrics=True, otlp_endpoint=url, disable_batch=True)
    given = trace.get_tracer_provider()
    given.add_span_processor(SimpleSpanProcessor(CAPTURED))  # type: ignore[attr-defined]
    openai_calls(url)
    anthropic_calls(url)


def langfuse(url: str, tracers: TracerProvider) -> None:
    from langfuse import Langfuse, propagate_attributes
    from langfuse.openai import OpenAI

    client = Langfuse(public_key="pk", secret_key="sk", host=url, tracer_provider=tracers)
    with propagate_attributes(user_id="u1", session_id="s1", tags=["beta"], metadata={"team": "x"}):
        calls = OpenAI(base_url=f"{url}/v1", api_key="none")
        calls.chat.completions.create(model=OPENAI, messages=QUESTION)
        with client.start_as_current_observation(
            as_type="generation", name="own", model=ANTHROPIC
        ) as generation:
            generation.update(
                usage_details={
                    "input": 2_000,
                    "input_cache_read": 10_000,
                    "input_cache_creation": 8_000,
                    "output": 1_000,
                },
                cost_details={"input": 0.06, "output": 0.02, "total": 0.08},
            )
    client.flush()


def pydantic_ai(url: str, tracers: TracerProvider) -> None:
    from pydantic_ai import Agent
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.models.instrumented import InstrumentationSettings
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.anthropic import AnthropicProvider
    from pydantic_ai.providers.openai import OpenAIProvider

    settings = InstrumentationSettings(tracer_provider=tracers)
    Agent.instrument_all(settings)
    openai_model = OpenAIChatModel(
        OPENAI, provider=OpenAIProvider(base_url=f"{url}/v1", api_key="none")
    )
    Agent(openai_model, name="answerer").run_sync("Is it so?")
    anthropic_model = AnthropicModel(
        ANTHROPIC, provider=AnthropicProvider(base_url=url, api_key="none")
    )
    Agent(anthropic_model).run_sync("Is it so?")


def litellm(url: str, tracers: TracerProvider) -> None:
    import litellm as library
    from litellm.integrations.opentelemetry import OpenTelemetry, OpenTelemetryConfig

    configuration = OpenTelemetryConfig(exporter=CAPTURED)
    library.callbacks = [OpenTelemetry(configuration, tracer_provider=tracers)]
    library.completion(
        model=f"openai/{OPENAI}",
        messages=QUESTION,
        api_base=f"{url}/v1",
        api_key="none",
        metadata={"team": "search", "user_api_key_hash": "h1"},
        user="u1",
    )
    library.completion(
        model=f"anthropic/{ANTHROPIC}", messages=QUESTION, api_base=url, api_key="none"
    )
    import time

    for _ in range(100):
        if len(CAPTURED.get_finished_spans()) >= 2:
            break
        time.sleep(0.1)


def litellm_v2(url: str, tracers: TracerProvider) -> None:
    import asyncio

    import litellm as library
    from litellm.integrations.otel.logger import OpenTelemetryV2

    library.callbacks = [OpenTelemetryV2(tracer_provider=tracers)]

    async def ask() -> None:
        await library.acompletion(
            model=f"openai/{OPENAI}",
            messages=QUESTION,
            api_base=f"{url}/v1",
            api_key="none",
            metadata={"team": "search"},
            user="u1",
        )
        await library.acompletion(
            model=f"anthropic/{ANTHROPIC}", messages=QUESTION, api_base=url, api_key="none"
        )
        for _ in range(100):
            if len(CAPTURED.get_finished_spans()) >= 2:
                break
            await asyncio.sleep(0.1)

    asyncio.run(ask())


def google_adk(url: str, tracers: TracerProvider) -> None:
    import asyncio

    trace.set_tracer_provider(tracers)
    os.environ.update(GOOGLE_API_KEY="none", GOOGLE_GEMINI_BASE_URL=url)
    from google.adk.agents import LlmAgent
    from google.adk.runners import InMemoryRunner
    from google.genai import types

    agent = LlmAgent(name="answerer", model=GEMINI, instruction="Answer.")
    runner = InMemoryRunner(agent=agent, app_name="answers")

    async def ask() -> None:
        session = await runner.session_service.create_session(app_name="answers", user_id="u1")
        question = types.Content(role="user", parts=[types.Part(text="Is it so?")])
        async for _ in runner.run_async(user_id="u1", session_id=session.id, new_message=question):
            pass

    asyncio.run(ask())


def xai(url: str, tracers: TracerProvider) -> None:
    from concurrent.futures import ThreadPoolExecutor

    import grpc
    from xai_sdk import Client
    from xai_sdk.chat import user
    from xai_sdk.proto import chat_pb2, chat_pb2_grpc, sample_pb2, usage_pb2

    class Chat(chat_pb2_grpc.ChatServicer):  # type: ignore[misc]
        def GetCompletion(self, request: Any, context: Any) -> Any:  # noqa: N802
            answer = chat_pb2.GetChatCompletionResponse(id="r1", model=request.model)
            output = answer.outputs.add(finish_reason=sample_pb2.REASON_STOP)
            output.message.role = chat_pb2.ROLE_ASSISTANT
            output.message.content = "Yes."
            answer.usage.CopyFrom(
                usage_pb2.SamplingUsage(
                    prompt_tokens=10_000,
                    prompt_text_tokens=10_000,
                    cached_prompt_text_tokens=4_000,
                    completion_tokens=600,
                    reasoning_tokens=400,
                    total_tokens=11_000,
                    cost_in_usd_ticks=200_000_000,
                )
            )
            return answer

    trace.set_tracer_provider(tracers)
    server = grpc.server(ThreadPoolExecutor())
    chat_pb2_grpc.add_ChatServicer_to_server(Chat(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    client = Client(api_key="none", api_host=f"127.0.0.1:{port}", use_insecure_channel=True)
    client.chat.create(model="grok-4.7", messages=[user("Is it so?")]).sample()
    server.stop(None)


def langsmith(url: str, tracers: TracerProvider) -> None:
    import openai
    from langsmith import Client, traceable
    from langsmith.wrappers import wrap_openai

    trace.set_tracer_provider(tracers)
    os.environ.update(
        LANGSMITH_TRACING="true", LANGSMITH_OTEL_ENABLED="true", LANGSMITH_OTEL_ONLY="true"
    )
    library = Client(api_url=url, api_key="none", otel_enabled=True)
    client = wrap_openai(
        openai.OpenAI(base_url=f"{url}/v1", api_key="none"),
        tracing_extra={"client": library, "metadata": {"team": "search"}, "tags": ["beta"]},
    )

    @traceable(client=library)
    def answer() -> None:
        client.chat.completions.create(model=OPENAI, messages=QUESTION)

    answer()
    library.flush()


def haystack(url: str, tracers: TracerProvider) -> None:
    from haystack import Pipeline, tracing
    from haystack.components.generators.chat import OpenAIChatGenerator
    from haystack.dataclasses import ChatMessage
    from haystack.utils import Secret
    from haystack_integrations.tracing.opentelemetry import OpenTelemetryTracer

    tracing.tracer.is_content_tracing_enabled = True
    tracing.enable_tracing(OpenTelemetryTracer(tracers.get_tracer("haystack")))
    pipeline = Pipeline()
    generator = OpenAIChatGenerator(
        model=OPENAI, api_key=Secret.from_token("none"), api_base_url=f"{url}/v1"
    )
    pipeline.add_component("llm", generator)
    pipeline.run({"llm": {"messages": [ChatMessage.from_user("Is it so?")]}})


def anthropic_native(url: str, tracers: TracerProvider) -> None:
    trace.set_tracer_provider(tracers)
    anthropic_calls(url)


def crewai(url: str, tracers: TracerProvider) -> None:
    from crewai import LLM, Agent, Crew, Task
    from crewai.telemetry.tracing import telemetry_session

    llm = LLM(model=f"openai/{OPENAI}", base_url=f"{url}/v1", api_key="none")
    agent = Agent(role="answerer", goal="answer", backstory="none", llm=llm)
    task = Task(description="Is it so?", expected_output="yes", agent=agent)
    with telemetry_session("k1", "answers", [CAPTURED]):
        Crew(agents=[agent], tasks=[task]).kickoff()


def mistral(url: str, tracers: TracerProvider) -> None:
    trace.set_tracer_provider(tracers)
    from mistralai.client import Mistral
    from mistralai.extra.observability.telemetry import configure_telemetry

    client = Mistral(api_key="none", server_url=url)
    configure_telemetry(client, provider="global")
    client.chat.complete(model="mistral-large-2512", messages=QUESTION)


# What is run, and the packages whose versions the fixture names.
LIBRARIES: dict[str, tuple[Callable[[str, TracerProvider], None], list[str]]] = {
    "openinference": (
        openinference,
        ["openinference-instrumentation-openai", "openinference-instrumentation-anthropic"],
    ),
    "openllmetry": (
        openllmetry,
        [
            "traceloop-sdk",
            "opentelemetry-instrumentation-openai",
            "opentelemetry-instrumentation-anthropic",
        ],
    ),
    "opentelemetry": (
        opentelemetry_genai,
        [
            "opentelemetry-instrumentation-genai-openai",
            "opentelemetry-instrumentation-genai-anthropic",
        ],
    ),
    "opentelemetry_old": (opentelemetry_old, ["opentelemetry-instrumentation-openai-v2"]),
    "openlit": (openlit, ["openlit"]),
    "langfuse": (langfuse, ["langfuse"]),
    "pydantic_ai": (pydantic_ai, ["pydantic-ai-slim"]),
    "litellm": (litellm, ["litellm"]),
    "litellm_v2": (litellm_v2, ["litellm"]),
    "google_adk": (google_adk, ["google-adk"]),
    "google_adk_1": (google_adk, ["google-adk"]),
    "xai": (xai, ["xai-sdk"]),
    "langsmith": (langsmith, ["langsmith"]),
    "haystack": (haystack, ["haystack-ai"]),
    "anthropic": (anthropic_native, ["anthropic"]),
    "crewai": (crewai, ["crewai"]),
    "mistral": (mistral, ["mistralai"]),
}
CAPTURED = InMemorySpanExporter()


def plain(span: ReadableSpan) -> dict[str, Any]:
    """Return what a fixture keeps of a span."""
    attributes = dict(span.attributes or {})
    scope = span.instrumentation_scope
    return {
        "name": span.name,
        "kind": span.kind.value + 1,
        "scope": scope.name if scope else "",
        "attributes": {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in sorted(attributes.items())
        },
    }


def main() -> None:
    """Capture the library that the first argument names."""
    name = sys.argv[1]
    run, packages = LIBRARIES[name]
    if name == "litellm_v2":
        os.environ["LITELLM_OTEL_V2"] = "true"
    if name == "google_adk_1":
        os.environ["ADK_TELEMETRY_SCHEMA_VERSION_OPT_IN"] = "1"
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(CAPTURED))
    with provider() as url:
        run(url, tracers)
    versions = [f"{package} {importlib.metadata.version(package)}" for package in packages]
    spans = [plain(span) for span in CAPTURED.get_finished_spans()]
    Path(sys.argv[2]).write_text(json.dumps({"run": versions, "spans": spans}, indent=1))


if __name__ == "__main__":
    main()
