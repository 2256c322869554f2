"""The OpenAI library's other interfaces, its client for Azure, and others who speak its shape."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

from tollbook.clients.hosts import provider_at

Delivered = Callable[[], list[Any]]
SECRET = "a-word-that-must-not-leave"
MESSAGES: Any = [{"role": "user", "content": SECRET}]


@pytest.fixture
def client(wire: Any) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="k", base_url=f"{wire.url}/v1", max_retries=0) as client:
        yield client


@pytest.fixture
def client_at(wire: Any) -> Callable[[str], openai.OpenAI]:
    """Return a client of a host; its requests go to the server on loopback."""

    def at(host: str) -> openai.OpenAI:
        def to_loopback(request: Any) -> None:
            request.url = type(request.url)(f"{wire.url}{request.url.path}")

        http = openai.DefaultHttpxClient(event_hooks={"request": [to_loopback]})
        return openai.OpenAI(
            api_key="k", base_url=f"http://{host}/v1", http_client=http, max_retries=0
        )

    return at


def chat(usage: Any, **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": SECRET}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "c-1", "object": "chat.completion", "created": 1, "model": "m-1"} | {
        "choices": [choice],
        "usage": usage,
        **more,
    }


def test_embeddings_are_one_span_and_cost_their_input(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    wire.say(
        {
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
            "model": "text-embedding-3-small",
            "usage": {"prompt_tokens": 1000, "total_tokens": 1000},
        }
    )

    client.embeddings.create(model="text-embedding-3-small", input=SECRET, encoding_format="float")

    (span,) = delivered()
    assert span.name == "embeddings text-embedding-3-small"
    assert span.attributes["gen_ai.usage.input_tokens"] == 1000
    assert "gen_ai.usage.output_tokens" not in span.attributes
    assert span.attributes["tollbook.cost_usd"] == "0.00002"  # 1000 * 0.00000002


def test_decisions_are_one_span(client: openai.OpenAI, wire: Any, delivered: Delivered) -> None:
    details = {"cache_write_tokens": 0, "cached_tokens": 1031}
    usage = {"input_tokens": 1207, "input_tokens_details": details, "output_tokens": 5}
    usage |= {"output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 1212}
    answers = [{"type": "predicate", "probability": 0.9}]
    wire.say({"id": "dec_1", "model": "gpt-6-luna", "answers": answers, "usage": usage})

    asked: Any = [{"type": "predicate", "question": SECRET}]
    client.decisions.create(model="gpt-6-luna", input=SECRET, questions=asked)

    (span,) = delivered()
    assert span.name == "generate_content gpt-6-luna"
    assert span.attributes["gen_ai.usage.input_tokens"] == 1207
    assert span.attributes["gen_ai.usage.cache_read.input_tokens"] == 1031
    assert span.attributes["gen_ai.usage.output_tokens"] == 5
    assert SECRET not in repr(span)


def test_a_legacy_completion_is_one_span(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    choice = {"index": 0, "text": SECRET, "finish_reason": "length", "logprobs": None}
    usage = {"prompt_tokens": 11, "completion_tokens": 13, "total_tokens": 24}
    wire.say({**chat(usage), "object": "text_completion", "choices": [choice]})

    client.completions.create(model="gpt-3.5-turbo-instruct", prompt=SECRET)

    (span,) = delivered()
    assert span.name == "text_completion gpt-3.5-turbo-instruct"
    assert span.attributes["gen_ai.usage.output_tokens"] == 13
    assert span.attributes["gen_ai.response.finish_reasons"] == ["length"]


IMAGE_USAGE: Any = {
    "input_tokens": 190,
    "input_tokens_details": {"text_tokens": 90, "image_tokens": 100},
    "output_tokens": 4160,
    "total_tokens": 4350,
}


def test_an_image_is_one_span_and_its_output_is_of_images(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    wire.say({"created": 1, "data": [{"b64_json": "eA=="}], "usage": IMAGE_USAGE})

    client.images.generate(model="gpt-image-1", prompt=SECRET, n=1)

    (span,) = delivered()
    said = span.attributes
    assert span.name == "generate_content gpt-image-1"
    assert said["gen_ai.output.type"] == "image"
    assert said["gen_ai.usage.input_tokens"] == 190
    assert said["gen_ai.usage.image.input_tokens"] == 100
    assert said["gen_ai.usage.image.output_tokens"] == 4160
    # USD for a million tokens: 5 text, 10 images, 40 output:
    # 90 * 0.000005 + 100 * 0.00001 + 4160 * 0.00004
    assert said["tollbook.cost_usd"] == "0.16785"


def test_images_that_say_no_tokens_cost_by_their_quality_and_size(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    said = {"created": 1, "data": 2 * [{"b64_json": "eA=="}]}
    wire.say({**said, "quality": "high", "size": "1024x1024"})
    wire.say(said)

    for _ in range(2):
        client.images.generate(model="gpt-image-1", prompt=SECRET, n=2)

    known, unknown = (span.attributes for span in delivered())
    assert known["tollbook.usage.images"] == 2
    assert known["gen_ai.request.image_quality"] == "high"
    assert known["gen_ai.request.image_size"] == "1024x1024"
    assert known["tollbook.cost_usd"] == "0.334"  # 2 * 0.167
    assert "tollbook.cost_usd" not in unknown


@pytest.mark.parametrize("streamed", [False, True])
def test_tools_of_a_response_are_charged_beside_its_tokens(
    client: openai.OpenAI, wire: Any, delivered: Delivered, streamed: bool
) -> None:
    def search(action: str) -> dict[str, Any]:
        kind = "web_search_call"
        return {"type": kind, "id": action, "status": "completed", "action": {"type": action}}

    code = {
        "type": "code_interpreter_call",
        "id": "i",
        "container_id": "c-1",
        "code": "",
        "outputs": [],
    }
    output = [
        search("search"),
        search("open_page"),
        search("search"),
        {"type": "file_search_call", "id": "f", "queries": ["x"], "status": "completed"},
        *2 * [{**code, "status": "completed"}],
        {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": []},
    ]
    details = {"cached_tokens": 0, "cache_write_tokens": 600}
    details |= {"cache_write_tokens_details": {"ttl_30m_tokens": 100, "ttl_12h_tokens": 500}}
    usage = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
    usage |= {"input_tokens_details": details, "output_tokens_details": {"reasoning_tokens": 0}}
    response = {"id": "r-1", "object": "response", "created_at": 1, "status": "completed"}
    response |= {"model": "gpt-6-sol", "output": output, "usage": usage, "tools": []}
    response |= {"parallel_tool_calls": True, "tool_choice": "auto"}
    if streamed:
        wire.events([{"type": "response.completed", "sequence_number": 1, "response": response}])
    else:
        wire.say(response)

    answer = client.responses.create(model="gpt-6-sol", input=SECRET, stream=streamed)
    if streamed:
        list(answer)

    said = delivered()[0].attributes
    assert said["tollbook.usage.web_search_requests"] == 2
    assert said["tollbook.usage.file_search_requests"] == 1
    assert said["tollbook.usage.code_sessions"] == 1
    # USD for a million tokens: 2 input, 2.5 and 5 written, 10 output; and 0.01, 0.0025 and 0.03:
    # 400 * 0.000002 + 100 * 0.0000025 + 500 * 0.000005 + 100 * 0.00001 + 0.02 + 0.0025 + 0.03
    assert said["tollbook.cost_usd"] == "0.05705"


def test_perplexity_says_its_searches_and_what_they_cost(
    client_at: Any, wire: Any, delivered: Delivered
) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    usage |= {"num_search_queries": 3, "search_context_size": "high"}
    wire.say({**chat(usage), "model": "sonar"})
    wire.say({**chat({**usage, "cost": {"total_cost": 0.0132}}), "model": "sonar"})

    with client_at("api.perplexity.ai") as client:
        for _ in range(2):
            client.chat.completions.create(model="sonar", messages=MESSAGES)

    computed, charged = (span.attributes for span in delivered())
    assert computed["tollbook.usage.web_search_requests"] == 3
    assert computed["tollbook.request.search_context_size"] == "high"
    # USD 1 for a million tokens of both, and 0.012 for a request with much context.
    assert computed["tollbook.cost_usd"] == "0.0131"
    assert charged["tollbook.cost_usd"] == "0.0132"
    assert charged["gen_ai.usage.cost.source"] == "provider"


def test_an_edit_of_an_image_is_a_form_and_one_span(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    wire.say({"created": 1, "data": [{"b64_json": "eA=="}], "usage": IMAGE_USAGE})

    client.images.edit(model="gpt-image-1", image=b"x", prompt=SECRET)

    (span,) = delivered()
    assert span.name == "generate_content gpt-image-1"
    assert span.attributes["gen_ai.usage.output_tokens"] == 4160


def test_a_stream_of_images_has_the_usage_of_its_last_event(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    part = {"type": "image_generation.partial_image", "b64_json": "eA==", "partial_image_index": 0}
    end = {"type": "image_generation.completed", "b64_json": "eA==", "usage": IMAGE_USAGE}
    wire.events([part, end])

    stream = client.images.generate(model="gpt-image-1", prompt=SECRET, stream=True)
    list(stream)

    said = delivered()[0].attributes
    assert said["gen_ai.usage.output_tokens"] == 4160
    assert "tollbook.usage.complete" not in said


@pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")
@pytest.mark.parametrize("remixed", [False, True])
def test_a_video_is_one_call_whose_cost_is_unknown_and_not_zero(
    remixed: bool, client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    wire.say(
        {
            "id": "video_1",
            "object": "video",
            "created_at": 1,
            "model": "sora-2",
            "progress": 0,
            "seconds": "4",
            "size": "720x1280",
            "status": "queued",
        }
    )

    if remixed:
        client.videos.remix("video_0", prompt=SECRET)
    else:
        client.videos.create(model="sora-2", prompt=SECRET, seconds="4")
    client.videos.retrieve("video_1")

    (span,) = delivered()
    assert span.attributes["gen_ai.operation.name"] == "generate_content"
    assert span.attributes["gen_ai.output.type"] == "video"
    assert span.attributes["gen_ai.response.id"] == "video_1"
    assert span.attributes["gen_ai.response.model"] == "sora-2"
    assert span.attributes.get("gen_ai.request.model") == (None if remixed else "sora-2")
    assert not [name for name in span.attributes if "usage" in name or "cost" in name]
    assert SECRET not in repr(span)


RUN: Any = {
    "id": "run_1",
    "object": "thread.run",
    "created_at": 1,
    "assistant_id": "a",
    "thread_id": "t",
    "model": "gpt-4o",
    "instructions": SECRET,
    "status": "queued",
    "tools": [],
    "metadata": {},
    "parallel_tool_calls": True,
    "usage": None,
}


@pytest.mark.filterwarnings("ignore:The Assistants API:DeprecationWarning")
def test_a_streamed_run_of_an_assistant_is_one_call_with_the_usage_of_its_end(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    usage = {"prompt_tokens": 1200, "completion_tokens": 150, "total_tokens": 1350}
    ended = {**RUN, "status": "completed", "usage": usage}
    step = {"id": "s", "object": "thread.run.step", "status": "completed", "usage": usage}
    events = [
        ("thread.run.created", RUN),
        ("thread.run.step.completed", step),
        ("thread.run.completed", ended),
    ]
    wire.stream([f"event: {kind}\ndata: {json.dumps(said)}\n\n".encode() for kind, said in events])

    list(client.beta.threads.runs.create("t", assistant_id="a", stream=True))

    (span,) = delivered()
    assert span.attributes["gen_ai.response.id"] == "run_1"
    assert span.attributes["gen_ai.usage.input_tokens"] == 1200
    assert span.attributes["gen_ai.usage.output_tokens"] == 150
    # USD for a million tokens: 2.50 input, 10 output.
    assert span.attributes["tollbook.cost_usd"] == "0.0045"  # 1200 * 2.5e-6 + 150 * 10e-6
    assert "tollbook.usage.complete" not in span.attributes
    assert SECRET not in repr(span)


@pytest.mark.filterwarnings("ignore:The Assistants API:DeprecationWarning")
def test_a_run_of_an_assistant_that_is_asked_about_is_a_call_of_unknown_usage(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    wire.say(RUN)
    wire.say({**RUN, "status": "completed"})

    client.beta.threads.runs.create("t", assistant_id="a", model="gpt-4o")
    client.beta.threads.runs.retrieve("run_1", thread_id="t")

    (span,) = delivered()
    assert span.name == "chat gpt-4o"
    assert not [name for name in span.attributes if "usage" in name or "cost" in name]


def test_a_transcript_says_its_tokens_or_its_seconds(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    details = {"audio_tokens": 130, "text_tokens": 10}
    tokens = {"type": "tokens", "input_tokens": 140, "input_token_details": details}
    wire.say({"text": SECRET, "usage": {**tokens, "output_tokens": 23, "total_tokens": 163}})
    wire.say({"text": SECRET, "usage": {"type": "duration", "seconds": 61}})

    for model in ("gpt-4o-transcribe", "whisper-1"):
        client.audio.transcriptions.create(model=model, file=("a.wav", b"x"))

    by_token, by_second = (span.attributes for span in delivered())
    assert by_token["gen_ai.usage.input_tokens"] == 140
    assert by_token["gen_ai.usage.audio.input_tokens"] == 130
    assert by_token["gen_ai.usage.output_tokens"] == 23
    assert by_token["gen_ai.output.type"] == "text"
    assert by_second["tollbook.usage.input_audio_seconds"] == 61.0
    assert "gen_ai.usage.input_tokens" not in by_second
    # USD 0.006 for a minute.
    assert by_second["tollbook.cost_usd"] == "0.0061"


def test_speech_costs_its_characters_and_its_bytes_are_the_callers(
    client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    wire.stream([b"RI", b"FF"], "audio/wav")

    said = client.audio.speech.create(model="tts-1", voice="alloy", input=SECRET)

    (span,) = delivered()
    assert said.read() == b"RIFF"
    assert span.name == "generate_content tts-1"
    assert span.attributes["gen_ai.output.type"] == "speech"
    assert span.attributes["tollbook.usage.input_characters"] == len(SECRET)
    assert not [name for name in span.attributes if "tokens" in name]
    # USD 15 for a million characters.
    assert len(SECRET) == 26
    assert span.attributes["tollbook.cost_usd"] == "0.00039"


def test_a_deployment_of_azure_is_of_that_provider(wire: Any, delivered: Delivered) -> None:
    usage = {"prompt_tokens": 11, "completion_tokens": 13, "total_tokens": 24}
    wire.say({**chat(usage), "model": "gpt-4o-2024-08-06"})
    with openai.AzureOpenAI(
        api_key="k", azure_endpoint=wire.url, api_version="2024-10-21", max_retries=0
    ) as client:
        client.chat.completions.create(model="my-deployment", messages=MESSAGES)

    (span,) = delivered()
    assert wire.requests[0][0].startswith("/openai/deployments/my-deployment/chat/completions")
    assert span.attributes["gen_ai.provider.name"] == "azure.ai.openai"
    assert span.attributes["gen_ai.request.model"] == "my-deployment"
    assert span.attributes["gen_ai.response.model"] == "gpt-4o-2024-08-06"


@pytest.mark.parametrize(
    ("host", "port", "provider"),
    [
        ("integrate.api.nvidia.com", 443, "nvidia"),
        ("vllm", 8000, "vllm"),
        ("my-vllm-0.models.svc", 80, "vllm"),
        ("localhost", 11434, "ollama"),
        ("ollama.internal", 443, "ollama"),
        ("nim.internal", 8000, "nim"),
        ("notvllmatall.com", 443, "openai"),
        ("minimum.example.com", 443, "openai"),
    ],
)
def test_a_server_of_ones_own_is_known_by_a_word_of_its_name_or_its_port(
    host: str, port: int, provider: str
) -> None:
    assert provider_at(host, "openai", port) == provider


# What each host says of 120 output tokens of which 20 are reasoning, and 100 input of which 60
# were cached.
USAGES: Any = {
    "openrouter.ai": {
        "prompt_tokens": 100,
        "completion_tokens": 120,
        "total_tokens": 220,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 20},
        "cost": 0.00014,
    },
    "api.groq.com": {
        "prompt_tokens": 100,
        "completion_tokens": 120,
        "total_tokens": 220,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 20},
        "queue_time": 0.1,
    },
    "api.deepseek.com": {
        "prompt_tokens": 100,
        "completion_tokens": 120,
        "total_tokens": 220,
        "prompt_cache_hit_tokens": 60,
        "prompt_cache_miss_tokens": 40,
        "completion_tokens_details": {"reasoning_tokens": 20},
    },
    "api.x.ai": {
        "prompt_tokens": 100,
        "completion_tokens": 100,
        "total_tokens": 220,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 20},
        "cost_in_usd_ticks": 1400000,
    },
    "api.together.xyz": {
        "prompt_tokens": 100,
        "completion_tokens": 120,
        "total_tokens": 220,
        "cached_tokens": 60,
        "completion_tokens_details": {"reasoning_tokens": 20},
    },
    "vllm.internal": {
        "prompt_tokens": 100,
        "completion_tokens": 120,
        "total_tokens": 220,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 20},
    },
    "api.perplexity.ai": {
        "prompt_tokens": 90,
        "citation_tokens": 10,
        "completion_tokens": 100,
        "reasoning_tokens": 20,
        "prompt_tokens_details": {"cached_tokens": 60},
    },
}
PROVIDERS = {
    "openrouter.ai": "openrouter",
    "api.groq.com": "groq",
    "api.deepseek.com": "deepseek",
    "api.x.ai": "x_ai",
    "api.together.xyz": "together_ai",
    "vllm.internal": "vllm",
    "api.perplexity.ai": "perplexity",
}


@pytest.mark.parametrize("host", USAGES)
@pytest.mark.parametrize("streamed", [False, True])
def test_what_a_host_counts_in_its_own_way_becomes_inclusive_totals(
    host: str, streamed: bool, client_at: Any, wire: Any, delivered: Delivered
) -> None:
    usage = USAGES[host]
    if streamed:
        delta = {"index": 0, "delta": {"content": "x"}, "finish_reason": None}
        end = {"index": 0, "delta": {}, "finish_reason": "stop"}
        said = {"usage": None, "x_groq": {"usage": usage}} if "groq" in host else {"usage": usage}
        last = {**chat(None), "choices": [end], **said}
        wire.events([{**chat(None), "choices": [delta]}, last], done=True)
    else:
        wire.say(chat(usage))

    with client_at(host) as client:
        answer = client.chat.completions.create(model="m-1", messages=MESSAGES, stream=streamed)
        if streamed:
            list(answer)

    said = delivered()[0].attributes
    assert said["gen_ai.provider.name"] == PROVIDERS[host]
    assert said["server.address"] == host
    assert said["gen_ai.usage.input_tokens"] == 100
    assert said["gen_ai.usage.cache_read.input_tokens"] == 60
    assert said["gen_ai.usage.output_tokens"] == 120
    assert said["gen_ai.usage.reasoning.output_tokens"] == 20
    assert "tollbook.usage.complete" not in said
    if host in ("openrouter.ai", "api.x.ai"):
        assert said["tollbook.cost_usd"] == "0.00014"
        assert said["gen_ai.usage.cost.source"] == "provider"
        assert "tollbook.price_id" not in said


def test_reasoning_that_is_in_xais_total_already_is_not_added_again(
    client_at: Any, wire: Any, delivered: Delivered
) -> None:
    usage = {**USAGES["api.x.ai"], "completion_tokens": 120}
    wire.say(chat(usage))

    with client_at("api.x.ai") as client:
        client.chat.completions.create(model="grok-4", messages=MESSAGES)

    assert delivered()[0].attributes["gen_ai.usage.output_tokens"] == 120


def test_with_a_key_of_ones_own_openrouters_fee_is_not_all_that_is_paid(
    client_at: Any, wire: Any, delivered: Delivered
) -> None:
    usage = {**USAGES["openrouter.ai"], "is_byok": True}
    wire.say(chat({**usage, "cost_details": {"upstream_inference_cost": 0.0028}}))
    wire.say(chat(usage))

    with client_at("openrouter.ai") as client:
        for _ in range(2):
            client.chat.completions.create(model="m-1", messages=MESSAGES)

    known, unknown = (span.attributes for span in delivered())
    assert known["tollbook.cost_usd"] == "0.00294"  # 0.00014 + 0.0028
    assert "tollbook.cost_usd" not in unknown


def test_a_cumulative_usage_in_every_chunk_is_not_summed(
    client_at: Any, wire: Any, delivered: Delivered
) -> None:
    delta = {"index": 0, "delta": {"content": "x"}, "finish_reason": None}
    usages = [
        {"prompt_tokens": 100, "completion_tokens": count, "total_tokens": 100 + count}
        for count in (1, 2, 3)
    ]
    wire.events([{**chat(usage), "choices": [delta]} for usage in usages], done=True)

    with client_at("vllm.internal") as client:
        list(client.chat.completions.create(model="m", messages=MESSAGES, stream=True))

    said = delivered()[0].attributes
    assert said["gen_ai.usage.output_tokens"] == 3


@pytest.mark.parametrize("usage", [{"prompt_tokens": -5}, {"prompt_tokens": "many"}, 7, [], None])
def test_a_usage_that_makes_no_sense_is_left_out(
    usage: Any, client: openai.OpenAI, wire: Any, delivered: Delivered
) -> None:
    wire.say(chat(usage))

    client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

    (span,) = delivered()
    assert not [name for name in span.attributes if "gen_ai.usage" in name or "cost" in name]
