"""Reads the trace: which service made a call when, and how many tokens it took."""

import csv
import gzip
import heapq
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILE_NAME: Final = "trace.csv.gz"


class TraceMissing(FileNotFoundError):
    """The trace is neither in the package nor in the repository."""


@dataclass(frozen=True, slots=True)
class TracedCall:
    """One call of the trace.

    Attributes:
        offset_ms: Milliseconds since the first call of its service.
        service: `code` or `conv`.
        input_tokens: Tokens of the prompt, at least 1.
        output_tokens: Tokens generated, at least 0.
    """

    offset_ms: int
    service: str
    input_tokens: int
    output_tokens: int


def trace_path() -> Path:
    """Return where the trace is: in the package, as a wheel has it, or in the repository.

    Raises:
        TraceMissing: It is in neither.
    """
    here = Path(__file__).resolve()
    packaged = here.with_name(FILE_NAME)
    in_repository = here.parents[3] / "examples" / "azure_llm_2023" / FILE_NAME
    for path in (packaged, in_repository):
        if path.is_file():
            return path
    raise TraceMissing(
        f"the demo's trace is missing: neither {packaged} nor {in_repository} is there;"
        " install tollbook again"
    )


def read_trace(path: Path) -> list[TracedCall]:
    """Return all calls in the order of time, as if both services had begun at the same moment.

    Args:
        path: The gzip file, columns offset_ms, service, input_tokens, output_tokens.
    """
    by_service: defaultdict[str, list[TracedCall]] = defaultdict(list)
    with gzip.open(path, "rt", newline="") as lines:
        for row in csv.DictReader(lines):
            calls = by_service[row["service"]]
            calls.append(
                TracedCall(
                    int(row["offset_ms"]),
                    row["service"],
                    int(row["input_tokens"]),
                    int(row["output_tokens"]),
                )
            )
    started = [_from_its_start(by_service[service]) for service in sorted(by_service)]
    return list(heapq.merge(*started, key=lambda call: call.offset_ms))


def _from_its_start(calls: list[TracedCall]) -> list[TracedCall]:
    # The second service begins 77 s after the first one; a short demo is to show both.
    first_ms = calls[0].offset_ms
    return [
        TracedCall(call.offset_ms - first_ms, call.service, call.input_tokens, call.output_tokens)
        for call in calls
    ]
