"""Loss of power at any moment: what was acknowledged is in the spool or in the store.

A spool runs while every call that changes its directory is recorded. Then crashes are made of the
record: a prefix of the calls, of which what was not synced is there in any part, block by block
(4 KiB) and name by name, as a disk may leave it. `TOLLBOOK_TEST_CRASH_STATES=20000` looks at more.
"""

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tollbook_collector.spool.append import Spool
from tollbook_collector.spool.files import recover
from tollbook_collector.spool.segment import envelopes

LONG_S = 30.0
BLOCK_BYTES = 4096
STATES = int(os.environ.get("TOLLBOOK_TEST_CRASH_STATES", "1500"))
REQUESTS = 24
SEED = 7


@dataclass
class Recorder:
    """What was done to a directory, in order, as tuples that begin with the name of the call."""

    directory: Path
    done: list[tuple[Any, ...]] = field(default_factory=list)
    files: dict[int, int] = field(default_factory=dict)
    inodes: int = 0

    def record(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Record the calls of this process from now on."""
        for name in ("open", "writev", "ftruncate", "fdatasync", "fsync", "rename", "unlink"):
            monkeypatch.setattr(os, name, self._recording(name, getattr(os, name)))

    def _recording(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        note = getattr(self, f"_note_{name}")

        def call(*arguments: Any, **options: Any) -> Any:
            result = real(*arguments, **options)
            note(result, *arguments)
            return result

        return call

    def _note_open(self, descriptor: int, path: Any, flags: int, *_: Any) -> None:
        place = Path(path)
        self.files.pop(descriptor, None)
        if place == self.directory:
            self.files[descriptor] = 0
        elif place.parent == self.directory and flags & os.O_CREAT:
            self.inodes += 1
            self.files[descriptor] = self.inodes
            self.done.append(("create", place.name, self.inodes))

    def _note_writev(self, written: int, descriptor: int, parts: Any) -> None:
        if inode := self.files.get(descriptor):
            self.done.append(("write", inode, b"".join(parts)[:written]))

    def _note_ftruncate(self, _: None, descriptor: int, length: int) -> None:
        if inode := self.files.get(descriptor):
            self.done.append(("truncate", inode, length))

    def _note_fdatasync(self, _: None, descriptor: int) -> None:
        if descriptor in self.files:
            self.done.append(("sync", self.files[descriptor]))

    _note_fsync = _note_fdatasync

    def _note_rename(self, _: None, source: Any, target: Any) -> None:
        self.done.append(("rename", Path(source).name, Path(target).name))

    def _note_unlink(self, _: None, path: Any, *__: Any) -> None:
        if Path(path).parent == self.directory:
            self.done.append(("unlink", Path(path).name))


@dataclass
class Disk:
    """A disk after a prefix of the calls: what is certain of it, and what is not yet."""

    names: dict[str, int] = field(default_factory=dict)
    renames: list[tuple[Any, ...]] = field(default_factory=list)
    contents: dict[int, bytearray] = field(default_factory=dict)
    blocks: dict[int, list[tuple[int, bytes]]] = field(default_factory=dict)
    lengths: dict[int, int] = field(default_factory=dict)
    promised: set[int] = field(default_factory=set)
    stored: set[int] = field(default_factory=set)

    def apply(self, call: tuple[Any, ...]) -> None:
        """Do one call."""
        match call:
            case ("create", _, inode):
                self.contents[inode], self.blocks[inode] = bytearray(), []
                self.lengths[inode] = 0
                self.renames.append(call)
            case ("write", inode, content):
                start = self.lengths[inode]
                self.lengths[inode] += len(content)
                cuts = [0, *range(BLOCK_BYTES - start % BLOCK_BYTES, len(content), BLOCK_BYTES)]
                for cut, end in zip(cuts, [*cuts[1:], len(content)], strict=True):
                    self.blocks[inode].append((start + cut, content[cut:end]))
            case ("truncate", inode, length):
                self.lengths[inode] = length
            case ("sync", 0):
                self.names, self.renames = after(self.names, self.renames), []
            case ("sync", inode):
                self.contents[inode] = written(self.contents[inode], self.blocks[inode])
                self.blocks[inode] = []
            case ("promise", number):
                self.promised.add(number)
            case ("store", number):
                self.stored.add(number)
            case _:
                self.renames.append(call)

    def lay_out(self, directory: Path, draw: random.Random) -> None:
        """Write what the disk may hold after a loss of power now."""
        names = after(self.names, [each for each in self.renames if draw.random() < 0.5])
        for name, inode in names.items():
            there = [block for block in self.blocks[inode] if draw.random() < 0.5]
            (directory / name).write_bytes(written(self.contents[inode], there))


def after(names: dict[str, int], renames: list[tuple[Any, ...]]) -> dict[str, int]:
    """Return a directory's names after some changes of them."""
    changed = dict(names)
    for call in renames:
        match call:
            case ("create", name, inode):
                changed[name] = inode
            case ("rename", source, target) if source in changed:
                changed[target] = changed.pop(source)
            case ("unlink", name):
                changed.pop(name, None)
    return changed


def written(content: bytearray, blocks: list[tuple[int, bytes]]) -> bytearray:
    """Return a file with blocks written into it; what is before a lone one is zeros."""
    changed = bytearray(content)
    for start, block in blocks:
        changed.extend(bytes(max(0, start - len(changed))))
        changed[start : start + len(block)] = block
    return changed


def run_spool(directory: Path, recorder: Recorder) -> None:
    """Append requests, some of which are loaded and removed meanwhile."""
    # The default is the call as it was before it was recorded.
    spool = Spool(directory, 1 << 30, 12_000, 3600, 0, resends_bytes=4096, sync=os.fdatasync)
    for number in range(REQUESTS):
        body = (b"%08d" % number).ljust(3_000, b"x")
        durable = spool.append("acme", "k", body, 1, digest=b"%032d" % number)
        durable.add_done_callback(lambda _, n=number: recorder.done.append(("promise", n)))
        durable.result(LONG_S)
        segment = spool.claim(0) if number % 5 == 4 else None
        if segment is not None:
            for envelope in envelopes(spool.read(segment)):
                recorder.done.append(("store", int(envelope.request[:8])))
            spool.remove(segment)
    spool.close()


def test_what_was_acknowledged_survives_a_loss_of_power_at_any_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, crashed = tmp_path / "spool", tmp_path / "crashed"
    directory.mkdir()
    recorder = Recorder(directory)
    with monkeypatch.context() as recording:
        recorder.record(recording)
        run_spool(directory, recorder)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    draw = random.Random(SEED)
    each = -(-STATES // len(recorder.done))
    disk, looked_at = Disk(), 0

    for number, call in enumerate(recorder.done):
        disk.apply(call)
        for _ in range(each):
            crashed.mkdir()
            disk.lay_out(crashed, draw)

            kept = [
                int(envelope.request[:8])
                for segment in recover(crashed).segments
                for envelope in envelopes(segment.path.read_bytes())
            ]

            assert disk.promised <= disk.stored | set(kept), f"seed {SEED}, after call {number}"
            assert len(kept) == len(set(kept))
            shutil.rmtree(crashed)
            looked_at += 1
    assert disk.promised == set(range(REQUESTS))
    assert looked_at >= STATES
