"""Backups of a collector's directory: taken while it runs, restored into an empty one.

    NAME/manifest.json  what is in it: format, version, when, rows of each table, size of each file
    NAME/store/         the embedded store, its parts as they were at one instant
    NAME/spool/         what was acknowledged and not in the store at that instant
    NAME/keys/          pepper and keys; a backup is as secret as the directory it is of
    NAME/prices/        price files

No insert is under way while the store's parts are frozen, which takes the engine a moment for each
table as it only makes links; senders notice nothing, as what they send goes to the spool. What a
segment of the spool holds is in the backup's store or in its spool, never in both, so a collector
that is started on a restored directory goes on as if it had crashed at that instant.
"""

import contextlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Protocol

from tollbook_collector.spool.files import OPEN, SEALED, write_durably
from tollbook_collector.store import sql

FORMAT: Final = 1
# As queries/backup_freeze.sql names it.
FREEZE: Final = "tollbook_backup"
MANIFEST: Final = "manifest.json"
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
BESIDE: Final = ("keys", "prices")
# What only a running process has.
LEFT_OUT: Final = frozenset({"lock", "tmp", "shadow", "__cache__", "ballast"})
DIRECTORY_MODE: Final = 0o700
SPOOL_TRIES: Final = 20


class BackupRefused(Exception):
    """A backup cannot be made or restored as asked; nothing was changed."""


class BackupDamaged(Exception):
    """A backup lacks files, or they are not what its manifest says; nothing was restored."""


class Frozen(Protocol):
    """What a backup needs of the store."""

    def command(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that returns no rows."""

    def rows(self, statement: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """Return the rows of a query."""


@dataclass(frozen=True)
class Manifest:
    """What is in a backup.

    Args:
        format: Of this manifest.
        version: Of tollbook that made it.
        taken_at: The instant whose state it is, UTC.
        rows: Of each table.
        files: Size in bytes of each file, by its path in the backup.
    """

    format: int
    version: str
    taken_at: str
    rows: Mapping[str, int]
    files: Mapping[str, int]

    @property
    def size_bytes(self) -> int:
        """All files together."""
        return sum(self.files.values())


def take(
    store: Frozen, data: Path, target: Path, quiet: Callable[[], AbstractContextManager[None]]
) -> Manifest:
    """Make a backup of a running collector and return what is in it.

    Args:
        store: Its embedded store.
        data: Its directory.
        target: The backup's directory, which does not exist; on another disk files are copied,
            on the same they are links that take no room until the originals go.
        quiet: Enters a block in which no insert is under way.

    Raises:
        BackupRefused: The target exists.
        StoreUnavailable, StoreRefused, OSError: It could not be made; nothing of it is left.
    """
    if target.exists():
        raise BackupRefused(f"{target} exists; give another name")
    beside = target.with_name(f"{target.name}.part-{uuid.uuid4().hex[:8]}")
    engine = data / "store" / "data"
    frozen = engine / "shadow" / FREEZE
    try:
        # One that was killed left its links behind; there is one backup at a time.
        shutil.rmtree(frozen, ignore_errors=True)
        beside.mkdir(mode=DIRECTORY_MODE, parents=True)
        with quiet():
            taken_at = datetime.now(UTC)
            rows = {str(table): int(count) for table, count in store.rows(_read("backup_rows"))}
            for table in rows:
                store.command(_read("backup_freeze"), {"table": table})
            _copy_around_parts(engine, beside / "store" / "data")
            _copy_spool(data / "spool", beside / "spool")
        _link_tree(frozen / "store", beside / "store" / "data" / "store")
        shutil.copy2(data / "store" / "secret", beside / "store" / "secret")
        for name in BESIDE:
            _copy_tree(data / name, beside / name)
        found = Manifest(FORMAT, version("tollbook"), taken_at.isoformat(), rows, _sizes(beside))
        write_durably(beside / MANIFEST, json.dumps(asdict(found), indent=1).encode())
        beside.replace(target)
    finally:
        shutil.rmtree(frozen, ignore_errors=True)
        shutil.rmtree(beside, ignore_errors=True)
    return found


def restore(backup: Path, data: Path) -> Manifest:
    """Make a collector's directory of a backup and return what is in it.

    Args:
        backup: Its directory.
        data: An empty directory, or one that does not exist.

    Raises:
        BackupRefused: There is no backup, or the directory has something in it.
        BackupDamaged: Files are missing or have another size; nothing was restored.
    """
    found = manifest(backup)
    if data.exists() and any(data.iterdir()):
        raise BackupRefused(f"{data} is not empty; name another directory with --data")
    sizes = {name: size for name, size in _sizes(backup).items() if name != MANIFEST}
    if sizes != found.files:
        names = {*sizes.items()} ^ {*found.files.items()}
        first = min(name for name, _ in names)
        raise BackupDamaged(f"{backup / first} is not what the manifest says ({len(names)} files)")
    beside = data.with_name(f"{data.name}.part-{uuid.uuid4().hex[:8]}")
    try:
        _copy_tree(backup, beside)
        (beside / MANIFEST).unlink()
        with contextlib.suppress(FileNotFoundError):
            data.rmdir()
        beside.replace(data)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return found


def manifest(backup: Path) -> Manifest:
    """Return what a backup says of itself.

    Raises:
        BackupRefused: It says nothing, or was made by a newer version.
    """
    try:
        content = json.loads((backup / MANIFEST).read_bytes())
    except (OSError, ValueError) as error:
        raise BackupRefused(f"{backup} is no backup: {error}") from error
    if content.get("format") != FORMAT:
        raise BackupRefused(
            f"{backup} has format {content.get('format')}, this version knows {FORMAT}:"
            " restore it with the version that made it"
        )
    return Manifest(**content)


def _read(query: str) -> str:
    return sql.read(f"queries/{query}")


def _copy_around_parts(engine: Path, target: Path) -> None:
    """Copy the engine's directory but for parts: what tables are, and which tokens they know."""
    for directory, folders, names in os.walk(engine):
        here = Path(directory)
        inside = here.relative_to(engine)
        # store/abc/abc…/202611_1_1_0 is a part, store/abc/abc…/deduplication_logs is not.
        if len(inside.parts) == 3 and inside.parts[0] == "store":
            folders[:] = [name for name in folders if name == "deduplication_logs"]
        folders[:] = [name for name in folders if name not in LEFT_OUT]
        (target / inside).mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        for name in [*names, *(f for f in folders if (here / f).is_symlink())]:
            shutil.copy2(here / name, target / inside / name, follow_symlinks=False)


def _link_tree(source: Path, target: Path) -> None:
    """Give files a second name, or copy them where the target is on another disk."""
    for directory, _, names in os.walk(source):
        inside = target / Path(directory).relative_to(source)
        inside.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        for name in names:
            try:
                os.link(Path(directory) / name, inside / name)
            except OSError:
                shutil.copy2(Path(directory) / name, inside / name)


def _copy_spool(source: Path, target: Path) -> None:
    """Copy segments while others are written; one that is sealed meanwhile is begun anew."""
    for _ in range(SPOOL_TRIES):
        try:
            _copy_tree(source, target)
        except shutil.Error:
            shutil.rmtree(target)
            continue
        for opened in target.glob(f"*/*{OPEN}"):
            if opened.with_suffix(SEALED).exists():
                opened.unlink()
        return
    raise BackupRefused("the spool does not stand still; try again")


def _copy_tree(source: Path, target: Path) -> None:
    if not source.exists():
        return
    shutil.copytree(
        source,
        target,
        symlinks=True,
        ignore=lambda _, names: [name for name in names if name in LEFT_OUT],
    )


def _sizes(directory: Path) -> dict[str, int]:
    return {
        str(path.relative_to(directory)): path.stat().st_size
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
