"""Turns what the meter saw of a call into a `Call`; on the export thread."""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from tollbook.clients.field import rare_field
from tollbook.clients.hosts import provider_at, region_of_host
from tollbook.meter import Asked, Facts, Observation
from tollbook.model_call import Call, Request, Response, Usage
from tollbook.tag import limited

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
BODY_DECODED_BYTES_MAX: Final = 64 * 2**20
DONE: Final = b"data: [DONE]"  # nothing follows; some libraries stop reading here
INTEGER_MAX: Final = 2**63 - 1
PLACES_MAX: Final = 64  # base URLs that are remembered


class Place(NamedTuple):
    """Where calls of one client go."""

    address: str
    port: int | None
    provider: str
    region: str | None


class Same:
    """A key that is one object: clients keep theirs, and hashing a URL of httpx is slow."""

    __slots__ = ("_hash", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self._hash = id(value)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value


@lru_cache(PLACES_MAX)
def place(base_url: Same, provider: str) -> Place:
    """Return where a base URL is; the provider as given where its host is none that is known."""
    address, port = server(base_url.value)
    return Place(address, port, provider_at(address, provider, port), region_of_host(address))


def read(observation: Observation, default_tags: Mapping[str, str]) -> Call:
    """Return the call that an observation is of.

    Args:
        observation: A finished observation.
        default_tags: Tags of every call, which the observation's own win over.
    """
    api = observation.api
    where = place(Same(observation.base_url), api.provider)
    (trace_id, span_id), parent_span_id = observation.ids, b""
    if observation.parent is not None:
        trace_id = observation.parent[0]
        parent_span_id = observation.parent[1].to_bytes(8, "big")
    response = read_response(observation, where)
    tags, run = observation.scope.tags, observation.scope.run
    if default_tags:
        tags = limited(default_tags, tags, observation.exporter.losses)
    return Call(
        operation=api.operation,
        api_type=api.api_type,
        provider=where.provider,
        server_address=where.address,
        server_port=where.port,
        request=read_request(observation.asked),
        response=response,
        trace_id=trace_id.to_bytes(16, "big"),
        span_id=span_id.to_bytes(8, "big"),
        parent_span_id=parent_span_id,
        start_time_ns=observation.start_time_ns,
        end_time_ns=observation.start_time_ns + max(observation.duration_ns, 0),
        first_chunk_ns=observation.first_chunk_ns if observation.streamed else None,
        error_type=observation.error_type or response.error_type,
        tags=tags,
        run_id=run.id if run is not None else None,
        run_name=run.name if run is not None else None,
        resent=observation.resent,
    )


def server(base_url: Any) -> tuple[str, int | None]:
    """Return host and port of a client's base URL, a text or an object of httpx."""
    if isinstance(base_url, str):
        parts = urlsplit(base_url)
        return parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme)
    host, scheme, port = base_url.host, base_url.scheme, base_url.port
    return str(host), port or DEFAULT_PORTS.get(scheme)


def read_request(asked: Asked) -> Request:
    """Return what was asked, without what is of another type than the interface says."""
    return Request(
        model=text(asked.model),
        stream=asked.stream is True,
        max_tokens=integer(asked.max_tokens),
        temperature=number(asked.temperature),
        top_p=number(asked.top_p),
        choice_count=integer(asked.choice_count),
        seed=integer(asked.seed),
        reasoning_level=text(asked.reasoning_level),
        service_tier=text(asked.service_tier),
        conversation_id=text(asked.conversation_id),
        output_type=text(asked.output_type),
    )


def read_response(observation: Observation, where: Place) -> Response:
    """Return what came back, from the facts that were kept or from the raw body."""
    observation.read_events()
    facts, raw_is_whole = observation.facts, True
    if observation.body is not None:
        facts = [*facts, *facts_of_body(observation)]
        raw_is_whole = bool(facts)
    usages = [fact.usage for fact in facts if fact.usage is not None]
    reasons = {index: reason for fact in facts for index, reason in fact.finish_reasons}
    estimated = None if usages else getattr(observation.api, "estimate", None)
    usage = observation.api.usage(usages, where.provider) if usages else None
    characters = integer(observation.asked.input_characters)
    if characters is not None and raw_is_whole and observation.error_type is None:
        usage = (usage or Usage())._replace(input_characters=characters)
    response = Response(
        response_id=first_text([fact.response_id for fact in facts]),
        model=first_text([fact.model for fact in facts]),
        service_tier=first_text([fact.service_tier for fact in reversed(facts)])
        or first_text([tier_of(usage) for usage in reversed(usages)]),
        finish_reasons=tuple(str(reasons[index]) for index in sorted(reasons)),
        usage=usage,
        region=first_text([*map(region_of, usages), where.region]),
        error_type=first_text([fact.error for fact in reversed(facts)]),
    )
    if observation.streamed:
        ended = observation.ended and observation.api.complete_at_end
        complete = bool(usages) and (ended or any(fact.last for fact in facts))
        if estimated is not None and facts:
            response = response._replace(usage=estimated(), usage_estimated=True)
        return response._replace(usage_complete=complete)
    return response if raw_is_whole else response._replace(usage_complete=False)


def region_of(usage: Any) -> str | None:
    """Return where Anthropic says that it processed a call."""
    return text(rare_field(usage, "inference_geo"))


def tier_of(usage: Any) -> str | None:
    """Return the tier that served a call, where the usage says it, as Anthropic's does.

    Fast has rates of its own, as a tier has.
    """
    return text(
        "fast" if rare_field(usage, "speed") == "fast" else rare_field(usage, "service_tier")
    )


def body_of(observation: Observation) -> bytes:
    """Return the raw body of an answer, decoded, within the limit."""
    chunks = observation.body or []
    body = observation.decode(chunks) if observation.decode is not None else b"".join(chunks)
    return body[:BODY_DECODED_BYTES_MAX]


def content_of_body(observation: Observation) -> tuple[Any, list[Any]]:
    """Return the answer, or None and the events, of a raw body as plain values."""
    if observation.body is None:
        return None, []
    body = body_of(observation)
    if body.lstrip()[:1] == b"{" and type(answer := decoded(body)) is dict:
        return answer, []
    lines = (decoded(line.removeprefix(b"data:")) for line in body.splitlines())
    return None, [event for event in lines if type(event) is dict]


def facts_of_body(observation: Observation) -> Iterator[Facts]:
    """Yield the facts of a raw body: one JSON answer, or the events of a stream.

    Events are lines of JSON, after `data:` where they are server-sent events.
    """
    body = body_of(observation)
    if body.lstrip()[:1] == b"{":
        answer = decoded(body)
        if type(answer) is dict:
            yield observation.api.answer(answer)
            return
    first = True
    for line in body.splitlines():
        if line == DONE:
            yield Facts(last=True)
        elif type(event := decoded(line.removeprefix(b"data:"))) is dict:
            facts = observation.api.event(event, first)
            if facts is not None:
                first = False
                yield facts


def decoded(body: bytes) -> Any:
    """Return decoded JSON, None for anything else, as the end of a stream or a cut body is."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def first_text(values: list[object]) -> str | None:
    """Return the first value that is text; Azure's first chunk has an empty id and model."""
    return next((value for value in values if isinstance(value, str) and value), None)


def text(value: object) -> str | None:
    """Return text, None for anything else."""
    return str(value) if isinstance(value, str) else None


def integer(value: object) -> int | None:
    """Return an integer that an attribute can hold, None for anything else."""
    return value if type(value) is int and -INTEGER_MAX <= value <= INTEGER_MAX else None


def number(value: object) -> float | None:
    """Return a number, None for anything else."""
    whole = integer(value)
    return float(whole) if whole is not None else value if type(value) is float else None
