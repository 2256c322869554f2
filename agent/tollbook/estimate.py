"""What a request will use, likely and at most, from its text and its limits, before it is made."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

# A tokenizer makes one token of about four bytes of English and of one and a half of dense code;
# two is on the high side for nearly everything.
BYTES_PER_TOKEN: Final = 2
TOKENS_PER_ITEM: Final = 8  # roles, separators and names around each message or tool
MEDIA_TOKENS: Final = 2000  # of an image or a sound that is given inline
OUTPUT_TOKENS_ASSUMED: Final = 4096  # of one answer whose request sets no limit
OUTPUT_TOKENS_MOST: Final = 131_072  # of it, from the models that answer at most length
VALUES_MAX: Final = 100_000  # looked at in one body; what is beyond counts nothing
# Where the text of a request is, in the interfaces of the providers.
ASKED_FIELDS: Final = (
    "messages",
    "input",
    "inputs",
    "prompt",
    "contents",
    "content",
    "message",
    "requests",
    "texts",
    "inputText",
)
SYSTEM_FIELDS: Final = ("system", "instructions", "systemInstruction", "system_instruction")
PROMPT_FIELDS: Final = (
    *ASKED_FIELDS,
    *SYSTEM_FIELDS,
    "tools",
    "functions",
    "response_format",
    "text",
)


class Size(NamedTuple):
    """How large the prompt of a request is.

    Attributes:
        text_bytes: Bytes of its texts in UTF-8.
        name_bytes: Bytes of the names in its objects, such as those of a tool's arguments.
        tokens: Tokens that are known: those given as numbers, and what is assumed of media.
        items: Objects: messages, parts, tools.
    """

    text_bytes: int
    name_bytes: int
    tokens: int
    items: int

    def likely_tokens(self) -> int:
        """Return about how many tokens it has, rather too many than too few."""
        return -(-self.text_bytes // BYTES_PER_TOKEN) + self.tokens + TOKENS_PER_ITEM * self.items

    def most_tokens(self) -> int:
        """Return how many tokens it has at most: no tokenizer makes more than one of a byte."""
        known = self.tokens + TOKENS_PER_ITEM * self.items
        return max(self.text_bytes + self.name_bytes + known, self.likely_tokens())


def size_of(body: Mapping[str, Any]) -> Size:
    """Return the size of a request's prompt."""
    waiting: list[Any] = [body[name] for name in PROMPT_FIELDS if name in body]
    text_bytes = name_bytes = tokens = items = 0
    for _ in range(VALUES_MAX):
        if not waiting:
            break
        value = waiting.pop()
        if isinstance(value, str):
            size = bytes_of(value)
            if value.startswith("data:") and size > MEDIA_TOKENS * BYTES_PER_TOKEN:
                tokens += MEDIA_TOKENS
            else:
                text_bytes += size
        elif isinstance(value, Mapping):
            items += 1
            name_bytes += sum(bytes_of(name) for name in value if isinstance(name, str))
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)
            tokens += count_integers(value)  # a prompt may be given as tokens
    return Size(text_bytes, name_bytes, tokens, items)


def bytes_of(text: str) -> int:
    """Return the bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def count_integers(values: Iterable[Any]) -> int:
    """Return how many of the values are integers."""
    return sum(type(value) is int for value in values)


def output_tokens(
    max_tokens: object,
    choice_count: object,
    operation: str,
    unlimited: int = OUTPUT_TOKENS_ASSUMED,
) -> int:
    """Return the most that the answers of a request may have, an assumption where it is not said.

    Args:
        max_tokens: The request's limit for one answer.
        choice_count: How many answers it asks for.
        operation: The operation; embeddings have no output.
        unlimited: Tokens of an answer where the request sets no limit.
    """
    if operation == "embeddings":
        return 0
    one = max_tokens if type(max_tokens) is int and max_tokens >= 0 else unlimited
    return one * (choice_count if type(choice_count) is int and choice_count > 0 else 1)
