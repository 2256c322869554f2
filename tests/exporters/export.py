"""Sends spans, log records and metrics by OpenTelemetry's own exporters: export.py PROTOCOL URL."""

import logging
import sys
from importlib import import_module

from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

SPANS = 5
RECORDS = 3


def main(protocol: str, url: str) -> None:
    """Send SPANS spans, RECORDS log records and one metric, and wait for the answers."""
    package = f"opentelemetry.exporter.otlp.proto.{protocol}"
    kinds = {
        "trace_exporter": "OTLPSpanExporter",
        "_log_exporter": "OTLPLogExporter",
        "metric_exporter": "OTLPMetricExporter",
    }
    exporters = {}
    for (module, kind), path in zip(kinds.items(), ("traces", "logs", "metrics"), strict=True):
        where = f"{url}/v1/{path}" if protocol == "http" else url
        options = {"insecure": True} if protocol == "grpc" else {}
        exporters[path] = getattr(import_module(f"{package}.{module}"), kind)(where, **options)
    traces, logs = TracerProvider(), LoggerProvider()
    traces.add_span_processor(BatchSpanProcessor(exporters["traces"]))
    logs.add_log_record_processor(BatchLogRecordProcessor(exporters["logs"]))
    metrics = MeterProvider([PeriodicExportingMetricReader(exporters["metrics"])])
    for number in range(SPANS):
        with traces.get_tracer("tests").start_as_current_span(f"span {number}"):
            pass
    logger = logging.getLogger("tests")
    logger.addHandler(LoggingHandler(logger_provider=logs))
    for number in range(RECORDS):
        logger.warning("record %d", number)
    metrics.get_meter("tests").create_counter("calls").add(7)
    for provider in (traces, logs, metrics):
        provider.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
