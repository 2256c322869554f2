"""The three signals of OTLP: what their requests, their answers and their items are called."""

from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs_service
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_service
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_service
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1 import trace_pb2


@dataclass(frozen=True)
class Signal:
    """A signal of OTLP.

    In all three a request nests alike: resources in field 1, their scopes in field 2, and the
    items of a scope in field 2.

    Args:
        name: traces, logs or metrics; also the folder of its spool.
        path: Where it is posted.
        service: The gRPC service whose Export takes it.
        items: What is counted, as the answer's partial success names it.
        levels: The messages from the request to the item, outermost first.
        names: The fields that lead from each message to the next.
        response: The message of the answer.
    """

    name: str
    path: str
    service: str
    items: str
    levels: tuple[Any, ...]
    names: tuple[str, ...]
    response: Any

    @property
    def request(self) -> Any:
        """The message of a request."""
        return self.levels[0]


TRACES: Final = Signal(
    "traces",
    "/v1/traces",
    "opentelemetry.proto.collector.trace.v1.TraceService",
    "spans",
    (
        trace_service.ExportTraceServiceRequest,
        trace_pb2.ResourceSpans,
        trace_pb2.ScopeSpans,
        trace_pb2.Span,
    ),
    ("resource_spans", "scope_spans", "spans"),
    trace_service.ExportTraceServiceResponse,
)
LOGS: Final = Signal(
    "logs",
    "/v1/logs",
    "opentelemetry.proto.collector.logs.v1.LogsService",
    "log_records",
    (
        logs_service.ExportLogsServiceRequest,
        logs_pb2.ResourceLogs,
        logs_pb2.ScopeLogs,
        logs_pb2.LogRecord,
    ),
    ("resource_logs", "scope_logs", "log_records"),
    logs_service.ExportLogsServiceResponse,
)
METRICS: Final = Signal(
    "metrics",
    "/v1/metrics",
    "opentelemetry.proto.collector.metrics.v1.MetricsService",
    "data_points",
    (
        metrics_service.ExportMetricsServiceRequest,
        metrics_pb2.ResourceMetrics,
        metrics_pb2.ScopeMetrics,
        metrics_pb2.Metric,
    ),
    ("resource_metrics", "scope_metrics", "metrics"),
    metrics_service.ExportMetricsServiceResponse,
)
SIGNALS: Final = (TRACES, LOGS, METRICS)
