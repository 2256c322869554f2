"""The table of client libraries in docs/sdk.md, the list in the code and the tests say the same."""

import re
import tomllib
from pathlib import Path

from client_table import DOCUMENT, document

from tollbook.clients import CLIENTS

ROOT = Path(__file__).parents[2]
WHOLE = tomllib.loads((ROOT / "tests/clients.toml").read_text())
TABLE = WHOLE["clients"]
# Those that need torch share an environment.
LOCAL = dict(pin.split("==") for pin in WHOLE["local"]["models"]["newest"][:2])
ROWS = dict(
    re.findall(
        r"^\| `([a-z0-9_-]+)` \| ([0-9.]+) \|", (ROOT / "docs/sdk.md").read_text(), re.MULTILINE
    )
)
# The library that each file of ours is for, where it has another name.
LIBRARIES = {
    "bedrock": "boto3",
    "crewai": "crewai",
    "google": "google-genai",
    "google_live": "google-genai",
    "huggingface": "huggingface_hub",
    "interactions": "google-genai",
    "langchain": "langchain",
    "llama_index": "llama-index",
    "mistral": "mistralai",
    "openai_agents": "openai-agents",
    "pydantic_ai": "pydantic-ai",
    "realtime": "openai",
    "responses_socket": "openai",
    "xai": "xai-sdk",
}


def test_every_library_that_is_metered_is_in_the_document_and_in_an_environment() -> None:
    files = {module.rpartition(".")[2] for module in CLIENTS.values()}
    libraries = {LIBRARIES.get(name, name) for name in files - {"local"}}

    assert libraries == set(TABLE)
    assert libraries | set(LOCAL) == set(ROWS)


def test_the_oldest_version_in_the_document_is_the_oldest_that_is_tested() -> None:
    tested = {
        name: client.get("minimum", client.get("newest"))[0].rpartition("==")[2]
        for name, client in TABLE.items()
    }

    assert tested | LOCAL == ROWS


def test_every_test_that_an_environment_runs_is_there() -> None:
    named = [test for client in TABLE.values() for test in client["tests"]]

    assert [name for name in named if not (ROOT / "tests/agent" / name).exists()] == []


def test_the_document_of_what_is_tested_is_current() -> None:
    assert DOCUMENT.read_text() == document()
