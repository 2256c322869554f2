"""What beside a collector keeps spans from coming: exporters, proxies, other meters."""

from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from tollbook_collector.commands.finding import Finding

# Others that meter the same calls; each response is billed once all the same.
OTHER_METERS: Final = (
    "openinference.instrumentation.openai",
    "opentelemetry.instrumentation.openai",
    "openlit",
    "langfuse.openai",
    "traceloop",
)
CLIENTS: Final = ("openai", "anthropic")
# Waiting for the store.
WAITING_BYTES_ADVISED: Final = 256 * 1024 * 1024


def endpoint(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Look for the classic mistakes with the address of an exporter."""
    for variable in ("TOLLBOOK_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        value = environment.get(variable, "")
        if not value:
            continue
        parts = urlsplit(value if "://" in value else f"//{value}")
        protocol = environment.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        grpc = variable.startswith("OTEL") and protocol == "grpc"
        if parts.scheme not in ("http", "https"):
            yield Finding("bad", f"{variable}={value} is no http(s) address", "as http://host:4318")
        elif parts.path.rstrip("/").endswith(("/v1/traces", "/v1/logs", "/v1/metrics")):
            yield Finding(
                "bad",
                f"{variable}={value} names a signal: exporters add /v1/traces themselves",
                "leave the path away",
            )
        elif parts.port == 4317 and not grpc:
            yield Finding(
                "bad",
                f"{variable}={value} is the port of gRPC, and HTTP is spoken to it",
                "use port 4318, or OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
            )
        elif parts.port == 4318 and grpc:
            yield Finding(
                "bad",
                f"{variable}={value} is the port of HTTP, and gRPC is spoken to it",
                "use port 4317, or OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
            )
        else:
            yield Finding("ok", f"{variable} is an address that exporters understand")


def proxy(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Look whether spans would go by a proxy."""
    value = environment.get("TOLLBOOK_ENDPOINT") or environment.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    host = urlsplit(value or "").hostname or ""
    given = {name.lower(): text for name, text in environment.items()}
    named = {
        name.removesuffix("_proxy"): text
        for name, text in given.items()
        if name.endswith("_proxy") and text
    }
    through = named.get(urlsplit(value or "").scheme)
    if host and through and not proxy_bypass_environment(host, named):
        yield Finding(
            "note",
            f"spans for {host} go through the proxy {through.rpartition('@')[2]}",
            f"if they should not: NO_PROXY={host}",
        )


def switched_off(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Look whether somebody switched the SDK off."""
    for variable in ("TOLLBOOK_DISABLED", "OTEL_SDK_DISABLED"):
        if environment.get(variable, "").lower() in ("1", "true", "yes", "on"):
            yield Finding("note", f"{variable} switches metering off", f"unset {variable}")


def other_meters(found: Callable[[str], Any] = find_spec) -> Iterator[Finding]:
    """Look for other instrumentations of the same libraries."""
    for name in OTHER_METERS:
        try:
            present = found(name) is not None
        except (ImportError, ValueError):
            present = False
        if present:
            yield Finding(
                "note",
                f"{name} is installed too: a response that both report is billed once, and stored"
                " twice",
                "use one of them in a program",
            )


def clients(found: Callable[[str], Any] = find_spec) -> Finding:
    """Look for a library whose calls can be metered."""
    names = [name for name in CLIENTS if found(name) is not None]
    if names:
        return Finding("ok", f"client libraries here that tollbook meters: {', '.join(names)}")
    return Finding(
        "note",
        "no client library that tollbook meters is installed beside it",
        "instrument your program in its own environment: pip install tollbook",
    )


def health(said: Mapping[str, Any]) -> Iterator[Finding]:
    """Look at what a running collector says of itself."""
    for fault in said.get("faults", []):
        yield Finding("bad", str(fault), "docs/runbooks say what to do")
    for note in said.get("notes", []):
        yield Finding("note", str(note), "tollbook prices missing names models without a price")
    waiting = int(said.get("spool", {}).get("waiting_bytes", 0))
    if waiting > WAITING_BYTES_ADVISED:
        yield Finding(
            "note",
            f"{waiting / 1e6:,.0f} MB wait in the spool: more comes than the store takes",
            "docs/runbooks/spool-grows.md",
        )
