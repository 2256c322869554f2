"""What of a call's content leaves the process: the chosen fields, redacted, within the limits.

It fails closed: where a rule fails, takes too long, or finds what it cannot read, no content of the
call leaves, which is counted, and the call itself is recorded as it would be without content.
"""

import json
from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import Any, Final

from tollbook import attributes as names
from tollbook.content import Taken
from tollbook.messages import (
    TOOL_CALL,
    TOOL_RESPONSE,
    Message,
    Part,
    answered,
    asked,
)
from tollbook.redact import CARD_DIGITS, Redact, is_card, redacted
from tollbook.tally import CONTENT_CUT, CONTENT_DROPPED, Losses

TIME_S_MAX: Final = 0.2  # for the content of one call
MESSAGES_MAX: Final = 256  # of one attribute; the newest stay
CUT_MARK: Final = "…"
TOOL_PARTS: Final = (TOOL_CALL, TOOL_RESPONSE)


class TooSlow(Exception):
    """Reading and redacting the content of one call took longer than it may."""


def disclosed(
    taken: Taken,
    body: tuple[Any, Iterable[Any]],
    fields: frozenset[str],
    chars_max: int,
    own: Redact | None,
    losses: Losses,
) -> Mapping[str, str]:
    """Return the attributes that hold the content of a call. Never raises.

    Args:
        taken: What was taken of it.
        body: The answer and the events of a raw body, where that is all the caller got.
        fields: What may leave: of `system`, `prompts`, `answers`, `tools`.
        chars_max: Characters of text in one attribute.
        own: The program's own rule, or None.
        losses: Where dropped and cut content is counted.
    """
    try:
        page = _Page(fields, chars_max, own)
        system, messages = asked(taken)
        answer, events = body
        said = answered(taken.answer if answer is None else answer, taken.events or events)
        found: dict[str, Any] = {
            names.SYSTEM_INSTRUCTIONS: page.parts(system, "system"),
            names.INPUT_MESSAGES: page.messages(messages, "prompts"),
            names.OUTPUT_MESSAGES: page.messages(said, "answers"),
        }
        if page.was_cut:
            losses.count(CONTENT_CUT)
        return {
            name: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            for name, value in found.items()
            if value
        }
    except (KeyboardInterrupt, SystemExit):  # only where spans are kept on disk, by the caller
        raise
    except BaseException:  # a rule of the program's own may raise anything
        losses.count(CONTENT_DROPPED)
        return {}


class _Page:
    """Writes down what may leave."""

    def __init__(self, fields: frozenset[str], chars_max: int, own: Redact | None) -> None:
        self.was_cut = False
        self._fields = fields
        self._chars_max = chars_max
        self._own = own
        self._left = chars_max  # characters of the attribute that is written
        self._deadline = perf_counter() + TIME_S_MAX

    def messages(self, messages: list[Message], field: str) -> list[Message]:
        """Return messages with what may leave, the newest ones if there is no room for all."""
        self._left = self._chars_max
        found: list[Message] = []
        for message in reversed(messages[-MESSAGES_MAX:]):
            parts = list(self._parts_within(message["parts"], field))
            if parts:
                found.append({**message, "parts": parts})
        self.was_cut |= len(messages) > MESSAGES_MAX
        return found[::-1]

    def parts(self, parts: list[Part], field: str) -> list[Part]:
        """Return parts with what may leave."""
        self._left = self._chars_max
        return list(self._parts_within(parts, field))

    def _parts_within(self, parts: Iterable[Part], field: str) -> Iterable[Part]:
        for part in parts:
            if part["type"] in TOOL_PARTS:
                if "tools" in self._fields:
                    yield {key: self._value(key, value) for key, value in part.items()}
                elif field in self._fields:
                    yield {"type": part["type"], "id": part.get("id"), "name": part.get("name")}
            elif field in self._fields:
                if self._left <= 0 and "content" in part:
                    self.was_cut = True
                    continue
                yield {key: self._value(key, value) for key, value in part.items()}

    def _value(self, key: str, value: Any) -> Any:
        if key not in ("content", "arguments", "response"):
            return value if value is None else str(value)[:256]
        if isinstance(value, str) and key != "content":
            value = _decoded(value)
        clean = self._clean(value)
        text = clean if isinstance(clean, str) else json.dumps(clean, ensure_ascii=False)
        if len(text) > self._left:
            self.was_cut = True
            clean = text[: max(self._left, 0)] + CUT_MARK
        self._left -= len(text)
        return clean

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            if perf_counter() > self._deadline:
                raise TooSlow(f"more than {TIME_S_MAX} s")
            # What is behind twice the limit would be cut in any case, and a secret at that border.
            return redacted(value[: 2 * self._chars_max], self._own)
        if isinstance(value, Mapping):
            return {self._clean(str(name)): self._clean(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._clean(item) for item in value]
        if type(value) is int and len(str(abs(value))) in CARD_DIGITS and is_card(str(abs(value))):
            return "[card]"
        return value


def _decoded(text: str) -> Any:
    """Return the value of JSON, so that no escape in it hides anything; else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
