"""The gate: who may send, and how much of it now, before a byte of a body is read."""

from tollbook_collector.intake.allowance import Allowance
from tollbook_collector.intake.keyring import Keyring
from tollbook_collector.intake.keys import INGEST, Key


class Gate:
    """Lets senders in.

    Args:
        ring: The keys in force.
        allowance: What each may still send.
    """

    def __init__(self, ring: Keyring, allowance: Allowance) -> None:
        self._ring = ring
        self._allowance = allowance

    def let_in(self, token: str, source: str) -> Key:
        """Return the key of a sender.

        Args:
            token: The key that the request carries; empty: none.
            source: Where it comes from.

        Raises:
            NotLetIn, TooManyFailures: It has no valid key.
            ScopeMissing: Its key may not send.
            AllowanceSpent: Its key has sent as much as it may for now.
        """
        key = self._ring.check(token, INGEST, source)
        self._allowance.take_request(key)
        return key

    def count(self, key: Key, items: int, size_bytes: int) -> None:
        """Count what was kept of a request."""
        self._allowance.take(key, items, size_bytes)
