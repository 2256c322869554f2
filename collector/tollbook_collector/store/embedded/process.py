"""The collector's side of the embedded store: start it, watch it, start it again, stop it.

The listening socket belongs to the collector and is only lent to the store's process. So a
restart keeps the address, and a connection made meanwhile waits in the socket's queue instead of
being refused.
"""

import contextlib
import http.client
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Final
from urllib.parse import urlsplit

from tollbook_collector.store.embedded.address import (
    COUNTS_PATH,
    StoreAddress,
    listen_on,
    url_of,
)
from tollbook_collector.store.embedded.answer import SANDBOXED_HEADER
from tollbook_collector.store.embedded.directory import AlreadyOwned, StoreDirectory
from tollbook_collector.store.embedded.handover import Handover
from tollbook_collector.store.embedded.owner import EXIT_ALREADY_OWNED
from tollbook_collector.store.embedded.request import USER
from tollbook_collector.store.embedded.sandbox import clean_environment

# Opening takes about a second; a directory with many parts on a slow disk takes longer.
START_S: Final = 60.0
# One question of "are you there" waits this long at first, so that a process that ends at once is
# noticed, and twice as long each further time; and how soon it is asked again.
PROBE_FIRST_S: Final = 0.25
PROBE_LAST_S: Final = 4.0
PROBE_AGAIN_S: Final = 0.05
# A crash of the engine while it opens may be an accident; so many in a row are none.
START_ATTEMPTS: Final = 3
# A restart waits this long after the first failure, and twice as long after each further one.
RESTART_FIRST_S: Final = 0.1
RESTART_LAST_S: Final = 30.0
# So many failures in so long a time are no accident any more: the store reports unhealthy, and
# goes on trying at the slowest pace.
FAILURES_MAX: Final = 5
FAILURE_WINDOW_S: Final = 120.0
# From SIGTERM to SIGKILL: longer than what the process gives its running inserts.
STOP_S: Final = 30.0
# Counts are told by the loop of the process, which waits for no query.
COUNTS_S: Final = 1.0
MODULE: Final = "tollbook_collector.store.embedded"

logger = logging.getLogger(__name__)


class StoreFailedToStart(Exception):
    """The store's process ended, or did not answer in time, before its first answer."""


class StoreCrashed(StoreFailedToStart):
    """A signal ended the store's process before its first answer."""


class EmbeddedStore:
    """An embedded store in a process of its own, kept running.

    Args:
        path: The data directory; made if it is missing.
        listen: HOST:PORT; None takes a free port on loopback.

    `restarts` counts the times that the process had to be started again. `healthy` tells whether
    the process runs and has answered since it was last started.
    """

    def __init__(self, path: Path, listen: str | None = None) -> None:
        self._directory = StoreDirectory(Path(path).resolve())
        self._listen = listen or "127.0.0.1:0"
        self._process: subprocess.Popen[bytes] | None = None
        self._address: StoreAddress | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._failures: deque[float] = deque(maxlen=FAILURES_MAX)
        self._watcher = threading.Thread(target=self._watch, name="embedded-store", daemon=True)
        self.restarts = 0
        self.healthy = False

    @property
    def address(self) -> StoreAddress:
        """How to reach the store; the same over all restarts.

        Raises:
            RuntimeError: If the store has not been started.
        """
        if self._address is None:
            raise RuntimeError("the embedded store has no address before start()")
        return self._address

    @property
    def handover(self) -> Handover:
        """How files of this machine are given to the store without sending them."""
        return Handover(self._directory.temporary)

    @property
    def pid(self) -> int | None:
        """The pid of the process, None while there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Start the process and wait until a query has been answered.

        Raises:
            AlreadyOwned: If another process owns the directory.
            StoreFailedToStart: If it does not come up within `START_S`.
            OSError: If the address cannot be listened on or the directory not be made.
        """
        self._password = self._directory.prepare()
        self._listener = listen_on(self._listen)
        try:
            sandboxed = self._start_through_crashes()
        except BaseException:
            self._end_process()
            self._listener.close()
            raise
        url = url_of(self._listener)
        self._address = StoreAddress(url, USER, self._password, sandboxed)
        self.healthy = True
        self._watcher.start()

    def stop(self, seconds: float = STOP_S) -> None:
        """Stop the process and wait for its end. It may finish running inserts for `seconds`."""
        self._stopping.set()
        self.healthy = False
        with self._lock:
            self._end_process(seconds)
        if self._watcher.is_alive():
            self._watcher.join()
        if self._address is not None:
            self._listener.close()

    def counts(self) -> dict[str, int]:
        """Return what the process has counted since its start; empty: it does not answer now."""
        answered = self._ask(COUNTS_PATH, b"", COUNTS_S) if self.healthy else None
        counts: dict[str, int] = json.loads(answered[1]) if answered else {}
        return counts

    def __enter__(self) -> "EmbeddedStore":
        """Start the store."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the store."""
        self.stop()

    def _start_through_crashes(self) -> bool:
        """Start the process, again if a signal ends it; return whether it is sandboxed."""
        for attempt in range(1, START_ATTEMPTS):
            try:
                return self._start_process()
            except StoreCrashed as error:
                logger.error("%s; attempt %d of %d", error, attempt + 1, START_ATTEMPTS)
                self._close_lifeline()
                self.restarts += 1
        return self._start_process()

    def _start_process(self) -> bool:
        """Start the process; return whether it is sandboxed, when it has answered."""
        descriptor = self._listener.fileno()
        # Never a fork of this process: the engine hangs in one, and threads run here. Standard
        # input is the lifeline: the kernel closes it with this process, however that ends.
        process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", MODULE),
                *("--path", str(self._directory.path), "--fd", str(descriptor)),
            ],
            stdin=subprocess.PIPE,
            pass_fds=[descriptor],
            env=clean_environment(os.environ, self._directory.temporary),
            cwd=self._directory.path,
            # Ctrl-C in a terminal goes to every process of its session; this one stops last.
            start_new_session=True,
        )
        self._process = process
        deadline = time.monotonic() + START_S
        probe_s = PROBE_FIRST_S
        while time.monotonic() < deadline and not self._stopping.is_set():
            sandboxed = self._probe(probe_s)
            if sandboxed is not None:
                return sandboxed
            probe_s = min(PROBE_LAST_S, 2 * probe_s)
            try:
                status = process.wait(PROBE_AGAIN_S)
            except subprocess.TimeoutExpired:
                continue
            if status == EXIT_ALREADY_OWNED:
                raise AlreadyOwned(self._directory.path, self._directory.owner_pid())
            failure = StoreCrashed if status < 0 else StoreFailedToStart
            raise failure(
                f"The embedded store in {self._directory.path} ended with status "
                f"{_status_name(status)} before it answered; what it wrote to standard error "
                "says why"
            )
        raise StoreFailedToStart(
            f"The embedded store in {self._directory.path} gave no answer within {START_S:g} s"
        )

    def _probe(self, timeout_s: float) -> bool | None:
        """Ask a real query; return whether the store is sandboxed, None without an answer.

        Raises:
            StoreFailedToStart: If the answer is an error.
        """
        answered = self._ask("/", b"SELECT 1", timeout_s)
        if answered is None:
            return None
        answer, body = answered
        if body != b"1\n":
            raise StoreFailedToStart(
                f"The embedded store in {self._directory.path} answers {answer.status} to its "
                f"first query: {body.decode(errors='replace').strip()}"
            )
        return answer.getheader(SANDBOXED_HEADER) == "1"

    def _ask(
        self, path: str, content: bytes, timeout_s: float
    ) -> tuple[http.client.HTTPResponse, bytes] | None:
        address = urlsplit(url_of(self._listener))
        connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=timeout_s
        )
        headers = {"X-ClickHouse-User": USER, "X-ClickHouse-Key": self._password}
        try:
            connection.request("POST", path, content, headers)
            answer = connection.getresponse()
            return answer, answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _watch(self) -> None:
        """Start the process again whenever it ends, until `stop`."""
        while not self._stopping.is_set():
            process = self._process
            status = process.wait() if process is not None else None
            if self._stopping.is_set():
                return
            self.healthy = False
            now = time.monotonic()
            self._failures.append(now)
            recent = [at for at in self._failures if now - at < FAILURE_WINDOW_S]
            delay_s = min(RESTART_LAST_S, RESTART_FIRST_S * 2 ** (len(recent) - 1))
            if len(recent) >= FAILURES_MAX:
                delay_s = RESTART_LAST_S
            logger.error(
                "The embedded store in %s ended with status %s; restart %d in %g s",
                self._directory.path,
                _status_name(status),
                self.restarts + 1,
                delay_s,
            )
            if self._stopping.wait(delay_s):
                return
            self._restart()

    def _restart(self) -> None:
        with self._lock:
            if self._stopping.is_set():
                return
            self.restarts += 1
            self._close_lifeline()
            try:
                self._start_process()
            except (StoreFailedToStart, AlreadyOwned, OSError) as error:
                logger.error("The embedded store did not come back: %s", error)
                self._end_process()
            else:
                self.healthy = True

    def _end_process(self, seconds: float = STOP_S) -> None:
        process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            logger.error("The embedded store did not stop within %g s: killed", seconds)
            process.kill()
            process.wait()
        self._close_lifeline()

    def _close_lifeline(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()


def _status_name(status: int | None) -> str:
    return signal.Signals(-status).name if status is not None and status < 0 else str(status)
