"""google.rpc.Status: what an OTLP error carries, in the encoding of the request."""

import json
import random
from dataclasses import dataclass
from typing import Final

from tollbook_collector.spool.segment import varint

INVALID_ARGUMENT: Final = 3
NOT_FOUND: Final = 5
PERMISSION_DENIED: Final = 7
RESOURCE_EXHAUSTED: Final = 8
UNAVAILABLE: Final = 14
UNAUTHENTICATED: Final = 16
MESSAGE_BYTES_MAX: Final = 4096
# Senders that were told to come back spread over this time, so that they do not come as one.
RETRY_AFTER_MIN_S: Final = 1
RETRY_AFTER_MAX_S: Final = 5
_RETRY_INFO: Final = b"type.googleapis.com/google.rpc.RetryInfo"


@dataclass(frozen=True)
class Status:
    """Why a request was not taken.

    Args:
        code: Code of google.rpc.
        message: For the sender.
        retry_after_s: When the sender may come back; 0: never with this request.
    """

    code: int
    message: str
    retry_after_s: int = 0

    def protobuf(self) -> bytes:
        """Return it as protobuf, with a RetryInfo where coming back may help."""
        text = self.message.encode()[:MESSAGE_BYTES_MAX].decode(errors="ignore").encode()
        parts = [b"\x08", varint(self.code), _delimited(b"\x12", text)]
        if self.retry_after_s:
            delay = _delimited(b"\x0a", b"\x08" + varint(self.retry_after_s))
            detail = _delimited(b"\x0a", _RETRY_INFO) + _delimited(b"\x12", delay)
            parts.append(_delimited(b"\x1a", detail))
        return b"".join(parts)

    def json(self) -> bytes:
        """Return it as JSON."""
        return json.dumps({"code": self.code, "message": self.message}).encode()


def retry_after_s() -> int:
    """Return after how many seconds a sender may come back, another for each."""
    return random.randint(RETRY_AFTER_MIN_S, RETRY_AFTER_MAX_S)


def _delimited(tag: bytes, content: bytes) -> bytes:
    return tag + varint(len(content)) + content
