"""The Anthropic library: messages, and its clients for Bedrock, Vertex and Foundry."""

import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType, ModuleType
from typing import Any, Final, cast

from tollbook.clients.messages import Messages
from tollbook.clients.results import AnthropicReads, patch_gets
from tollbook.clients.stainless import TYPES_MAX, Apis, StainlessLibrary, patch_requests
from tollbook.export import Exporter
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
    """The name of the library's own span for a call whose request is signed, with our span's ids.

    Attributes:
        ids: Trace and span id of our span, that of the trace unless it has a parent.
        parent: Trace and span id of what it is a child of, or None.
    """

    __slots__ = ("ids", "parent")
    ids: tuple[int, int]
    parent: tuple[int, int] | None


class AnthropicLibrary:
    """The library's own tracing records nothing for the calls that are metered.

    Its span has the same call, so both would be the call twice. The requests still propagate a
    trace context, that of our span, as the client's `open_telemetry` option says.
    """

    def __init__(self, module: ModuleType) -> None:
        self._stainless = StainlessLibrary(module, apis_at("anthropic"), VARIANTS)
        self._tracing = sys.modules.get(f"{module.__package__}._tracing")
        self.settle = self._stainless.settle
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
        """Return an observation if the request is for messages, which then has no span but ours."""
        observation = self._stainless.begin(client, args, kwargs, exporter)
        if observation is not None and getattr(client, "_tracer", None) is not None:
            options = args[1] if len(args) > 1 else kwargs["options"]
            try:
                self._take_over(observation, client, options)
            except Exception:
                exporter.losses.count(FAULT)
        return observation

    def _take_over(self, observation: Observation, client: Any, options: Any) -> None:
        """Have the library trace nothing of a call, and its request propagate our span.

        Without a name it starts no span. A request that is signed gets its headers after it was.
        """
        tracing = client._open_telemetry
        conversation = tracing.get("conversation_id")
        if conversation is not None:
            observation.asked = observation.asked._replace(conversation_id=conversation)
        tracer, said = client._tracer, vars(options)  # to set a field of a model takes longer
        span_name = said["span_name"]
        if not span_name or (may_be_silent(tracer.__class__) and records_nothing(tracer)):
            return
        if self._signs(client.__class__):
            said["span_name"] = name = Metered(span_name)
            name.ids, name.parent = observation.ids, observation.parent
            return
        said["span_name"] = None
        if tracing.get("propagation", True):
            headers, given = self._headers(observation), said["headers"]
            if given:  # the program's own mapping stays as it is
                if not headers.keys().isdisjoint(map(str.lower, given)):
                    given = {name: given[name] for name in given if name.lower() not in headers}
                headers = {**given, **headers}
            said["headers"] = headers

    def _headers(self, observation: Observation) -> Mapping[str, str]:
        """Return the headers that propagate our span.

        Those of a root are written here, where OpenTelemetry's propagators would write no others.
        """
        propagate = sys.modules.get("opentelemetry.propagate")
        if (
            propagate is not None
            and observation.parent is None
            and not sys.modules["opentelemetry.context"].get_current()
            and is_w3c(propagate.get_global_textmap())
        ):
            trace_id, span_id = observation.ids
            ids = (trace_id << 64 | span_id).to_bytes(24, "big").hex()  # formatted, it takes longer
            return {"traceparent": f"00-{ids[:32]}-{ids[32:]}-01"}
        span = silent_span(observation.ids, observation.parent)
        headers: Mapping[str, str] = cast(ModuleType, self._tracing).trace_headers(span)
        return headers


def instead_of_its_span(start: Callable[..., Any], process: Process) -> Callable[..., Any]:
    """Return what starts the library's spans, and for signed requests one that records nothing."""

    def start_api_call_span(tracer: Any, base_url: Any, options: Any, *args: Any, **kw: Any) -> Any:
        name = options.span_name
        if type(name) is not Metered:
            return start(tracer, base_url, options, *args, **kw) if name else None
        try:
            return silent_span(name.ids, name.parent) if kw.get("propagation", True) else None
        except Exception:
            process.losses.count(FAULT)
            return None

    return start_api_call_span


@lru_cache(TYPES_MAX)
def may_be_silent(tracer_class: Any) -> bool:
    """Return whether a tracer may be of a program that has no OpenTelemetry SDK at work."""
    trace = sys.modules["opentelemetry.trace"]
    return issubclass(tracer_class, (trace.NoOpTracer, trace.ProxyTracer))


def records_nothing(tracer: Any) -> bool:
    """Return whether a tracer is none of an SDK; a proxy's may be one later."""
    noop = sys.modules["opentelemetry.trace"].NoOpTracer
    return isinstance(getattr(tracer, "_tracer", tracer), noop)


def silent_span(ids: tuple[int, int], parent: tuple[int, int] | None) -> Any:
    """Return a span that propagates our ids and records nothing."""
    trace = sys.modules["opentelemetry.trace"]
    (trace_id, span_id), flags, state = ids, SAMPLED, None
    around = trace.get_current_span().get_span_context()
    if parent is not None:
        trace_id = parent[0]
    if around.is_valid and around.trace_id == trace_id:
        flags, state = around.trace_flags, around.trace_state
    context = trace.SpanContext(trace_id, span_id, False, trace.TraceFlags(flags), state)
    return trace.NonRecordingSpan(context)


@lru_cache(TYPES_MAX)
def is_w3c(propagator: Any) -> bool:
    """Return whether a propagator writes W3C Trace Context, and Baggage if anything besides."""
    parts = {type(part).__name__ for part in getattr(propagator, "_propagators", ())}
    return parts in (W3C, W3C | {"W3CBaggagePropagator"})


def patch(module: ModuleType, process: Process) -> None:
    """Meter the library, given its module `anthropic._base_client`."""
    start = getattr(module, "start_api_call_span", None)
    if start is not None:
        vars(module)["start_api_call_span"] = instead_of_its_span(start, process)
    library = AnthropicLibrary(module)
    patch_requests(module, library, process)
    patch_gets(module, process, AnthropicReads(library.provider_of))
