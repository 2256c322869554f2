"""What each way of watching model calls adds to them, in fresh processes of each, run in turn.

Two processes that do the same differ by some percent, as what is where in memory differs. So there
are many groups of fresh processes, one of each arm, which make a block of calls each in an order of
chance, round after round: what the machine does meanwhile meets all of them alike, and few enough
are alive for the caches to hold them. The figure of a process is the lower quartile of its calls,
which others disturbed least; that of an arm is the difference to the process without any in the
same group. What is printed is the median of the groups, with the interval that holds nine of ten
medians of groups drawn anew with replacement. What a call leaves behind, garbage and work of the
export threads, is on the process of its own arm.

The arms: no instrumentation; tollbook, in a program that has OpenTelemetry's SDK too; a bare span
of fifteen attributes; and OpenTelemetry's own instrumentations, where these are installed:
`opentelemetry-instrumentation-genai-openai` and `opentelemetry-instrumentation-genai-anthropic`.
"""

import asyncio
import gc
import importlib.util
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from scenarios import Call, calls

WITHOUT: Final = "without"
TOLLBOOK: Final = "tollbook"
SPAN: Final = "a bare span"
OTEL: Final = "OpenTelemetry's"
SCENARIOS: Final = (
    *("openai chat", "openai chat, async", "openai stream of 50", "openai stream, async"),
    *("openai responses", "openai responses stream", "openai embeddings"),
    *("anthropic message", "anthropic stream of 50"),
)
BLOCK_US: Final = 20_000  # a block takes about so long
WHOLE_US: Final = 100_000  # and one whose processor time is that of all threads, with the flush
WHOLE_BLOCKS: Final = 4
WARM_BLOCKS: Final = 3
WARM_CALLS: Final = 8
DRAWS: Final = 2000
FLUSH_S: Final = 10.0
ENDING_S: Final = 10.0


def tracer_of(url: str) -> Any:
    """Return a tracer of OpenTelemetry's SDK with its usual exporter, made the global one."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
    trace.set_tracer_provider(provider)
    return provider.get_tracer("floor")


def in_spans(tracer: Any) -> Callable[[Call], Call]:
    """Return what puts each call into a span of fifteen attributes."""
    attributes = {f"gen_ai.attribute.{number}": f"value {number}" for number in range(15)}

    def in_a_span(call: Call) -> Call:
        def spanned() -> object:
            with tracer.start_as_current_span("chat", attributes=attributes):
                return call()

        return spanned

    return in_a_span


def as_it_is(call: Call) -> Call:
    """Return the call."""
    return call


def nothing() -> None:
    """Deliver nothing, as there is nothing."""


def set_up(arm: str, url: str) -> tuple[Callable[[Call], Call], Callable[[], object]]:
    """Set an arm up; return what is put around its calls, and what delivers its spans."""
    if arm == WITHOUT:
        return as_it_is, nothing
    tracer = tracer_of(url)
    if arm == TOLLBOOK:
        import tollbook

        tollbook.instrument(service="benchmark", endpoint=url)
        return as_it_is, partial(tollbook.flush, FLUSH_S)
    from opentelemetry import trace

    provider: Any = trace.get_tracer_provider()
    if arm == SPAN:
        return in_spans(tracer), provider.force_flush
    from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument()
    AnthropicInstrumentor().instrument()
    return as_it_is, provider.force_flush


def serve(arm: str, url: str) -> None:
    """Be a process of an arm: make the blocks that standard input asks for, and tell their times.

    A line asks for a block by scenario, calls, and whether to flush; the answer is a line too.
    """
    loop = asyncio.new_event_loop()
    around, flush = set_up(arm, url)
    made = {name: around(call) for name, call in calls(arm == TOLLBOOK, loop).items()}
    print(json.dumps({"ready": arm}), flush=True)
    for line in sys.stdin:
        name, number, whole = json.loads(line)
        print(json.dumps(block(made[name], number, flush if whole else None)), flush=True)


def block(call: Call, number: int, flush: Callable[[], object] | None) -> dict[str, Any]:
    """Make some calls; return nanoseconds of each by two clocks, and of the process for all."""
    if flush is not None:
        gc.collect()
        gc.freeze()
    clocks, cpu = time.perf_counter_ns, time.thread_time_ns
    wall_ns, cpu_ns = [], []
    began_ns = time.process_time_ns()
    for _ in range(number):
        cpu_began_ns, wall_began_ns = cpu(), clocks()
        call()
        wall_ns.append(clocks() - wall_began_ns)
        cpu_ns.append(cpu() - cpu_began_ns)
    if flush is not None:
        flush()
    return {"wall": wall_ns, "cpu": cpu_ns, "process": (time.process_time_ns() - began_ns) / number}


class Figures(NamedTuple):
    """Microseconds of a call: on the wall, of its thread's processor, and of all threads."""

    wall: float
    cpu: float
    process: float


class Process:
    """A process of an arm."""

    def __init__(self, arm: str, url: str) -> None:
        self.arm = arm
        command = [sys.executable, __file__, arm, url]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)

    def answer(self) -> dict[str, Any]:
        """Return the next answer."""
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise SystemExit(f"a process of {self.arm!r} ended; what it said is above")
        found: dict[str, Any] = json.loads(line)
        return found

    def block(self, name: str, number: int, *, whole: bool) -> dict[str, Any]:
        """Have a block made."""
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps([name, number, whole]) + "\n")
        self._child.stdin.flush()
        return self.answer()

    def end(self) -> None:
        """End it."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        try:
            self._child.wait(ENDING_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def compare(url: str, names: Sequence[str], copies: int, rounds: int) -> None:
    """Print what each arm adds to the calls of each scenario.

    Args:
        url: A collector that takes everything.
        names: Of scenarios; none for those of the libraries that all arms watch.
        copies: Groups of processes.
        rounds: Blocks of each process.
    """
    arms = [WITHOUT, TOLLBOOK, SPAN]
    if importlib.util.find_spec("opentelemetry.instrumentation.genai") is not None:
        arms.append(OTEL)
    names = names or SCENARIOS
    groups: dict[str, list[dict[str, Figures]]] = {name: [] for name in names}
    for copy in range(copies):
        chance = random.Random(copy)
        processes = [Process(arm, url) for arm in chance.sample(arms, len(arms))]
        try:
            for process in processes:
                process.answer()
            for name in names:
                groups[name].append(measure(processes, name, rounds, chance))
        finally:
            for process in processes:
                process.end()
        print(f"{copy + 1} of {copies} groups", file=sys.stderr, flush=True)
    print(f"microseconds that are added to a call: medians of {copies} groups of fresh processes")
    print("[and what holds 90 % of the medians of groups drawn anew]")
    for name in names:
        print_scenario(name, arms, groups[name])


def measure(
    processes: Sequence[Process], name: str, rounds: int, chance: random.Random
) -> dict[str, Figures]:
    """Have the blocks of a scenario made, in turn; return the microseconds of a call by arm."""
    warm_ns = [
        min(process.block(name, WARM_CALLS, whole=True)["wall"])
        for _ in range(WARM_BLOCKS)
        for process in processes
    ]
    number = max(int(BLOCK_US * 1e3 / min(warm_ns)), 1)
    whole_number = max(int(WHOLE_US * 1e3 / min(warm_ns)), 1)
    took: dict[str, dict[str, list[int]]] = {one.arm: {"wall": [], "cpu": []} for one in processes}
    for _ in range(rounds):
        for process in chance.sample(processes, len(processes)):
            found = process.block(name, number, whole=False)
            for clock, took_ns in took[process.arm].items():
                took_ns += found[clock]
    whole_ns: dict[str, list[float]] = {one.arm: [] for one in processes}
    for _ in range(WHOLE_BLOCKS):
        for process in chance.sample(processes, len(processes)):
            found = process.block(name, whole_number, whole=True)
            whole_ns[process.arm].append(found["process"])
    return {
        arm: Figures(
            *(statistics.quantiles(of[clock], n=4)[0] / 1e3 for clock in ("wall", "cpu")),
            statistics.median(whole_ns[arm]) / 1e3,
        )
        for arm, of in took.items()
    }


def print_scenario(name: str, arms: Sequence[str], groups: Sequence[dict[str, Figures]]) -> None:
    """Print a line for each arm."""
    print(f"{name:26} {'on the wall':^22} {'thread of the caller':^22} {'all threads, flush':^22}")
    for arm in arms:
        cells = []
        for clock in range(len(Figures._fields)):
            if arm == WITHOUT:
                cells.append(f"{statistics.median(group[arm][clock] for group in groups):.0f}")
            else:
                cells.append(added([group[arm][clock] - group[WITHOUT][clock] for group in groups]))
        print(f"  {arm:24} {cells[0]:^22} {cells[1]:^22} {cells[2]:^22}", flush=True)


def added(differences: Sequence[float]) -> str:
    """Return the median, and what holds nine of ten medians of differences drawn anew."""
    chance = random.Random(1)
    number = len(differences)
    drawn = sorted(statistics.median(chance.choices(differences, k=number)) for _ in range(DRAWS))
    low, high = drawn[DRAWS // 20], drawn[-DRAWS // 20]
    return f"{statistics.median(differences):+.0f} [{low:+.0f} {high:+.0f}]"


if __name__ == "__main__":
    serve(*sys.argv[1:])
