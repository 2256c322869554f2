"""What of the machine keeps a collector from working well: disk, memory, files, clock, kernel."""

import os
import resource
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from tollbook_collector.commands.finding import Finding
from tollbook_collector.spool.append import DISK_FREE_BYTES_MIN

GIBIBYTE: Final = 1024**3
# Below this the store has little room for merges beside its data.
DISK_FREE_BYTES_ADVISED: Final = 5 * GIBIBYTE
INODES_FREE_ADVISED: Final = 10_000
OPEN_FILES_ADVISED: Final = 4_096
MEMORY_BYTES_ADVISED: Final = 2 * GIBIBYTE
CLOCK_SKEW_S_MAX: Final = 60.0
# Where a synced write is not on a disk that survives, or takes the network's time.
FORGETTING: Final = frozenset({"tmpfs", "ramfs", "overlay"})
FAR_AWAY: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.s3fs", "ceph"}
)


def existing(path: Path) -> Path:
    """Return the path, or the nearest directory above it that exists."""
    found = path.resolve()
    while not found.exists():
        found = found.parent
    return found


def directory(data: Path) -> Finding:
    """Look whether data can be kept there."""
    above = existing(data)
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        return Finding("bad", f"{above} cannot be written to", "name another directory with --data")
    return Finding("ok", f"data is kept in {data.resolve()}")


def file_system(data: Path, mounts: Path = Path("/proc/self/mounts")) -> Finding:
    """Look whether what is synced there stays there."""
    where = existing(data)
    found = ("", "")
    for line in mounts.read_text().splitlines():
        _, point, kind, *_ = line.split()
        if where.is_relative_to(point) and len(point) >= len(found[0]):
            found = (point, kind)
    point, kind = found
    if kind in FORGETTING:
        return Finding(
            "note",
            f"{point} is {kind}: what the collector acknowledged is gone with the machine or the"
            " container",
            "put the data directory on a volume",
        )
    if kind in FAR_AWAY:
        return Finding(
            "bad",
            f"{point} is {kind}: a file system over the network may say that bytes are safe that"
            " are not",
            "put the data directory on a disk of this machine",
        )
    return Finding("ok", f"{where} is on {kind or 'a disk'}")


def disk(data: Path) -> Finding:
    """Look whether there is room."""
    where = existing(data)
    free = shutil.disk_usage(where).free
    text = f"{free / GIBIBYTE:.1f} GiB are free on the disk of {where}"
    if free < DISK_FREE_BYTES_MIN:
        return Finding("bad", text, "spans are refused below 0.5 GiB: free some space")
    if free < DISK_FREE_BYTES_ADVISED:
        return Finding("note", text, "5 GiB leave the store room to merge")
    return Finding("ok", text)


def inodes(data: Path) -> Finding:
    """Look whether more files can be made."""
    state = os.statvfs(existing(data))
    if state.f_files and state.f_favail < INODES_FREE_ADVISED:
        return Finding(
            "bad",
            f"{state.f_favail:,} more files can be made on that disk; a store makes thousands",
            "remove small files there, or take another disk",
        )
    return Finding("ok", "files can be made")


def open_files() -> Finding:
    """Look whether enough files may be open at a time."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES_ADVISED:
        return Finding(
            "bad",
            f"{soft:,} files may be open at a time; each connection and each part of the store"
            " is one",
            f"ulimit -n {OPEN_FILES_ADVISED}, or LimitNOFILE= of a unit",
        )
    return Finding("ok", "enough files may be open")


def memory(groups: Path = Path("/sys/fs/cgroup"), proc: Path = Path("/proc/meminfo")) -> Finding:
    """Look whether there is memory for the embedded store."""
    limits = [
        int(text)
        for name in ("memory.max", "memory/memory.limit_in_bytes")
        if (file := groups / name).exists() and (text := file.read_text().strip()).isdigit()
    ]
    lines = proc.read_text().splitlines()
    limits += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemTotal:")]
    least = min(limits, default=MEMORY_BYTES_ADVISED)
    if least < MEMORY_BYTES_ADVISED:
        return Finding(
            "note",
            f"{least / GIBIBYTE:.1f} GiB of memory; the embedded store and a collector want 2",
            "raise the limit, or give the store to a ClickHouse with --clickhouse-url",
        )
    return Finding("ok", f"{least / GIBIBYTE:.0f} GiB of memory")


def sandbox(listed: Path = Path("/sys/kernel/security/lsm")) -> Finding:
    """Look whether the kernel can confine the embedded store."""
    if listed.exists() and "landlock" not in listed.read_text():
        return Finding(
            "note",
            "this kernel has no Landlock, so SQL of users stays off with the embedded store",
            "start the kernel with lsm=landlock,…, or use --clickhouse-url",
        )
    return Finding("ok", "this kernel can confine the embedded store")


def clock(answered: str, now: datetime) -> Iterator[Finding]:
    """Look whether this clock and that of who answered agree; nothing where it gave no date."""
    try:
        skew_s = abs((parsedate_to_datetime(answered) - now.astimezone(UTC)).total_seconds())
    except (TypeError, ValueError):
        return
    if skew_s > CLOCK_SKEW_S_MAX:
        yield Finding(
            "bad",
            f"this clock and the collector's differ by {skew_s:,.0f} s, so calls land in other"
            " hours than they were made in",
            "let a time service (chrony, systemd-timesyncd) set both",
        )
    else:
        yield Finding("ok", "the clocks agree")
