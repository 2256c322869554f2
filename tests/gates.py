"""Gates for the tests: an open one, and one that keys are needed for."""

from tollbook_collector.intake.allowance import Allowance
from tollbook_collector.intake.gate import Gate
from tollbook_collector.intake.keyring import Keyring
from tollbook_collector.intake.keys import Key, Pepper

PEPPER = Pepper(bytes(range(32)))


def open_gate() -> Gate:
    """Return a gate without keys, which lets everybody in."""
    return Gate(Keyring(PEPPER), Allowance())


def gate_with(*keys: Key) -> Gate:
    """Return a gate that lets these keys in."""
    ring = Keyring(PEPPER)
    ring.put({key.id: key for key in keys})
    return Gate(ring, Allowance())
