"""What a request will use at most, from its text and its limits, before it is made."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

# A tokenizer makes one token of about four bytes of English and of one and a half of dense code;
# two is on the high side for nearly everything.
BYTES_PER_TOKEN: Final = 2
TOKENS_PER_ITEM: Final = 8  # roles, separators and names around each message or tool
MEDIA_TOKENS: Final = 2000  # of an image or a sound that is given inline
OUTPUT_TOKENS_ASSUMED: Final = 4096  # of one answer whose request sets no limit
VALUES_MAX: Final = 100_000  # looked at in one body; what is beyond counts nothing
# Where the text of a request is, in the interfaces of the providers.
PROMPT_FIELDS: Final = (
    "messages",
    "input",
    "prompt",
    "system",
    "instructions",
    "tools",
    "contents",
    "functions",
    "response_format",
    "text",
)


def input_tokens(body: Mapping[str, Any]) -> int:
    """Return about how many tokens a request's text has, rather too many than too few."""
    waiting: list[Any] = [body[name] for name in PROMPT_FIELDS if name in body]
    bytes_seen, items = 0, 0
    for _ in range(VALUES_MAX):
        if not waiting:
            break
        value = waiting.pop()
        if isinstance(value, str):
            size = len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
            media = value.startswith("data:")
            bytes_seen += min(size, MEDIA_TOKENS * BYTES_PER_TOKEN) if media else size
        elif isinstance(value, Mapping):
            items += 1
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)
            # A prompt may be given as tokens.
            bytes_seen += BYTES_PER_TOKEN * count_integers(value)
    return -(-bytes_seen // BYTES_PER_TOKEN) + TOKENS_PER_ITEM * items


def count_integers(values: Iterable[Any]) -> int:
    """Return how many of the values are integers."""
    return sum(type(value) is int for value in values)


def output_tokens(max_tokens: object, choice_count: object, operation: str) -> int:
    """Return the most that the answers of a request may have, an assumption where it is not said.

    Args:
        max_tokens: The request's limit for one answer.
        choice_count: How many answers it asks for.
        operation: The operation; embeddings have no output.
    """
    if operation == "embeddings":
        return 0
    one = max_tokens if type(max_tokens) is int and max_tokens >= 0 else OUTPUT_TOKENS_ASSUMED
    return one * (choice_count if type(choice_count) is int and choice_count > 0 else 1)
