"""The Anthropic library: messages, and its clients for Bedrock, Vertex and Foundry."""

import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType, ModuleType
from typing import Any, Final

from tollbook.clients.messages import Messages
from tollbook.clients.results import AnthropicReads, patch_gets
from tollbook.clients.stainless import TYPES_MAX, Apis, StainlessLibrary, patch_requests
from tollbook.export import Exporter
from tollbook.ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from tollbook.meter import Observation
from tollbook.process import Process
from tollbook.tally import FAULT


def apis_at(provider: str) -> Apis:
    """Return the interfaces by path, with the provider that answers where the host is unknown."""
    return MappingProxyType({"/v1/messages": Messages(provider)})


VARIANTS: Final = MappingProxyType(
    {
        "anthropic.lib.bedrock": apis_at("aws.bedrock"),
        "anthropic.lib.vertex": apis_at("gcp.vertex_ai"),
        "anthropic.lib.foundry": apis_at("azure.ai.inference"),
    }
)


SAMPLED: Final = 1  # the flag of a trace that is recorded
W3C: Final = frozenset({"TraceContextTextMapPropagator"})


class Metered(str):
    """The name of the library's own span for a call that is metered, with the ids of our span.

    Attributes:
        ids: Trace and span id of our span.
        parent: Trace and span id of what it is a child of, or None.
        signed: Whether the client may sign the headers of a request that it has built.
    """

    __slots__ = ("ids", "parent", "signed")
    ids: bytes
    parent: tuple[int, int] | None
    signed: bool


class AnthropicLibrary:
    """The library's own tracing records nothing for the calls that are metered.

    Its span has the same call, so both would be the call twice. The requests still propagate a
    trace context, that of our span, as the client's `open_telemetry` option says.
    """

    def __init__(self, module: ModuleType) -> None:
        self._stainless = StainlessLibrary(module, apis_at("anthropic"), VARIANTS)
        self.provider_of = self._stainless.provider_of
        self.with_model = self._stainless.with_model
        unsigned = {
            getattr(client, "_prepare_request", None)
            for client in (module.SyncAPIClient, module.AsyncAPIClient)
        }

        @lru_cache(TYPES_MAX)
        def signs(client_class: Any) -> bool:
            return getattr(client_class, "_prepare_request", None) not in unsigned

        self._signs = signs

    def begin(
        self, client: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], exporter: Exporter
    ) -> Observation | None:
        """Return an observation if the request is for messages."""
        observation = self._stainless.begin(client, args, kwargs, exporter)
        if observation is None or getattr(client, "_tracer", None) is None:
            return observation
        conversation = client._open_telemetry.get("conversation_id")
        if conversation is not None:
            observation.asked = observation.asked._replace(conversation_id=conversation)
        options = args[1] if len(args) > 1 else kwargs["options"]
        if options.span_name:
            options.span_name = name = Metered(options.span_name)
            name.ids, name.parent = observation.ids, observation.parent
            name.signed = self._signs(client.__class__)
        return observation

    def settle(self, observation: Observation, result: Any) -> Any:
        """Finish the observation with an answer, or tap what the caller is still to read."""
        return self._stainless.settle(observation, result)


def instead_of_its_span(start: Callable[..., Any], process: Process) -> Callable[..., Any]:
    """Return what starts the library's spans, and none for metered calls.

    Their headers are written here, once. A request that is signed gets them after it was, from a
    span in the place of the library's that records nothing.
    """
    tracing = sys.modules[start.__module__]

    def start_api_call_span(tracer: Any, base_url: Any, options: Any, *args: Any, **kw: Any) -> Any:
        name = options.span_name
        if type(name) is not Metered:
            return start(tracer, base_url, options, *args, **kw)
        try:
            trace = sys.modules["opentelemetry.trace"]
            if records_nothing(tracer, trace):
                return start(tracer, base_url, options, *args, **kw)
            if not kw.get("propagation", True):
                return None
            if name.signed:
                return silent_span(name, trace)
            headers = headers_of_root(name)
            if headers is None:
                headers = tracing.trace_headers(silent_span(name, trace))
            add_headers(options, headers)
        except Exception:
            process.losses.count(FAULT)
        return None

    return start_api_call_span


def records_nothing(tracer: Any, trace: ModuleType) -> bool:
    """Return whether a tracer is of a program that has no OpenTelemetry SDK at work."""
    return isinstance(getattr(tracer, "_tracer", tracer), trace.NoOpTracer)


def silent_span(name: Metered, trace: ModuleType) -> Any:
    """Return a span that propagates our ids and records nothing."""
    trace_id, flags, state = int.from_bytes(name.ids[:TRACE_ID_BYTES]), SAMPLED, None
    parent = trace.get_current_span().get_span_context()
    if name.parent is not None:
        trace_id = name.parent[0]
    if parent.is_valid and parent.trace_id == trace_id:
        flags, state = parent.trace_flags, parent.trace_state
    span_id = int.from_bytes(name.ids[TRACE_ID_BYTES : TRACE_ID_BYTES + SPAN_ID_BYTES])
    context = trace.SpanContext(trace_id, span_id, False, trace.TraceFlags(flags), state)
    return trace.NonRecordingSpan(context)


def headers_of_root(name: Metered) -> Mapping[str, str] | None:
    """Return what OpenTelemetry's propagators write for a root, None for others and for others'."""
    propagate = sys.modules.get("opentelemetry.propagate")
    if propagate is None or name.parent is not None:
        return None
    if sys.modules["opentelemetry.context"].get_current():
        return None
    if not is_w3c(propagate.get_global_textmap()):
        return None
    ids = name.ids.hex()
    return {"traceparent": f"00-{ids[: 2 * TRACE_ID_BYTES]}-{ids[2 * TRACE_ID_BYTES :]}-01"}


@lru_cache(TYPES_MAX)
def is_w3c(propagator: Any) -> bool:
    """Return whether a propagator writes W3C Trace Context, and Baggage if anything besides."""
    parts = {type(part).__name__ for part in getattr(propagator, "_propagators", ())}
    return parts in (W3C, W3C | {"W3CBaggagePropagator"})


def add_headers(options: Any, headers: Mapping[str, str]) -> None:
    """Send these headers in place of the program's equal ones; its own mapping stays as it is."""
    given = options.headers
    if given:
        kept = {name: value for name, value in given.items() if name.lower() not in headers}
        headers = {**kept, **headers}
    options.headers = headers


def patch(module: ModuleType, process: Process) -> None:
    """Meter the library, given its module `anthropic._base_client`."""
    start = getattr(module, "start_api_call_span", None)
    if start is not None:
        vars(module)["start_api_call_span"] = instead_of_its_span(start, process)
    library = AnthropicLibrary(module)
    patch_requests(module, library, process)
    patch_gets(module, process, AnthropicReads(library.provider_of))
