"""The Anthropic library: messages, and its clients for Bedrock, Vertex and Foundry."""

import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType, ModuleType
from typing import Any, Final

from tollbook.clients.messages import Messages
from tollbook.clients.results import AnthropicReads, patch_gets
from tollbook.clients.stainless import Apis, StainlessLibrary, patch_requests
from tollbook.export import Exporter
from tollbook.meter import SPAN_ID_BYTES, TRACE_ID_BYTES, Observation
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


class Metered(str):
    """The name of the library's own span for a call that is metered, with the ids of our span."""

    __slots__ = ("ids", "parent")
    ids: bytes
    parent: tuple[int, int] | None


class AnthropicLibrary:
    """The library's own tracing records nothing for the calls that are metered.

    Its span has the same call, so both would be the call twice. Its place is taken by one that
    carries our ids and records nothing, so that the requests still propagate a trace context, as
    the client's `open_telemetry` option says.
    """

    def __init__(self, module: ModuleType) -> None:
        self._stainless = StainlessLibrary(module, apis_at("anthropic"), VARIANTS)
        self.provider_of = self._stainless.provider_of

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
        return observation

    def settle(self, observation: Observation, result: Any) -> Any:
        """Finish the observation with an answer, or tap what the caller is still to read."""
        return self._stainless.settle(observation, result)


def instead_of_its_span(start: Callable[..., Any], process: Process) -> Callable[..., Any]:
    """Return what starts the library's spans, and those that record nothing for metered calls."""

    def start_api_call_span(tracer: Any, base_url: Any, options: Any, *args: Any, **kw: Any) -> Any:
        name = options.span_name
        if type(name) is Metered:
            try:
                if not records_nothing(tracer):
                    return silent_span(name)
            except Exception:
                process.losses.count(FAULT)
                return None
        return start(tracer, base_url, options, *args, **kw)

    return start_api_call_span


def records_nothing(tracer: Any) -> bool:
    """Return whether a tracer is of a program that has no OpenTelemetry SDK at work."""
    trace = sys.modules["opentelemetry.trace"]
    return isinstance(getattr(tracer, "_tracer", tracer), trace.NoOpTracer)


def silent_span(name: Metered) -> Any:
    """Return a span that propagates our ids and records nothing."""
    trace = sys.modules["opentelemetry.trace"]
    trace_id, flags, state = (
        int.from_bytes(name.ids[:TRACE_ID_BYTES]),
        trace.TraceFlags.SAMPLED,
        None,
    )
    parent = trace.get_current_span().get_span_context()
    if name.parent is not None:
        trace_id = name.parent[0]
    if parent.is_valid and parent.trace_id == trace_id:
        flags, state = parent.trace_flags, parent.trace_state
    span_id = int.from_bytes(name.ids[TRACE_ID_BYTES : TRACE_ID_BYTES + SPAN_ID_BYTES])
    context = trace.SpanContext(trace_id, span_id, False, trace.TraceFlags(flags), state)
    return trace.NonRecordingSpan(context)


def patch(module: ModuleType, process: Process) -> None:
    """Meter the library, given its module `anthropic._base_client`."""
    start = getattr(module, "start_api_call_span", None)
    if start is not None:
        vars(module)["start_api_call_span"] = instead_of_its_span(start, process)
    library = AnthropicLibrary(module)
    patch_requests(module, library, process)
    patch_gets(module, process, AnthropicReads(library.provider_of))
