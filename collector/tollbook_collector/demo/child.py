"""A child process of the demo: started, listened to line by line, and stopped."""

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

LINES_MAX: Final = 1024  # that wait to be read; beyond, the child waits
LOG_TAIL_LINES: Final = 12
DROP_S: Final = 0.05  # between looks whether the reader of a stopped child has ended
STOP_S: Final = 45.0  # from SIGTERM to SIGKILL; the store may finish what it is writing
# What would send the demo's calls or spans elsewhere, or switch them off.
FOREIGN_PREFIXES: Final = ("TOLLBOOK_", "OTEL_", "OPENAI_", "ANTHROPIC_")


class ChildFailed(Exception):
    """A process of the demo ended, or was silent, when it should not; the message says why."""


class Child:
    """A process that runs one module of this package.

    Args:
        name: For messages.
        module: Run by `python -m`.
        arguments: Of its command line.
        log: File that its standard error is appended to.
        first_line: Written to its standard input, which then stays open as its lifeline.
        pass_fds: Descriptors that it inherits.
    """

    def __init__(
        self,
        name: str,
        module: str,
        arguments: Sequence[str],
        log: Path,
        first_line: str = "",
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.name = name
        self._log = log
        self._lines: queue.Queue[str | None] = queue.Queue(LINES_MAX)
        self._ended = False
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=own_environment(os.environ),
                pass_fds=tuple(pass_fds),
                text=True,
                # Ctrl-C is for the demo alone, which stops its children in order.
                process_group=0,
            )
        self._reader = threading.Thread(target=self._read, name=f"read {name}", daemon=True)
        self._reader.start()
        if first_line and self._process.stdin is not None:
            with contextlib.suppress(OSError):  # it ended at once: its log says why
                self._process.stdin.write(f"{first_line}\n")
                self._process.stdin.flush()

    def line(self, timeout_s: float) -> str | None:
        """Return the next line that it says, None if there is none within `timeout_s` seconds.

        Raises:
            ChildFailed: It ended with another status than 0.
        """
        if self._ended:
            return None
        try:
            line = self._lines.get(timeout=timeout_s) if timeout_s else self._lines.get_nowait()
        except queue.Empty:
            return None
        if line is None:
            self._ended = True
            if self._process.wait():
                raise self.failure(f"ended with status {self._process.returncode}")
        return line

    @property
    def ended(self) -> bool:
        """Whether it ended and all of its lines were read."""
        return self._ended

    @property
    def status(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def failure(self, what: str) -> ChildFailed:
        """Return an error that tells what happened to it, with the end of its log."""
        with contextlib.suppress(OSError):
            tail = self._log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
            if tail:
                what = "\n".join([f"{what}; the end of {self._log}:", *tail])
        return ChildFailed(f"the {self.name} {what}")

    def stop(self) -> None:
        """End it, waiting for STOP_S at most. May be called again."""
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._drop_lines()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _read(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        for line in stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _drop_lines(self) -> None:
        """Let the reader come to its end."""
        while self._reader.is_alive():
            with contextlib.suppress(queue.Empty):
                self._lines.get(timeout=DROP_S)
            self._reader.join(DROP_S)


def own_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what would lead the demo's processes astray."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith(FOREIGN_PREFIXES) and not name.lower().endswith("_proxy")
    }
    return {**kept, "PYTHONUNBUFFERED": "1"}
