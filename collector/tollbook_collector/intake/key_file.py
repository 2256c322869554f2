"""The keys on this collector's disk: the pepper, and the last known keys.

    DIR/pepper     32 random bytes in hexadecimal, 0600, made at the first use
    DIR/keys.json  the last known version of each key, 0600
    DIR/lock       held while either is written

The store has the keys of all collectors. The file is what a collector lets in by while its store is
away, and where the very first key is made, before anything runs.
"""

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tollbook_collector.intake.keys import Key, Limits, Pepper, later
from tollbook_collector.spool.files import FILE_MODE, write_durably

DIRECTORY_MODE: Final = 0o700
PEPPER_BYTES: Final = 32
FORMAT: Final = 1


class KeyFileUnusable(Exception):
    """The pepper or the keys on disk cannot be read, or others could read them."""


class KeyFile:
    """The directory of the keys.

    Args:
        directory: Made when it is first written to.
        pepper: In hexadecimal, from the settings; empty: the one in the directory.
    """

    def __init__(self, directory: Path, pepper: str = "") -> None:
        self._directory = directory
        self._given_pepper = pepper
        self._read_at: tuple[int, int] = (0, 0)
        self._keys: dict[str, Key] = {}

    def pepper(self) -> Pepper:
        """Return the pepper, made now if there is none.

        Raises:
            KeyFileUnusable: It is not 32 bytes in hexadecimal, or others can read it.
        """
        if self._given_pepper:
            return _parsed_pepper(self._given_pepper, "TOLLBOOK_KEY_PEPPER")
        path = self._directory / "pepper"
        with self._locked():
            if not path.exists():
                write_durably(path, secrets.token_hex(PEPPER_BYTES).encode())
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            raise KeyFileUnusable(
                f"{path} has mode {mode:04o}, so that other users can read it: set it to 0600"
            )
        return _parsed_pepper(path.read_text().strip(), str(path))

    def keys(self) -> Mapping[str, Key]:
        """Return the last known keys by id.

        Raises:
            KeyFileUnusable: The file is not what this version writes.
        """
        path = self._directory / "keys.json"
        try:
            status = path.stat()
            seen = (status.st_mtime_ns, status.st_ino)
            if seen != self._read_at:
                self._keys = _parsed_keys(json.loads(path.read_bytes()))
                self._read_at = seen
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError) as error:
            raise KeyFileUnusable(
                f"{path} cannot be read ({error}); put it back from a copy, or move it away: the"
                " keys in the store then count alone"
            ) from error
        return self._keys

    def merge(self, keys: Mapping[str, Key]) -> Mapping[str, Key]:
        """Keep the later version of each key, durably, and return them all."""
        known = self.keys()
        if later(known, keys) == known:
            return known
        with self._locked():
            together = later(self.keys(), keys)
            content = {"format": FORMAT, "keys": [asdict(key) for key in together.values()]}
            text = json.dumps(content, default=_time, indent=1)
            write_durably(self._directory / "keys.json", text.encode())
            return together

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        descriptor = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT, FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _parsed_pepper(text: str, source: str) -> Pepper:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != PEPPER_BYTES:
        raise KeyFileUnusable(f"{source} must be {PEPPER_BYTES} bytes in hexadecimal")
    return Pepper(value)


def _parsed_keys(content: Mapping[str, Any]) -> dict[str, Key]:
    if content["format"] != FORMAT:
        raise ValueError(f"it has format {content['format']}, this version knows {FORMAT}")
    keys = {}
    for entry in content["keys"]:
        times = {
            name: datetime.fromisoformat(entry[name]) if entry[name] else None
            for name in ("created_at", "expires_at", "revoked_at")
        }
        values = {**entry, **times, "scopes": tuple(entry["scopes"])}
        keys[entry["id"]] = Key(**{**values, "limits": Limits(**entry["limits"])})
    return keys


def _time(value: Any) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()
