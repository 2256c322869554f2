"""The work that tollbook adds to a model call, counted in instructions, beside a bare span's.

A count is the same on a busy machine and on an idle one, which no clock is. Valgrind runs a process
in which each block of calls of the real clients is counted by itself, on the calling thread alone:
with the libraries as they are (A), metered (B), and inside of a span of fifteen attributes that
OpenTelemetry's BatchSpanProcessor takes (C). What is printed is B - A and C - A, for a call, and A
again at the end (A'), which says how exact a count is. What the collector of garbage does for what
was left behind is in no block: it is called before each. Answers come from inside of the process.

It needs valgrind, and takes about ten minutes of CPU: `make instructions`.
"""

import argparse
import asyncio
import gc
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from processes import in_spans
from scenarios import Call, calls

CALLS: Final = 20  # in a block
WARM_CALLS: Final = 12  # before each, so that all is imported, remembered and specialised
TOGGLE: Final = "sys_call_tracing"  # the C function that a block runs in, and nothing else does
DEADLINE_S: Final = 3000.0
ARMS: Final = ("A", "B", "C", "A'")


def tracer() -> Any:
    """Return a tracer of OpenTelemetry's SDK with its usual processor, and nobody to send to."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        def export(self, spans: object) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    trace.set_tracer_provider(provider)
    return provider.get_tracer("floor")


def work(names: list[str]) -> None:
    """Run the blocks; valgrind writes what each took when it ends."""
    import tollbook

    logging.disable()  # nobody takes the spans
    tollbook.instrument(service="benchmark", endpoint="http://127.0.0.1:9")
    loop = asyncio.new_event_loop()
    plain, metered, in_a_span = calls(False, loop), calls(True, loop), in_spans(tracer())
    for name in names or plain:
        call = plain[name]
        for arm in (call, metered[name], in_a_span(call), call):
            for _ in range(WARM_CALLS):
                arm()
            gc.collect()
            gc.disable()
            sys.call_tracing(block, (arm,))
            gc.enable()
        print(name, flush=True)
    os._exit(0)


def block(call: Call) -> None:
    """Make the calls of a block."""
    for _ in range(CALLS):
        call()


def counts(folder: Path) -> list[int]:
    """Return the instructions of each block, in the order in which they ended."""
    found: list[tuple[int, int]] = []
    for path in folder.glob("block.*"):
        said = dict(re.findall(r"^(part|summary|desc: Trigger): (.+)$", path.read_text(), re.M))
        if said["desc: Trigger"].startswith("--dump-after"):
            found.append((int(said["part"]), int(said["summary"])))
    return [total for _, total in sorted(found)]


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenarios", nargs="*", help="some of them; default all")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        work(asked.scenarios)
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise SystemExit("valgrind is missing; install it, as by `apt-get install valgrind`")
    with tempfile.TemporaryDirectory() as folder:
        ran = subprocess.run(
            [
                *(
                    valgrind,
                    "--tool=callgrind",
                    "--collect-atstart=no",
                    f"--toggle-collect={TOGGLE}",
                ),
                *(f"--dump-after={TOGGLE}", f"--callgrind-out-file={folder}/block"),
                *(sys.executable, __file__, "--work", *asked.scenarios),
            ],
            env={**os.environ, "PYTHONHASHSEED": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        blocks = counts(Path(folder))
        names = [line for line in ran.stdout.splitlines() if not line.startswith("==")]
        print(ran.stdout if len(blocks) < len(ARMS) * len(names) or not names else "", end="")
    print(f"thousands of instructions of a call, of blocks of {CALLS}, on the calling thread")
    print(f"{'':24} {'without':>9} {'tollbook adds':>14} {'a bare span adds':>17} {'again':>9}")
    for number, name in enumerate(names):
        plain, metered, spanned, again = (
            count / CALLS / 1e3 for count in blocks[number * len(ARMS) :][: len(ARMS)]
        )
        print(
            f"{name:24} {plain:9.1f} {metered - plain:+14.1f} {spanned - plain:+17.1f}"
            f" {again - plain:+9.1f}"
        )


if __name__ == "__main__":
    main()
