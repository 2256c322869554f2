"""The data directory of the embedded store: its layout, its secret and its one owner.

    DIR/secret   the password of the user `default`, 0600, made at the first start
    DIR/lock     held by the owning process for its life, names its pid
    DIR/data/    what the engine writes
    DIR/tmp/     what it spills, emptied at each start

The secret and the lock lie beside `data` and not in it, because the sandbox leaves the engine
`data` and `tmp` alone: a statement cannot read the password it would be asked for.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DIRECTORY_MODE: Final = 0o700
SECRET_MODE: Final = 0o600
# 256 random bits: nothing to guess, so neither a slow hash nor a lock-out is needed.
SECRET_BYTES: Final = 32
SECRET_BYTES_READ_MAX: Final = 4096


class AlreadyOwned(Exception):
    """Another process owns the data directory, and the engine allows one."""

    def __init__(self, path: Path, pid: int | None) -> None:
        owner = f"process {pid}" if pid else "another process"
        super().__init__(
            f"The embedded store in {path} is already owned by {owner}: one process may own a data "
            "directory. Use the running one, stop it, or give another directory."
        )
        self.path = path
        self.pid = pid


class SecretExposed(Exception):
    """The file with the password can be read by other users of the machine."""

    def __init__(self, path: Path, mode: int) -> None:
        super().__init__(
            f"{path} has mode {mode:04o}, so that other users can read the store's password: "
            "delete the file to get a new one, or set its mode to 0600 if nobody has read it."
        )


@dataclass(frozen=True)
class StoreDirectory:
    """Where an embedded store lives. `path` is absolute."""

    path: Path

    @property
    def data(self) -> Path:
        """What the engine reads and writes."""
        return self.path / "data"

    @property
    def temporary(self) -> Path:
        """Where the engine and large results spill."""
        return self.path / "tmp"

    @property
    def secret_file(self) -> Path:
        """The file with the password."""
        return self.path / "secret"

    @property
    def lock_file(self) -> Path:
        """The file whose lock is the ownership."""
        return self.path / "lock"

    def prepare(self) -> str:
        """Make what is missing and return the password.

        Raises:
            SecretExposed: If others can read the password.
            OSError: If the directory cannot be made or read.
        """
        self.path.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        self.data.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        self.temporary.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        if not self.secret_file.exists():
            self._create_secret()
        return self._read_secret()

    def own(self) -> int:
        """Become the owner and return the descriptor that keeps the directory owned while open.

        Raises:
            AlreadyOwned: If another process is the owner.
        """
        descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, SECRET_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise AlreadyOwned(self.path, self.owner_pid()) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return descriptor

    def owner_pid(self) -> int | None:
        """Return the pid that the lock names, None if it names none."""
        try:
            text = self.lock_file.read_text().strip()
        except OSError:
            return None
        return int(text) if text.isdigit() else None

    def clear_temporary(self) -> None:
        """Remove what a killed owner left in `tmp`. Only the owner may call it."""
        for entry in self.temporary.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def _create_secret(self) -> None:
        # A link and not a rename: two processes may start at the same time, the first one's secret
        # stays, and nobody ever reads a file that is half written.
        draft = self.secret_file.with_name(f"secret.{os.getpid()}.{secrets.token_hex(4)}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(draft, flags, SECRET_MODE)
        try:
            os.write(descriptor, f"{secrets.token_urlsafe(SECRET_BYTES)}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(draft, self.secret_file)
        draft.unlink()

    def _read_secret(self) -> str:
        descriptor = os.open(self.secret_file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            mode = os.fstat(descriptor).st_mode & 0o777
            if mode & 0o077:
                raise SecretExposed(self.secret_file, mode)
            return os.read(descriptor, SECRET_BYTES_READ_MAX).decode().strip()
        finally:
            os.close(descriptor)
