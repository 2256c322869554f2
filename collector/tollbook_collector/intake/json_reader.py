"""Step 5, read JSON: large OTLP/JSON bodies are read in a process of its own.

Python's reader of JSON keeps the interpreter until it is done (measured: 74 ms for 1 MiB of short
strings, seconds for 64), and with it every other sender. The process is started for the first body
that needs it, gets one at a time, and ends with the collector or after a very large one, whose
memory it would keep. Each message, there and back, is a number, a length, and so many bytes.
"""

import contextlib
import resource
import struct
import subprocess
import sys
import threading
from typing import IO, Any, Final

from tollbook_collector.intake.decompress import TooLarge
from tollbook_collector.intake.otlp_json import NotOtlpJson, to_protobuf
from tollbook_collector.intake.signals import SIGNALS, Signal

# Up to this size a body is read at once; the interpreter is kept for 10 ms at most.
HERE_BYTES_MAX: Final = 128 * 1024
# After a larger one the process ends, and gives its memory back.
KEPT_BYTES_MAX: Final = 8 * 1024 * 1024
# What the process may take: 64 MiB of JSON with two million objects need half of it.
MEMORY_BYTES_MAX: Final = 2 * 1024 * 1024 * 1024
# 64 MiB of spans take some 10 s.
READ_S: Final = 60.0
END_S: Final = 5.0
MODULE: Final = "tollbook_collector.intake.json_reader"

_HEAD: Final = struct.Struct("<BQ")
# What the process answers: protobuf, or the words of a refusal.
_DONE: Final = 0
_REFUSALS: Final[dict[int, type[NotOtlpJson] | type[TooLarge]]] = {1: NotOtlpJson, 2: TooLarge}


class JsonReaderEnded(Exception):
    """The process that reads JSON ended or took too long; nothing of a body was kept."""


class JsonReader:
    """Reads OTLP/JSON, large bodies in a process of its own.

    Args:
        here_bytes_max: Bytes up to which a body is read in this process.
        read_s: Seconds after which the process is ended with what it reads.
    """

    def __init__(self, here_bytes_max: int = HERE_BYTES_MAX, read_s: float = READ_S) -> None:
        self._here_bytes_max = here_bytes_max
        self._read_s = read_s
        self._one_at_a_time = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def to_protobuf(self, signal: Signal, body: bytes) -> bytes:
        """Return an OTLP/JSON request as protobuf.

        Raises:
            NotOtlpJson: It is not JSON, or not of this signal.
            TooLarge: It has more in it than a request may, or takes too much memory to read.
            JsonReaderEnded: The process ended; the sender may try again.
        """
        if len(body) <= self._here_bytes_max:
            return to_protobuf(signal, body)
        with self._one_at_a_time:
            process = self._started()
            in_time = threading.Timer(self._read_s, process.kill)
            in_time.start()
            try:
                number, answer = _ask(process, SIGNALS.index(signal), body)
            except (EOFError, OSError) as error:
                process.kill()
                self._end()
                raise JsonReaderEnded(
                    f"{len(body)} B of JSON were not read within {self._read_s:.0f} s, or the"
                    " process that reads them ended; try again later"
                ) from error
            finally:
                in_time.cancel()
            if len(body) > KEPT_BYTES_MAX:
                self._end()
        if number != _DONE:
            raise _REFUSALS[number](answer.decode())
        return answer

    def close(self) -> None:
        """End the process; what it reads is answered with JsonReaderEnded."""
        self._closed = True
        if (process := self._process) is not None:
            process.kill()
        with self._one_at_a_time:
            self._end()

    def _started(self) -> "subprocess.Popen[bytes]":
        if self.pid is None:
            self._end()
            if self._closed:
                raise JsonReaderEnded("the collector is stopping; try again later")
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # Ctrl-C is for the collector, which ends this one.
                process_group=0,
            )
        assert self._process is not None
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with process:
            if process.stdin is not None:
                # What could not be written is still in its buffer.
                with contextlib.suppress(OSError):
                    process.stdin.close()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _ask(process: "subprocess.Popen[bytes]", number: int, body: bytes) -> tuple[int, bytes]:
    assert process.stdin is not None
    assert process.stdout is not None
    _write(process.stdin, number, body)
    return _read(process.stdout)


def _write(pipe: IO[bytes], number: int, content: bytes) -> None:
    pipe.write(_HEAD.pack(number, len(content)))
    pipe.write(content)
    pipe.flush()


def _read(pipe: IO[bytes]) -> tuple[int, bytes]:
    head = pipe.read(_HEAD.size)
    if len(head) < _HEAD.size:
        raise EOFError
    number, size_bytes = _HEAD.unpack(head)
    content = pipe.read(size_bytes)
    if len(content) < size_bytes:
        raise EOFError
    return number, content


def _answered(number: int, body: bytes) -> tuple[int, bytes]:
    refusal: Any
    try:
        return _DONE, to_protobuf(SIGNALS[number], body)
    except (NotOtlpJson, TooLarge) as error:
        refusal = error
    except MemoryError:
        refusal = TooLarge("the body takes too much memory to read; send smaller requests")
    kind = next(each for each, named in _REFUSALS.items() if type(refusal) is named)
    return kind, str(refusal).encode(errors="replace")


def main() -> None:
    """Read bodies from standard input until it ends, and answer each on standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    while True:
        try:
            number, body = _read(sys.stdin.buffer)
        except EOFError:
            return
        _write(sys.stdout.buffer, *_answered(number, body))


if __name__ == "__main__":
    main()
