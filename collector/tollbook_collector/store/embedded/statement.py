"""What a statement is, as far as HTTP needs it: its verb, its FORMAT, where its data begin.

Not a parser: the engine has one. This reads the words outside of strings, comments and brackets,
and of an INSERT only those before its data, because data are bytes of any kind.
"""

import functools
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

SELECT_VERBS: Final = frozenset({"SELECT", "WITH", "FROM"})

_TOKEN = re.compile(
    rb"""
    (?P<space>(?:\s++|--[^\n]*+|\#[ !][^\n]*+|/\*.*?\*/)++)
    |(?P<string>'(?:[^'\\]++|\\.|'')*+')
    |(?P<name>"(?:[^"\\]++|\\.|"")*+"|`(?:[^`\\]++|\\.|``)*+`)
    |(?P<heredoc>\$(?P<label>\w*)\$.*?\$(?P=label)\$)
    |(?P<word>[A-Za-z_][\w$]*+)
    |(?P<open>[(\[{])
    |(?P<close>[)\]}])
    |(?P<sign>.)
    """,
    re.DOTALL | re.VERBOSE,
)
# ClickHouse skips blanks and one line end between a FORMAT clause and the data.
_BEFORE_DATA = re.compile(rb"[ \t\f]*\r?\n?")
# Texts whose reading is remembered, and how long one of them may be, in bytes.
KNOWN_TEXTS: Final = 256
KNOWN_BYTES_MAX: Final = 16 * 1024
# Any word may be the name of a table: after these it is one, and not a clause.
_BEFORE_A_NAME = frozenset({"INTO", "TABLE", "."})


class Token(NamedTuple):
    """A word or a sign in upper case, "" for a string or a quoted name, and where it stands."""

    text: str
    depth: int
    start: int
    end: int


@dataclass(frozen=True)
class Statement:
    """One statement and what HTTP has to know of it.

    `verb` is its first word in upper case, "" if it has none; `words` are the words outside of
    brackets. `sql` is what the engine is given: for an INSERT with data it ends before the FORMAT
    clause. `format` is that of the FORMAT clause, None without one. `data_at` is where the data
    of an INSERT begin in the text, None if the statement has no data of its own; `settings_at` is
    where its SETTINGS clause begins in `sql`, the end of it without one.
    """

    verb: str
    sql: bytes
    format: str | None
    data_at: int | None
    words: frozenset[str]
    settings_at: int = 0


class Statements:
    """Reads statements, and remembers the short ones: most that come have come before."""

    def __init__(self) -> None:
        self._read = functools.lru_cache(KNOWN_TEXTS)(read_statement)

    def read(self, text: bytes) -> Statement:
        """Read the statement at the beginning of `text`, as `read_statement` does."""
        return self._read(text) if len(text) <= KNOWN_BYTES_MAX else read_statement(text)


def read_statement(text: bytes) -> Statement:
    """Read the statement at the beginning of `text`, which may go on with an INSERT's data."""
    tokens = _tokens(text)
    leading = list(itertools.islice(_until_word(tokens), 16))
    verb = leading[-1].text if leading and leading[-1].text.isidentifier() else ""
    if verb == "INSERT":
        return _read_insert(text, tokens)
    outside = [token for token in (*leading, *tokens) if token.depth == 0]
    words = frozenset(token.text for token in outside)
    return Statement(verb, text, _trailing_format(text, outside), None, words)


def _tokens(text: bytes) -> Iterator[Token]:
    depth = 0
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "open":
            depth += 1
        elif kind == "close":
            depth -= 1
        elif kind in {"word", "sign"}:
            yield Token(match[0].decode("latin-1").upper(), depth, *match.span())
        elif kind in {"string", "name"}:
            yield Token("", depth, *match.span())


def _until_word(tokens: Iterator[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        if token.text.isidentifier():
            return


def _read_insert(text: bytes, tokens: Iterator[Token]) -> Statement:
    words = {"INSERT"}
    before = "INSERT"
    settings_at: int | None = None
    for token in tokens:
        if token.depth == 0:
            words.add(token.text)
            if before not in _BEFORE_A_NAME:
                if token.text == "FORMAT":
                    at = token.start if settings_at is None else settings_at
                    return _insert_with_data(text, token, next(tokens, None), words, at)
                if token.text == "SETTINGS" and settings_at is None:
                    settings_at = token.start
                if token.text in {"VALUES", "SELECT", "WITH", "FROM", "INFILE"}:
                    words |= {after.text for after in tokens if after.depth == 0}
                    break
            before = token.text
    return Statement("INSERT", text, None, None, frozenset(words))


def _insert_with_data(
    text: bytes, clause: Token, name: Token | None, words: set[str], settings_at: int
) -> Statement:
    if name is None or not name.text.isidentifier():
        return Statement("INSERT", text, None, None, frozenset(words))
    blank = _BEFORE_DATA.match(text, name.end)
    return Statement(
        "INSERT",
        text[: clause.start],
        text[name.start : name.end].decode("latin-1"),
        blank.end() if blank else name.end,
        frozenset(words),
        settings_at,
    )


def _trailing_format(text: bytes, outside: list[Token]) -> str | None:
    """Return the last FORMAT clause: after it only a semicolon or SETTINGS may stand."""
    for position in range(len(outside) - 2, -1, -1):
        clause, name = outside[position : position + 2]
        if clause.text == "FORMAT" and name.text.isidentifier():
            after = outside[position + 2].text if position + 2 < len(outside) else ";"
            if after in {";", "SETTINGS", "INTO"}:
                return text[name.start : name.end].decode("latin-1")
            return None
    return None
