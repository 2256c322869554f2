"""Runs a coding agent against the local provider, with its telemetry on, and writes what it logged.

    python agents.py codex codex.json DIRECTORY

DIRECTORY holds node_modules with @openai/codex, @google/gemini-cli and @anthropic-ai/claude-code.
The agent gets a home of its own. What it exports as protobuf or JSON is decoded; records and spans
that say no tokens are left out.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from server import EXPORTED, provider

from tollbook_collector.intake import otlp_json
from tollbook_collector.intake.signals import LOGS, TRACES

RUN_S = 120
QUESTION = "Is it so?"


def claude_code(url: str, home: Path, modules: Path) -> tuple[list[str], dict[str, str]]:
    program = modules / "@anthropic-ai/claude-code-linux-x64/claude"
    return [str(program), "-p", QUESTION, "--model", "claude-opus-5-5"], {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": "none",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
    }


def codex(url: str, home: Path, modules: Path) -> tuple[list[str], dict[str, str]]:
    settings = home / ".codex"
    settings.mkdir()
    (settings / "config.toml").write_text(f"""
model = "gpt-6.1-sol"
model_provider = "local"
[model_providers.local]
name = "local"
base_url = "{url}/v1"
env_key = "LOCAL_KEY"
wire_api = "responses"
[otel]
log_user_prompt = false
exporter = {{ otlp-http = {{ endpoint = "{url}/v1/logs", protocol = "binary" }} }}
""")
    program = modules / ".bin/codex"
    return [str(program), "exec", "--skip-git-repo-check", QUESTION], {"LOCAL_KEY": "none"}


def gemini_cli(url: str, home: Path, modules: Path) -> tuple[list[str], dict[str, str]]:
    settings = home / ".gemini"
    settings.mkdir()
    telemetry = {"enabled": True, "target": "local", "otlpEndpoint": url, "otlpProtocol": "http"}
    chosen = {
        "telemetry": telemetry,
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False},
    }
    (settings / "settings.json").write_text(json.dumps(chosen))
    program = modules / ".bin/gemini"
    return [str(program), "-p", QUESTION, "-m", "gemini-4-argon", "--skip-trust"], {
        "GEMINI_API_KEY": "none",
        "GOOGLE_GEMINI_BASE_URL": url,
    }


AGENTS = {"claude_code": claude_code, "codex": codex, "gemini_cli": gemini_cli}
PACKAGES = {
    "claude_code": "@anthropic-ai/claude-code",
    "codex": "@openai/codex",
    "gemini_cli": "@google/gemini-cli",
}


def plain(value: Any) -> Any:
    """Return an AnyValue as JSON has it."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None


def said(path: str, body: bytes) -> Iterator[dict[str, Any]]:
    """Yield the records or spans of an export request."""
    logs = path.endswith("logs")
    if body.startswith(b"{"):
        body = otlp_json.to_protobuf(LOGS if logs else TRACES, body)
    if logs:
        records = [
            (scope.scope.name, record)
            for resource in ExportLogsServiceRequest.FromString(body).resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]
    else:
        records = [
            (scope.scope.name, span)
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
    for scope_name, record in records:
        attributes = {item.key: plain(item.value) for item in record.attributes}
        if any("token" in key for key in attributes):
            yield {
                "signal": "logs" if logs else "traces",
                "name": record.event_name if logs else record.name,
                "body": plain(record.body) if logs else None,
                "scope": scope_name,
                "attributes": attributes,
            }


def main() -> None:
    """Capture the agent that the first argument names."""
    name, target, modules = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]) / "node_modules"
    version = json.loads((modules / PACKAGES[name] / "package.json").read_text())["version"]
    with provider() as url, tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        command, settings = AGENTS[name](url, home, modules)
        environment = {"PATH": os.environ["PATH"], "HOME": directory, "TERM": "dumb", **settings}
        subprocess.run(
            command,
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=RUN_S,
            check=True,
        )
    found = [item for path, body in EXPORTED for item in said(path, body)]
    target.write_text(
        json.dumps({"run": [f"{PACKAGES[name]} {version}"], "spans": found}, indent=1)
    )


if __name__ == "__main__":
    main()
