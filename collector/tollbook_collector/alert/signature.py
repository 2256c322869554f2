"""Signatures of webhooks, by the Standard Webhooks specification: HMAC-SHA256, versions `v1`."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

PREFIX: Final = "whsec_"
SECRET_BYTES_MIN: Final = 24
SECRET_BYTES_MAX: Final = 64
# Old and new, while a receiver changes over.
SECRETS_MAX: Final = 2
ID_SEPARATOR: Final = "."


class WrongSecret(Exception):
    """A secret is not one of the specification; the message never has it."""


def secret_bytes(text: str) -> bytes:
    """Return the bytes of a secret `whsec_…`.

    Raises:
        WrongSecret: It has no such prefix, is not base64, or has not 24 to 64 bytes.
    """
    if not text.startswith(PREFIX):
        raise WrongSecret(f"the secret does not begin with {PREFIX}")
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise WrongSecret(f"what follows {PREFIX} is not base64") from None
    if not SECRET_BYTES_MIN <= len(secret) <= SECRET_BYTES_MAX:
        raise WrongSecret(
            f"the secret has {len(secret)} bytes, not {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX}"
        )
    return secret


def headers(message: str, at: datetime, body: bytes, secrets: Sequence[bytes]) -> Mapping[str, str]:
    """Return the three headers of a message: its id, when it is sent, and a signature a secret.

    Args:
        message: The same for each try; has no full stop, which separates what is signed.
        at: When this try is made.
        body: The bytes that are sent.
        secrets: The newest first.
    """
    assert ID_SEPARATOR not in message
    seconds = str(int(at.astimezone(UTC).timestamp()))
    content = f"{message}.{seconds}.".encode() + body
    signatures = [
        base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()
        for secret in secrets
    ]
    return {
        "webhook-id": message,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
