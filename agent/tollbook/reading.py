"""Turns what the meter saw of a call into a `Call`; on the export thread."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    model, stream, most, temperature, top_p, choices, seed, level, tier, about, kind, _ = asked
    return Request(  # most of it was not said, and needs no look at its type
        model=text(model),
        stream=stream is True,
        max_tokens=None if most is None else integer(most),
        temperature=None if temperature is None else number(temperature),
        top_p=None if top_p is None else number(top_p),
        choice_count=None if choices is None else integer(choices),
        seed=None if seed is None else integer(seed),
        reasoning_level=None if level is None else text(level),
        service_tier=None if tier is None else text(tier),
        conversation_id=None if about is None else text(about),
        output_type=None if kind is None else text(kind),
    )


def read_response(observation: Observation, where: Place) -> Response:
    """Return what came back, from the facts that were kept or from the raw body."""
    observation.read_events()
    facts, raw_is_whole = observation.facts, True
    if observation.body is not None:
        facts = [*facts, *facts_of_body(observation)]
        raw_is_whole = bool(facts)
    whole = together(facts)
    usages, api = whole.usages, observation.api
    usage = api.usage(usages, where.provider) if usages else None
    characters = integer(observation.asked.input_characters)
    if characters is not None and raw_is_whole and observation.error_type is None:
        usage = (usage or Usage())._replace(input_characters=characters)
    complete, estimated = raw_is_whole, False
    if observation.streamed:
        complete = bool(usages) and (whole.last or (observation.ended and api.complete_at_end))
        estimate = getattr(api, "estimate", None) if facts and not usages else None
        if estimate is not None:
            usage, estimated = estimate(), True
    reasons = whole.reasons
    return Response(
        response_id=whole.response_id,
        model=whole.model,
        service_tier=whole.service_tier or tier_of(usages),
        finish_reasons=tuple([str(reasons[index]) for index in sorted(reasons)]),
        usage=usage,
        usage_complete=complete,
        error_type=whole.error,
        region=region_of(usages) or where.region,
        usage_estimated=estimated,
    )


class Said(NamedTuple):
    """What the facts of a call say together."""

    response_id: str | None
    model: str | None
    service_tier: str | None
    error: str | None
    usages: list[Any]
    reasons: dict[int, object]
    last: bool


def together(facts: Iterable[Facts]) -> Said:
    """Return what facts say together: who answers first, and how it ended last.

    An empty text says nothing: Azure's first chunk has an empty id and model.
    """
    response_id: str | None = None
    model: str | None = None
    service_tier: str | None = None
    error: str | None = None
    usages: list[Any] = []
    reasons: dict[int, object] = {}
    is_last = False
    for said_id, said_model, said_tier, usage, ends, last, said_error in facts:
        response_id = response_id or said(said_id)
        model = model or said(said_model)
        service_tier = said(said_tier) or service_tier
        if said_error is not None:
            error = said(said_error) or error
        if usage is not None:
            usages.append(usage)
        if ends:
            reasons.update(ends)
        is_last = is_last or last
    return Said(response_id, model, service_tier, error, usages, reasons, is_last)


def region_of(usages: Iterable[Any]) -> str | None:
    """Return where Anthropic says that it processed a call."""
    for usage in usages:
        if (region := said(rare_field(usage, "inference_geo"))) is not None:
            return region
    return None


def tier_of(usages: Sequence[Any]) -> str | None:
    """Return the tier that served a call, where its usages say it, as Anthropic's do.

    Fast has rates of its own, as a tier has.
    """
    for usage in reversed(usages):
        if rare_field(usage, "speed") == "fast":
            return "fast"
        if (tier := said(rare_field(usage, "service_tier"))) is not None:
            return tier
    return None


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


def said(value: object) -> str | None:
    """Return text that says something, None for anything else."""
    return value if isinstance(value, str) and value else None


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
