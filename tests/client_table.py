"""Writes docs/clients.md: what is tested of each client library, read from the tests themselves.

A cell names the test file's evidence: how many of its tests are about that, by their names, which
are sentences. `python tests/client_table.py` writes the document; a test holds that it is current.
"""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
DOCUMENT: Final = ROOT / "docs/clients.md"
# What a column is about, and which tests are: by their name, or else by what they look at.
BY_NAME: Final = {
    "async": r"async",
    "streams": r"stream",
    "raw responses": r"raw|streaming_response",
    "helpers": r"helper|parse",
    "early ends": r"early|closed|dropped|given_up|nobody_reads|cancelled|ends_early",
    "errors": r"error|fails|refused",
    "retries": r"retries|repeated",
    "other interfaces": r"embedding|generation|ranking|image|completion_is|transcript|speech"
    r"|document|gemini|invoked|beta|batch|realtime|background|vertex|foundry|azure|interaction|live|socket|connection|decision",
}
BY_LOOK: Final = {
    "first chunk": r"time_to_first_chunk",
    "cache": r"cache_read|cache_write",
    "reasoning": r"reasoning",
    "cost": r"cost_usd",
}
# Tests of what only newer versions have, or of several libraries together: `make test` runs them.
BESIDE: Final = {
    "openai": ("test_results.py", "test_responses_socket.py"),
    "anthropic": ("test_results.py",),
    "google-genai": ("test_google_interactions.py",),
}
HEAD: Final = """# What is tested of each client library

Written by `python tests/client_table.py` from the tests; a test holds that it is current. A number
says how many tests are about that, through the real library against a server that speaks its
protocol; a dot says that no test of its own is. `groq` and `together` have the request layer of
`openai` and `anthropic`, and frameworks, from `langchain` to `crewai`, make no calls of their own.
What is metered and recorded of each is in [the SDK](sdk.md#client-libraries). `make test` runs
`openai`, `anthropic`, `google-genai` and `boto3` at their newest version, `make test-clients` all
of them at both versions, `make test-local` the models in the process.

"""


def tests_in(text: str) -> list[str]:
    """Return the name of each test of a file; a coroutine's begins with `async`."""
    found = re.findall(r"^(async )?def (test_\w+)", text, flags=re.MULTILINE)
    return [kind + name for kind, name in found]


def cells(texts: list[str]) -> list[str]:
    """Return the cells of one library."""
    names = [name for text in texts for name in tests_in(text)]
    whole = "".join(texts)
    counts = [sum(bool(re.search(pattern, name)) for name in names) for pattern in BY_NAME.values()]
    seen = [len(re.findall(pattern, whole)) for pattern in BY_LOOK.values()]
    return [str(count) if count else "·" for count in counts] + [
        "yes" if count else "·" for count in seen
    ]


def version(pins: list[str] | None) -> str:
    """Return the version of the first pin."""
    return pins[0].rpartition("==")[2] if pins else "that of `make test`"


def document() -> str:
    """Return the document as it should be."""
    table: dict[str, Any] = tomllib.loads((ROOT / "tests/clients.toml").read_text())
    lock = (ROOT / "requirements.lock").read_text()
    lines = [
        "| library | oldest | newest | " + " | ".join([*BY_NAME, *BY_LOOK]) + " |",
        "|---" * (3 + len(BY_NAME) + len(BY_LOOK)) + "|",
    ]
    for name, client in {**table["clients"], **table["local"]}.items():
        texts = [(ROOT / "tests/agent" / test).read_text() for test in client["tests"]]
        texts += [(ROOT / "tests/agent" / test).read_text() for test in BESIDE.get(name, ())]
        locked = re.search(rf"^{re.escape(name)}==(\S+)", lock, re.MULTILINE)
        newest = locked[1] if locked and "newest" not in client else version(client.get("newest"))
        oldest = version(client.get("minimum", client.get("newest")))
        label = "`transformers`, `sentence-transformers`" if name == "models" else f"`{name}`"
        lines.append(f"| {label} | {oldest} | {newest} | " + " | ".join(cells(texts)) + " |")
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(document())
