"""Keyed digests: equal texts have equal ones, and nobody without the key can tell which text it is.

BLAKE2b with the key, so that guessing texts one after another needs the key too. What a digest is
of is part of it: a prompt and a user with the same text have different ones.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

DIGEST_BYTES: Final = 16
KEY_BYTES_MAX: Final = 64  # of BLAKE2b; a longer key is digested first
PROMPT: Final = b"prompt"
TAG: Final = b"tag"


def digest(key: str, kind: bytes, text: str) -> str:
    """Return 32 hexadecimal digits for a text.

    Args:
        key: The secret.
        kind: What the text is, at most 16 bytes.
        text: Any text.
    """
    secret = key.encode("utf-8", "replace")
    if len(secret) > KEY_BYTES_MAX:
        secret = hashlib.blake2b(secret).digest()
    content = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES, key=secret, person=kind).hexdigest()


def prompt_digest(key: str, model: str | None, prompt: Mapping[str, Any]) -> str:
    """Return the digest of a prompt: the same model asked the same has the same one."""
    text = json.dumps([model, prompt], sort_keys=True, ensure_ascii=True, default=str)
    return digest(key, PROMPT, text)


def with_pseudonyms(tags: Mapping[str, str], names: frozenset[str], key: str) -> Mapping[str, str]:
    """Return tags in which the texts of some names are digests.

    Args:
        tags: Tags by name.
        names: Names of the tags that must not leave as they are.
        key: The secret.
    """
    if names.isdisjoint(tags):
        return tags
    return {k: digest(key, TAG, v) if k in names else v for k, v in tags.items()}
