"""The Google Gen AI library: content and embeddings, of the Gemini API and of Vertex AI."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType, ModuleType
from typing import Any, Final

from tollbook.clients.field import (
    Beside,
    field,
    first_count,
    latest,
    token_count,
    total_count,
)
from tollbook.ends import Ends
from tollbook.export import Exporter
from tollbook.meter import Asked, Facts, Meter, Observation
from tollbook.model_call import Usage
from tollbook.process import Process
from tollbook.resent import RESENT, sent_again
from tollbook.stream import Watch, tap_of, tapped_when_read
from tollbook.tally import FAULT, Losses

# What Vertex calls the ways that it serves a call, and the service tiers that they are.
TIERS: Final = MappingProxyType(
    {
        "ON_DEMAND_PRIORITY": "priority",
        "ON_DEMAND_FLEX": "flex",
        "PROVISIONED_THROUGHPUT": "provisioned_throughput",
    }
)

CHUNK_CHARS_MAX: Final = 2**16  # of a chunk that waits for the export thread
SEARCHED: Final = '"groundingMetadata"'


@dataclass(frozen=True)
class Content:
    """Generated content, whole or streamed; the usage of a stream is cumulative in every chunk."""

    provider: str = "gcp.gemini"
    operation: str = "generate_content"
    api_type: str | None = None
    complete_at_end: bool = True

    @property
    def ends(self) -> Ends:
        """How the chunks of a stream are kept, of which each has the id and the model."""
        return Ends(repeat=True, as_text=True, keeping=self.keeping, read=self.kept)

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Return the plain values of a request body."""
        config = body.get("generationConfig")
        get = config.get if type(config) is dict else {}.get
        return Asked(
            max_tokens=get("maxOutputTokens"),
            temperature=get("temperature"),
            top_p=get("topP"),
            choice_count=get("candidateCount"),
            seed=get("seed"),
            reasoning_level=field(get("thinkingConfig"), "thinkingLevel"),
            service_tier=body.get("serviceTier"),
        )

    def answer(self, answer: Any) -> Facts:
        """Return the facts of an answer or of a chunk of one."""
        usage = field(answer, "usageMetadata")
        reasons = tuple(
            (field(candidate, "index") or 0, reason)
            for candidate in field(answer, "candidates") or ()
            if (reason := field(candidate, "finishReason")) is not None
        )
        blocked = field(field(answer, "promptFeedback"), "blockReason")
        return Facts(
            field(answer, "responseId"),
            field(answer, "modelVersion"),
            field(usage, "serviceTier") or TIERS.get(field(usage, "trafficType") or ""),
            with_searches(usage, answer),
            reasons or (((0, blocked),) if blocked is not None else ()),
            usage is not None and bool(reasons or blocked),
        )

    def event(self, event: Any, first: bool) -> Facts | None:
        """Return the facts of a chunk: the library's, or what its text says, decoded."""
        return self.answer(event) if type(event) is dict else self.said(event.body, first)

    def kept(self, kept: str | Facts, first: bool) -> Facts | None:
        """Return the facts of a chunk by what was kept of it."""
        return kept if isinstance(kept, Facts) else self.said(kept, first)

    def said(self, text: str, first: bool = False) -> Facts | None:
        """Return the facts of a chunk's text, of which only the first and the last ones have any.

        What has no usage and no finish reason is not decoded.
        """
        if not first and '"usageMetadata"' not in text and '"finishReason"' not in text:
            return None
        return self.answer(json.loads(text))

    def keeping(
        self, keep: Callable[[Any], None], read: Callable[[Any], None], losses: Losses
    ) -> Callable[[Any], None]:
        """Return what keeps the text of a chunk, and only the facts of one with a picture.

        The searches that ground an answer need not be in one of its last chunks: they are read.
        """

        def see(chunk: Any) -> None:
            try:
                text = chunk.body
                if SEARCHED in text:
                    read(chunk)
                keep(text if len(text) <= CHUNK_CHARS_MAX else self.said(text) or Facts())
            except Exception:
                losses.count(FAULT)

        return see

    def usage(self, usages: Sequence[Any], provider: str) -> Usage:
        """Return the tokens, with totals made inclusive.

        On the wire the thoughts are beside the candidates, and what tools put into the prompt is
        beside the prompt. A count of zero is left out there, but the total tells it apart from one
        that was not said.
        """
        prompt = token_count(latest(usages, "promptTokenCount"))
        tool_use = token_count(latest(usages, "toolUsePromptTokenCount"))
        total = token_count(latest(usages, "totalTokenCount"))
        thoughts = token_count(latest(usages, "thoughtsTokenCount"))
        output = total_count(
            first_count(
                latest(usages, "candidatesTokenCount"), latest(usages, "responseTokenCount")
            ),
            thoughts,
        )
        inputs = total_count(prompt, tool_use) if prompt is not None else None
        if output is None and total is not None and inputs is not None:
            output = max(total - inputs, 0)
        cached_audio = of_modality(usages, "AUDIO", "cacheTokensDetails") or 0
        audio = of_modality(usages, "AUDIO", "promptTokensDetails", "toolUsePromptTokensDetails")
        return Usage(
            input_tokens=inputs,
            cache_read_tokens=token_count(latest(usages, "cachedContentTokenCount")),
            input_audio_tokens=max(audio - cached_audio, 0) if audio is not None else None,
            output_tokens=output,
            reasoning_tokens=thoughts,
            web_search_requests=token_count(latest(usages, "web_searches")),
            output_audio_tokens=of_modality(usages, "AUDIO", *OUTPUT_DETAILS),
            output_image_tokens=of_modality(usages, "IMAGE", *OUTPUT_DETAILS),
        )


def with_searches(usage: Any, answer: Any) -> Any:
    """Return a usage with the searches that ground an answer, as they are charged.

    Models before the third are charged once for an answer that is grounded, later ones for each
    search.
    """
    queries = [
        query
        for candidate in field(answer, "candidates") or ()
        for query in field(field(candidate, "groundingMetadata"), "webSearchQueries") or ()
    ]
    if usage is None or not queries:
        return usage
    model = field(answer, "modelVersion") or ""
    by_answer = any(name in model for name in ("gemini-1", "gemini-2"))
    return Beside(usage, {"web_searches": 1 if by_answer else len(queries)})


OUTPUT_DETAILS: Final = ("candidatesTokensDetails", "responseTokensDetails")


def of_modality(usages: Sequence[Any], modality: str, *names: str) -> int | None:
    """Return the tokens of a modality, None where the details do not name it."""
    return total_count(
        *(
            field(detail, "tokenCount")
            for name in names
            for detail in latest(usages, name) or ()
            if field(detail, "modality") == modality
        )
    )


@dataclass(frozen=True)
class Embeddings(Content):
    """Embeddings. The Gemini API says no usage for them; Vertex says it for each text."""

    operation: str = "embeddings"

    def answer(self, answer: Any) -> Facts:
        """Return the facts of an answer."""
        usage = field(answer, "usageMetadata")
        return Facts(usage=usage if usage is not None else {"predictions": answer})

    def usage(self, usages: Sequence[Any], provider: str) -> Usage:
        """Return the tokens of all texts."""
        predictions = field(latest(usages, "predictions"), "predictions") or ()
        counts = [
            field(field(field(one, "embeddings"), "statistics"), "token_count")
            for one in predictions
        ]
        whole = counts if all(type(count) in (int, float) for count in counts) else []
        said = first_count(latest(usages, "promptTokenCount"), latest(usages, "totalTokenCount"))
        return Usage(input_tokens=said if said is not None else total_count(*map(int, whole)))


@dataclass(frozen=True)
class Media(Content):
    """Images, and videos that are made in the background; no usage is said of either.

    Attributes:
        output_type: `image` or `video`.
    """

    output_type: str = "image"

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Return the plain values of a request body."""
        return Asked(
            choice_count=field(body.get("parameters"), "sampleCount"), output_type=self.output_type
        )

    def answer(self, answer: Any) -> Facts:
        """Return the facts of the number of images that came."""
        return Facts(usage=answer)

    def usage(self, usages: Sequence[Any], provider: str) -> Usage:
        """Return the images, which are billed each; how long a video is nobody says."""
        return Usage(images=token_count(latest(usages, "images")))


IMAGES: Final = Media()
VIDEOS: Final = Media(output_type="video")
# Marks of an image in an answer, which is megabytes of its bytes and not read for more.
IMAGE_MARKS: Final = ('"bytesBase64Encoded"', '"gcsUri"')

# By the verb at the end of a request's path.
APIS: Final = MappingProxyType(
    {
        "generateContent": Content(),
        "streamGenerateContent": Content(),
        "embedContent": Embeddings(),
        "batchEmbedContents": Embeddings(),
        "predictLongRunning": VIDEOS,
    }
)


class GoogleLibrary:
    """Reads the arguments and results of the request methods of the library's API client."""

    def begin(
        self, client: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], exporter: Exporter
    ) -> Observation | None:
        """Return an observation if the request is for content or embeddings."""
        path = args[1] if len(args) > 1 else kwargs["path"]
        body = args[2] if len(args) > 2 else kwargs["request_dict"]
        name, _, verb = path.partition("?")[0].rpartition(":")
        model = name.rpartition("/")[2]
        api: Content | None = APIS.get(verb)
        if api is None and verb == "predict":
            api = APIS["embedContent"] if "embedding" in model else IMAGES
        if api is None:
            return None
        if client.vertexai:
            api = replace(api, provider="gcp.vertex_ai")
        RESENT.set(-1)  # as each time that it is sent is counted, the first one too
        stream = verb == "streamGenerateContent"
        asked = api.asked(body if type(body) is dict else {})._replace(model=model, stream=stream)
        return Observation(api, asked, field(client._http_options, "base_url") or "", exporter)

    def with_model(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], model: str
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments that ask another model: it is the last part of the path."""
        path = args[1] if len(args) > 1 else kwargs["path"]
        name, mark, verb = path.partition("?")[0].rpartition(":")
        query = path[len(name) + len(mark) + len(verb) :]
        path = f"{name.rpartition('/')[0]}/{model}{mark}{verb}{query}"
        if len(args) > 1:
            return (args[0], path, *args[2:]), dict(kwargs)
        return args, {**kwargs, "path": path}

    def settle(self, observation: Observation, result: Any) -> Any:
        """Keep an answer's text for the export thread, or tap the chunks that will come."""
        kind = type(result)  # a model of pydantic is slow to say that it lacks something
        if hasattr(kind, "__anext__"):
            observation.streamed = True
            return tap_of(result, Watch(observation))
        if hasattr(kind, "__next__"):
            return tapped_when_read(result, observation)
        text, api = result.body, observation.api
        if type(api) is Media:
            if api.output_type == "image" and isinstance(text, str):
                images = sum(map(text.count, IMAGE_MARKS))
                observation.keep(api.answer({"images": images}))
        elif isinstance(text, str):
            observation.keep_body(text.encode())
        observation.finish()
        return result


def patch(module: ModuleType, process: Process) -> None:
    """Meter the library, given its module `google.genai._api_client`."""
    meter, client = Meter(GoogleLibrary(), process), module.BaseApiClient
    client.request = meter.wrap(client.request)
    client.request_streamed = meter.wrap(client.request_streamed)
    client.async_request = meter.wrap_async(client.async_request)
    client.async_request_streamed = meter.wrap_async(client.async_request_streamed)
    for name in ("_request_once", "_async_request_once"):
        if (once := getattr(client, name, None)) is not None:
            setattr(client, name, sent_again(once))
