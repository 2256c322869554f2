"""Botocore's client for bedrock-runtime, which boto3 hands out: Converse and InvokeModel."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType, ModuleType
from typing import Any, Final

from tollbook.clients.field import field, first_count, latest, total_count
from tollbook.export import Exporter
from tollbook.meter import Asked, Facts, Meter, Observation
from tollbook.model_call import Usage
from tollbook.process import Process
from tollbook.stream import Watch, keep_bytes, tapped

SERVICE: Final = "bedrock-runtime"
OPERATIONS: Final = frozenset(
    {"Converse", "ConverseStream", "InvokeModel", "InvokeModelWithResponseStream"}
)
HEADER_PREFIX: Final = "x-amzn-bedrock-"
# The names that Converse gives to what InvokeModel says in headers.
HEADERS: Final = MappingProxyType(
    {
        "input-token-count": "inputTokens",
        "output-token-count": "outputTokens",
        "cache-read-input-token-count": "cacheReadInputTokens",
        "cache-write-input-token-count": "cacheWriteInputTokens",
    }
)
METRICS: Final = "amazon-bedrock-invocationMetrics"
# Each count under the names of Converse, of the metrics that end a stream, and of the models'
# own answers: Anthropic's, Meta's and Amazon's Titan.
INPUT: Final = (
    "inputTokens",
    "inputTokenCount",
    "input_tokens",
    "prompt_token_count",
    "inputTextTokenCount",
)
OUTPUT: Final = ("outputTokens", "outputTokenCount", "output_tokens", "generation_token_count")
CACHE_READ: Final = (
    "cacheReadInputTokens",
    "cacheReadInputTokenCount",
    "cache_read_input_tokens",
)
CACHE_WRITE: Final = (
    "cacheWriteInputTokens",
    "cacheWriteInputTokenCount",
    "cache_creation_input_tokens",
)


@dataclass(frozen=True)
class Bedrock:
    """A model of Bedrock, by the common interface or by its own.

    Attributes:
        operation: `chat` or `embeddings`.
    """

    operation: str
    provider: str = "aws.bedrock"
    api_type: str | None = None
    complete_at_end: bool = False
    ends: None = None

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Return the plain values of an operation's parameters."""
        config = body.get("inferenceConfig")
        tier = body.get("serviceTier")
        return Asked(
            body.get("modelId"),
            max_tokens=field(config, "maxTokens"),
            temperature=field(config, "temperature"),
            top_p=field(config, "topP"),
            service_tier=field(tier, "type") if type(tier) is dict else tier,
        )

    def answer(self, answer: Any) -> Facts:
        """Return the facts of an answer of Converse, or of a model's own answer."""
        reason = field(answer, "stopReason") or field(answer, "stop_reason")
        usage = field(answer, "usage")
        return Facts(
            field(answer, "id"),
            # A model's own name lacks the scope of the one that was asked for, which has the price.
            None,
            field(field(answer, "serviceTier"), "type"),
            # Some models say their counts beside the text.
            usage if usage is not None else answer,
            ((0, reason),) if reason is not None else (),
        )

    def event(self, event: Any, first: bool) -> Facts | None:
        """Return the facts of a message of a stream, as it came over the wire."""
        headers = event.headers
        if headers.get(":message-type") in ("exception", "error"):
            return Facts(error=headers.get(":exception-type") or headers.get(":error-code"))
        kind = headers.get(":event-type")
        if kind == "chunk":
            content = base64.b64decode(json.loads(event.payload)["bytes"])
            return facts_of_chunk(json.loads(content))
        if kind == "metadata":
            metadata = json.loads(event.payload)
            usage, tier = metadata.get("usage"), field(metadata.get("serviceTier"), "type")
            return Facts(service_tier=tier, usage=usage, last=usage is not None)
        if kind == "messageStop":
            return Facts(finish_reasons=((0, json.loads(event.payload).get("stopReason")),))
        return None

    def usage(self, usages: Sequence[Any], provider: str) -> Usage:
        """Return the tokens, with totals made inclusive.

        The input on the wire is without what was read from or written to the cache.
        """
        uncached, output = count_of(usages, INPUT), count_of(usages, OUTPUT)
        read, write = count_of(usages, CACHE_READ), count_of(usages, CACHE_WRITE)
        split = latest(usages, "cache_creation")
        return Usage(
            input_tokens=total_count(uncached, read, write) if uncached is not None else None,
            cache_read_tokens=read,
            cache_write_tokens=write,
            cache_write_5m_tokens=first_count(
                written_for(usages, "5m"), field(split, "ephemeral_5m_input_tokens")
            ),
            cache_write_1h_tokens=first_count(
                written_for(usages, "1h"), field(split, "ephemeral_1h_input_tokens")
            ),
            output_tokens=output,
        )


def count_of(usages: Sequence[Any], names: Sequence[str]) -> int | None:
    """Return the latest count under the first of several names that has one."""
    return first_count(*(latest(usages, name) for name in names))


def written_for(usages: Sequence[Any], lifetime: str) -> int | None:
    """Return the tokens written to the cache for a lifetime, None where it is not named."""
    details = latest(usages, "cacheDetails") or ()
    return total_count(
        *(field(one, "inputTokens") for one in details if field(one, "ttl") == lifetime)
    )


def facts_of_chunk(chunk: Any) -> Facts | None:
    """Return the facts of a piece of a model's own stream, None for one with text only."""
    if (metrics := field(chunk, METRICS)) is not None:
        return Facts(usage=metrics, last=True)
    if (message := field(chunk, "message")) is not None:  # Anthropic's first event
        usage = field(message, "usage")
        return Facts(field(message, "id"), usage=usage)
    usage = field(chunk, "usage") or field(field(chunk, "metadata"), "usage")
    reason = (
        field(field(chunk, "delta"), "stop_reason")
        or field(field(chunk, "messageStop"), "stopReason")
        or field(chunk, "stop_reason")
    )
    if usage is None and reason is None:
        return None
    return Facts(usage=usage, finish_reasons=((0, reason),) if reason is not None else ())


CHAT: Final = Bedrock("chat")
EMBEDDINGS: Final = Bedrock("embeddings")


class BedrockLibrary:
    """Reads the arguments and results of `_make_api_call`."""

    def begin(
        self, client: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], exporter: Exporter
    ) -> Observation | None:
        """Return an observation if the operation is one of bedrock-runtime's models."""
        operation, parameters = args if len(args) == 2 else tuple(kwargs.values())
        if operation not in OPERATIONS or client._service_model.service_name != SERVICE:
            return None
        model = parameters.get("modelId")
        api = EMBEDDINGS if isinstance(model, str) and "embed" in model else CHAT
        asked = api.asked(parameters)._replace(stream=operation.endswith("Stream"))
        return Observation(api, asked, client.meta.endpoint_url, exporter)

    def with_model(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], model: str
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments that ask another model, which has to read the same body."""
        operation, parameters = args if len(args) == 2 else tuple(kwargs.values())
        return (operation, {**parameters, "modelId": model}), {}

    def settle(self, observation: Observation, result: Any) -> Any:
        """Finish the observation with an answer, or tap what the caller is still to read."""
        metadata = result.get("ResponseMetadata") or {}
        observation.resent = metadata.get("RetryAttempts") or 0
        facts = facts_of_headers(metadata)
        stream, body = result.get("stream"), result.get("body")
        if observation.asked.stream:
            observation.keep(facts._replace(usage=None))
            tap_event_stream(stream if stream is not None else body, observation)
        elif body is not None:
            observation.keep(facts)
            observation.body = []
            tap_raw(body._raw_stream, Watch(observation), keep=True)
        else:
            observation.keep(facts._replace(usage=None))
            observation.keep(observation.api.answer(result))
            observation.finish()
        return result


def facts_of_headers(metadata: Mapping[str, Any]) -> Facts:
    """Return what the headers of a response say: its id, its tier, and InvokeModel's counts."""
    headers = metadata.get("HTTPHeaders") or {}
    usage = {
        name: int(text)
        for header, name in HEADERS.items()
        if (text := headers.get(HEADER_PREFIX + header, "")).isdecimal()
    }
    tier = headers.get(f"{HEADER_PREFIX}service-tier")
    return Facts(metadata.get("RequestId"), None, tier, usage or None)


def tap_event_stream(stream: Any, observation: Observation) -> None:
    """Tap botocore's stream of events in place: its messages, and the closing of its body."""
    watch = Watch(observation)
    observation.streamed = True
    stream._event_generator = tapped(stream._event_generator, watch)
    tap_raw(stream._raw_stream, watch, keep=False)


def tap_raw(raw: Any, watch: Watch, *, keep: bool) -> None:
    """Tap a response of urllib3 in place.

    It becomes a subclass of its class, as functions set on it would have to refer to it: a dropped
    response, and its connection, would be left to the garbage collector.

    Args:
        raw: The response.
        watch: What the taps share.
        keep: Whether what is read of it is to be kept.
    """
    raw.tollbook_watch = watch
    raw.__class__ = tapped_class(raw.__class__, keep)


@cache
def tapped_class(raw_class: Any, keep: bool) -> type:
    """Return a subclass that tells the watch of an instance about its reads and its end."""

    def close(raw: Any) -> Any:
        raw.tollbook_watch.closed()
        return raw_class.close(raw)

    def read(raw: Any, *args: Any, **kwargs: Any) -> Any:
        watch = raw.tollbook_watch
        piece = read_tapped(lambda: raw_class.read(raw, *args, **kwargs), watch)
        whole = not args or args[0] is None or getattr(raw, "length_remaining", None) == 0
        if whole or not piece:
            watch.read_to_the_end()
        return piece

    members = {"__module__": raw_class.__module__, "__qualname__": raw_class.__qualname__}
    functions = {"close": close, "read": read} if keep else {"close": close}
    return type(raw_class.__name__, (raw_class,), {**members, **functions})


def read_tapped(read: Callable[[], bytes], watch: Watch) -> bytes:
    """Read a piece of a body and keep a copy."""
    watch.reading = True
    try:
        piece = read()
    except BaseException as error:
        watch.observation.fail(error)
        raise
    finally:
        watch.reading = False
    keep_bytes(watch.observation, piece)
    return piece


def patch(module: ModuleType, process: Process) -> None:
    """Meter the library, given its module `botocore.client`."""
    meter, client = Meter(BedrockLibrary(), process), module.BaseClient
    client._make_api_call = meter.wrap(client._make_api_call)
