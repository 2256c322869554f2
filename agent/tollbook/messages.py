"""Reads what was taken of a call as the messages that the GenAI conventions have: roles and parts.

The interfaces differ in names and nesting, not in kind, so one reader knows all their shapes: chat
completions, Responses, Anthropic's messages, Gemini's contents, Bedrock's Converse, and those that
resemble them. What has a shape that is not known is left out; pictures and sounds always are.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from tollbook.clients.field import field
from tollbook.content import Taken, plain
from tollbook.estimate import ASKED_FIELDS, SYSTEM_FIELDS

SYSTEM_ROLES: Final = ("system", "developer")
THOUGHTS: Final = ("thinking", "reasoning", "redacted_thinking", "reasoning_text")
TEXT: Final = "text"
REASONING: Final = "reasoning"
TOOL_CALL: Final = "tool_call"
TOOL_RESPONSE: Final = "tool_call_response"

Part = dict[str, Any]
Message = dict[str, Any]


def asked(taken: Taken) -> tuple[list[Part], list[Message]]:
    """Return the parts of the system's instructions, and the messages that were asked."""
    prompt = taken.prompt
    system = [part for name in SYSTEM_FIELDS for part in parts_of(prompt.get(name))]
    messages: list[Message] = []
    for name in ASKED_FIELDS:
        value = prompt.get(name)
        for item in value if isinstance(value, list) else [value]:
            for message in messages_of(item, "user"):
                if message["role"] in SYSTEM_ROLES:
                    system.extend(message["parts"])
                else:
                    messages.append(message)
    return system, messages


def answered(answer: Any, events: Iterable[Any]) -> list[Message]:
    """Return the messages that were answered: a whole answer, or what the events make.

    Args:
        answer: The answer as plain values, or None.
        events: The events of a stream, of any kind.
    """
    if answer is not None:
        return answer_messages(answer)
    stream = Stream()
    for event in events:
        stream.add(event if isinstance(event, dict) else plain(event))
    return stream.messages()


def answer_messages(answer: Any) -> list[Message]:
    """Return the messages of a whole answer."""
    found: list[Message] = []
    for choice in listed(field(answer, "choices")):
        said = field(choice, "message") or field(choice, "text")
        reason = field(choice, "finish_reason")
        found.extend(finished(message, reason) for message in messages_of(said, "assistant"))
    for candidate in listed(field(answer, "candidates")):
        said, reason = field(candidate, "content"), field(candidate, "finishReason")
        found.extend(finished(message, reason) for message in messages_of(said, "assistant"))
    if found:
        return found
    output = field(answer, "output")
    said = field(output, "message") if isinstance(output, Mapping) else output
    for value in (said, field(answer, "message"), field(answer, "content")):
        for item in value if isinstance(value, list) else [value]:
            found.extend(messages_of(item, "assistant"))
    if not found and isinstance(text := field(answer, "response") or field(answer, "text"), str):
        found.extend(messages_of(text, "assistant"))
    reason = field(answer, "stop_reason") or field(answer, "stopReason")
    return [finished(message, reason) for message in merged(found)]


def finished(message: Message, reason: Any) -> Message:
    """Return a message with the reason why it ended, where that was said."""
    return {**message, "finish_reason": reason} if isinstance(reason, str) else message


def merged(messages: Sequence[Message]) -> list[Message]:
    """Return messages with those of one role after another made one."""
    found: list[Message] = []
    for message in messages:
        if found and found[-1]["role"] == message["role"]:
            found[-1] = {**found[-1], "parts": [*found[-1]["parts"], *message["parts"]]}
        else:
            found.append(message)
    return found


def messages_of(item: Any, role: str) -> Iterable[Message]:
    """Yield the message that an item of a prompt or an answer is, if it is one.

    Args:
        item: A text, a message, a part of one, or anything else.
        role: The role where the item does not say it.
    """
    said = field(item, "role")
    role = "assistant" if said == "model" else said if isinstance(said, str) else role
    if (
        isinstance(item, Mapping)
        and any(name in item for name in ("content", "parts"))
        and item.get("type") in (None, "message")
    ):
        parts = [*parts_of(item.get("content")), *parts_of(item.get("parts"))]
        if role == "tool":
            parts = [tool_response(field(item, "tool_call_id"), field(item, "content"))]
        parts += [tool_call(call) for call in listed(item.get("tool_calls"))]
        if parts:
            yield {"role": role, "parts": parts}
        return
    if parts := list(parts_of(item)):
        kind = parts[0]["type"]
        yield {"role": "tool" if kind == TOOL_RESPONSE else role, "parts": parts}


def parts_of(content: Any) -> Iterable[Part]:
    """Yield the parts of a content, which is a text, a part, or a list of them."""
    if isinstance(content, str):
        if content:
            yield {"type": TEXT, "content": content}
    elif isinstance(content, list):
        for item in content:
            yield from parts_of(item)
    elif isinstance(content, Mapping):
        if "parts" in content:
            yield from parts_of(content["parts"])
        elif (part := part_of(content)) is not None:
            yield part


def part_of(content: Mapping[str, Any]) -> Part | None:
    """Return the part that an object is, None where it is none of those that are known."""
    kind = content.get("type")
    for name in ("functionCall", "toolUse"):
        if isinstance(call := content.get(name), Mapping):
            return tool_call(call)
    for name in ("functionResponse", "toolResult"):
        if isinstance(said := content.get(name), Mapping):
            given = said.get("response", said.get("content"))
            return tool_response(said.get("toolUseId") or said.get("id"), given)
    if kind in ("tool_use", "function_call"):
        return tool_call(content)
    if kind in ("tool_result", "function_call_output"):
        given = content.get("content", content.get("output"))
        return tool_response(content.get("tool_use_id") or content.get("call_id"), given)
    text = content.get("text", content.get("refusal"))
    if kind in THOUGHTS or content.get("thought") is True:
        thought = text if isinstance(text, str) else content.get("thinking")
        return {"type": REASONING, "content": thought} if isinstance(thought, str) else None
    if isinstance(text, str):
        return {"type": TEXT, "content": text}
    return {"type": kind} if isinstance(kind, str) else None


def tool_call(call: Any) -> Part:
    """Return the part for a call of a tool, in whichever form."""
    function = field(call, "function")
    source = function if isinstance(function, Mapping) else call
    arguments = next(
        (field(source, n) for n in ("arguments", "input", "args") if field(source, n) is not None),
        None,
    )
    name = field(call, "call_id") or field(call, "toolUseId") or field(call, "id")
    return {"type": TOOL_CALL, "id": name, "name": field(source, "name"), "arguments": arguments}


def tool_response(call_id: Any, given: Any) -> Part:
    """Return the part for what a tool gave."""
    return {"type": TOOL_RESPONSE, "id": call_id, "response": given}


def listed(value: Any) -> list[Any]:
    """Return a list, an empty one for anything else."""
    return value if isinstance(value, list) else []


class Stream:
    """Puts the events of a stream together."""

    def __init__(self) -> None:
        self._whole: list[Message] = []
        # By choice and place in it: the role of a part, and the pieces of its text.
        self._parts: dict[tuple[Any, Any], Part] = {}
        self._pieces: dict[tuple[Any, Any], list[str]] = {}

    def add(self, event: Any) -> None:
        """Take the next event."""
        if not isinstance(event, Mapping):
            return
        if (response := field(event, "response")) is not None and isinstance(response, Mapping):
            if whole := answer_messages(response):  # Responses say all of it at the end
                self._whole = whole
            return
        for choice in listed(event.get("choices")):
            self._add_choice(choice)
        for number, candidate in enumerate(listed(event.get("candidates"))):
            for part in parts_of(field(candidate, "content")):
                self._add_part((number, part["type"]), part)
        place = (0, event.get("index", event.get("contentBlockIndex", event.get("output_index"))))
        self._add_start(place, event.get("content_block", field(event.get("start"), "toolUse")))
        self._add_delta(place, event)
        if isinstance(message := event.get("message"), Mapping) and "delta" not in event:
            for part in parts_of(message.get("content")):
                self._add_part((0, part["type"]), part)

    def messages(self) -> list[Message]:
        """Return what the events make."""
        if self._whole:
            return self._whole
        choices: dict[Any, list[Part]] = {}
        for (choice, _), part in self._parts.items():
            pieces = "".join(self._pieces[choice, _])
            name = "arguments" if part["type"] == TOOL_CALL else "content"
            if pieces or part["type"] == TOOL_CALL:
                choices.setdefault(choice, []).append({**part, name: pieces or part.get(name)})
        return [{"role": "assistant", "parts": parts} for parts in choices.values()]

    def _add_choice(self, choice: Any) -> None:
        number, delta = field(choice, "index") or 0, field(choice, "delta")
        text = field(delta, "content") or field(delta, "refusal") or field(choice, "text")
        for part in parts_of(text):
            self._add_part((number, part["type"]), part)
        for call in listed(field(delta, "tool_calls")):
            place = (number, ("tool", field(call, "index") or 0))
            self._add_part(place, tool_call(call))

    def _add_start(self, place: tuple[Any, Any], start: Any) -> None:
        if not isinstance(start, Mapping):
            return
        block = tool_call(start) if field(start, "name") else part_of(start)
        if block is not None:
            self._add_part(place, {**block, "arguments": None} if "name" in block else block)

    def _add_delta(self, place: tuple[Any, Any], event: Mapping[str, Any]) -> None:
        delta = event.get("delta")
        if isinstance(delta, str):
            kind = str(event.get("type", ""))
            if "output_text" in kind or "refusal" in kind:
                self._add_part(place, {"type": TEXT, "content": delta})
            return
        if not isinstance(delta, Mapping):
            return
        said = field(field(delta, "message"), "content")  # Cohere
        for part in parts_of(said if said is not None else []):
            self._add_part(place, part)
        piece = delta.get("partial_json", field(delta.get("toolUse"), "input"))
        if isinstance(piece, str):
            self._add_part(place, {"type": TOOL_CALL, "arguments": piece})
        elif isinstance(text := delta.get("text"), str):
            self._add_part(place, {"type": TEXT, "content": text})
        elif isinstance(thought := delta.get("thinking"), str):
            self._add_part(place, {"type": REASONING, "content": thought})

    def _add_part(self, place: tuple[Any, Any], part: Part) -> None:
        name = "arguments" if part["type"] == TOOL_CALL else "content"
        known = self._parts.setdefault(place, {**part, name: None})
        for key, value in part.items():
            if value is not None and known.get(key) is None and key != name:
                known[key] = value
        piece = part.get(name)
        pieces = self._pieces.setdefault(place, [])
        if isinstance(piece, str):
            pieces.append(piece)
        elif piece is not None:
            known[name] = piece
