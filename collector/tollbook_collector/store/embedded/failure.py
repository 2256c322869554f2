"""How a request fails: ClickHouse's code, name, sentence and HTTP status."""

import re
from typing import Final

# What the engine calls itself in its messages; clients show it and some parse it.
ENGINE_VERSION_SUFFIX: Final = "(chDB)"

AUTHENTICATION_FAILED: Final = 516
BAD_ARGUMENTS: Final = 36
CANNOT_DECOMPRESS: Final = 271
INTO_OUTFILE_NOT_ALLOWED: Final = 191
MEMORY_LIMIT_EXCEEDED: Final = 241
NOT_IMPLEMENTED: Final = 48
QUERY_IS_TOO_LARGE: Final = 307
QUERY_WAS_CANCELLED: Final = 394
READONLY: Final = 164
SESSION_NOT_FOUND: Final = 372
SOCKET_TIMEOUT: Final = 209
SYNTAX_ERROR: Final = 62
TOO_MANY_SIMULTANEOUS_QUERIES: Final = 202
UNKNOWN_COMPRESSION_METHOD: Final = 89
UNKNOWN_EXCEPTION: Final = 1002
UNKNOWN_ROLE: Final = 511

# The names of the codes that the store itself raises; the engine's own errors bring theirs.
NAMES: Final = {
    AUTHENTICATION_FAILED: "AUTHENTICATION_FAILED",
    BAD_ARGUMENTS: "BAD_ARGUMENTS",
    CANNOT_DECOMPRESS: "CANNOT_DECOMPRESS",
    INTO_OUTFILE_NOT_ALLOWED: "INTO_OUTFILE_NOT_ALLOWED",
    MEMORY_LIMIT_EXCEEDED: "MEMORY_LIMIT_EXCEEDED",
    NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    QUERY_IS_TOO_LARGE: "QUERY_IS_TOO_LARGE",
    QUERY_WAS_CANCELLED: "QUERY_WAS_CANCELLED",
    READONLY: "READONLY",
    SESSION_NOT_FOUND: "SESSION_NOT_FOUND",
    SOCKET_TIMEOUT: "SOCKET_TIMEOUT",
    SYNTAX_ERROR: "SYNTAX_ERROR",
    TOO_MANY_SIMULTANEOUS_QUERIES: "TOO_MANY_SIMULTANEOUS_QUERIES",
    UNKNOWN_COMPRESSION_METHOD: "UNKNOWN_COMPRESSION_METHOD",
    UNKNOWN_EXCEPTION: "UNKNOWN_EXCEPTION",
    UNKNOWN_ROLE: "UNKNOWN_ROLE",
}

# ClickHouse answers the errors of a mistaken statement with 400, those of a missing thing with
# 404, and so on; every other code is a 500. 202 is a 500 there and a 503 here: it passes by
# itself, and clickhouse-connect repeats a read on 503.
HTTP_STATUS: Final = {
    194: 401,
    **dict.fromkeys((192, 193, 497, 512, AUTHENTICATION_FAILED), 403),
    **dict.fromkeys(
        (6, 15, 16, 25, 26, 27, 36, 38, 41, 44, 53, 62, 69, 72, 110, 117, 167, 168), 400
    ),
    **dict.fromkeys((223, 224, 321, 376, 427, 441, 675, 676), 400),
    **dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 173, 336, 511), 404),
    381: 411,
    QUERY_IS_TOO_LARGE: 413,
    NOT_IMPLEMENTED: 501,
    159: 408,
    **dict.fromkeys((76, SOCKET_TIMEOUT, TOO_MANY_SIMULTANEOUS_QUERIES, 439), 503),
}

# The engine wraps an error once per layer: the code before it, the name and the version after it.
_HEAD = re.compile(r"(?:Code: (\d+)\. DB::(\w+): )+")
_TAIL = re.compile(r"(?:\.?\s*\((?:[A-Z][A-Z0-9_]{2,}|version [^()]*(?:\([^()]*\))?)\)\.?)+\s*$")
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]{2,})\)")


class QueryFailed(Exception):
    """A request that fails the way ClickHouse would fail it.

    `code` and `name` are ClickHouse's, `sentence` says what happened, without code and version.
    """

    def __init__(
        self, code: int, sentence: str, name: str | None = None, kind: str = "Exception"
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.name = name or NAMES.get(code, NAMES[UNKNOWN_EXCEPTION])
        self.sentence = sentence
        self.kind = kind

    @property
    def status(self) -> int:
        """The HTTP status."""
        return HTTP_STATUS.get(self.code, 500)

    def text(self, version: str) -> str:
        """Return the body of the answer as ClickHouse writes it, without its newline."""
        sentence = self.sentence.rstrip()
        stop = "" if sentence.endswith(".") else "."
        return (
            f"Code: {self.code}. DB::{self.kind}: {sentence}{stop} ({self.name}) "
            f"(version {version} {ENGINE_VERSION_SUFFIX})"
        )


def from_engine(text: str) -> QueryFailed:
    """Read an error of the engine, whose text may be wrapped several times."""
    head = _HEAD.search(text)
    if head is None:
        return QueryFailed(UNKNOWN_EXCEPTION, text)
    rest = text[head.end() :]
    tail = _TAIL.search(rest)
    if tail is None:
        return QueryFailed(int(head[1]), rest, kind=head[2])
    name = _NAME.search(tail[0])
    return QueryFailed(int(head[1]), rest[: tail.start()], name and name[1], kind=head[2])
