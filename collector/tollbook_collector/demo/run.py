"""Runs the demo: starts its processes, follows the replay, shows the result, stops them."""

import contextlib
import importlib.util
import json
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from tollbook_collector.commands.ask import CollectorAway, CollectorRefused, ask_json
from tollbook_collector.demo.child import Child, ChildFailed
from tollbook_collector.demo.plan import SERVICES, PlanTooLong, plan_calls
from tollbook_collector.demo.provider import BACKLOG_CONNECTIONS
from tollbook_collector.demo.show import show_findings, show_next, show_title
from tollbook_collector.demo.trace import TraceMissing
from tollbook_collector.settings import Settings

CLIENTS: Final = ("openai", "anthropic")
ANY_PORT: Final = "127.0.0.1:0"
# The store gets a minute to open; the collector needs a little besides.
COLLECTOR_START_S: Final = 90.0
SILENT_S: Final = 60.0  # a replay that says nothing for so long has failed
STORED_S: Final = 60.0  # from the last call until the store holds them all
LOOK_S: Final = 0.1  # between looks at the children and the store
SPEND_S: Final = 1.0  # between questions for the running cost
# Whatever a data directory holds, it is younger.
EVER: Final = "3650d"
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130


class RowsMissing(Exception):
    """The store does not hold as many rows as calls were made."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a store holds.

    Attributes:
        rows: Spans.
        calls: Model calls in the roll-up.
        cost_usd: Of all of them, exact.
    """

    rows: int
    calls: int
    cost_usd: Decimal

    @classmethod
    def at(cls, api: str) -> "Held":
        """Return what the store behind an API holds now."""
        health = ask_json(api, "/health")
        total = ask_json(api, "/v1/spend", by="service", since=EVER)["total"]
        return cls(health["store"]["spans"], total["calls"], Decimal(total["cost_usd"] or 0))

    def since(self, before: "Held") -> "Held":
        """Return what has come to it."""
        return Held(
            self.rows - before.rows,
            self.calls - before.calls,
            self.cost_usd - before.cost_usd,
        )


def run_demo(
    settings: Settings, calls: int, leave: bool, console: Console, as_json: bool = False
) -> int:
    """Replay the trace and show what it cost; from the main thread, which gets the signals.

    Args:
        settings: Of the collector; its store is the embedded one, whatever they say, as made-up
            calls have no place among those of a ClickHouse of yours. With `leave` the directory
            and the ports are others, too.
        calls: How many calls to replay, from 1.
        leave: Whether to end when done, with a JSON object as the last line, on free ports and in
            a directory that is removed; else everything goes on until Ctrl-C.
        console: Where everything is shown.
        as_json: Whether that object goes to standard output by itself.

    Returns:
        The exit status: 0, 1 for a failure, 2 if it cannot be run here, 130 after Ctrl-C before
        the replay's end.
    """
    missing = [name for name in CLIENTS if importlib.util.find_spec(name) is None]
    if missing:
        _fail(
            console,
            "the demo replays its calls through the clients of OpenAI and Anthropic, and"
            f" {' and '.join(missing)} cannot be found; try: pip install openai anthropic",
        )
        return EXIT_USAGE
    try:
        plan_calls(calls)
    except (PlanTooLong, TraceMissing) as failure:
        _fail(console, str(failure))
        return EXIT_USAGE
    with contextlib.ExitStack() as stack:
        stack.enter_context(_signals_as_interrupt())
        settings = settings.model_copy(update={"clickhouse_url": ""})
        if leave:
            settings = stack.enter_context(_throwaway(settings))
        demo = Demo(settings, calls, leave, console, as_json)
        stack.callback(demo.stop)
        try:
            return demo.run()
        except (ChildFailed, RowsMissing, CollectorAway, CollectorRefused, OSError) as failure:
            _fail(console, str(failure))
            return EXIT_FAILED
        except KeyboardInterrupt:
            console.print("\nStopping …")
            return 0 if demo.serving else EXIT_INTERRUPTED


class Demo:
    """The demo's processes and what is known of them.

    Args:
        settings: Of the collector.
        calls: How many calls to replay.
        leave: Whether to end when done.
        console: Where everything is shown.
        as_json: Whether what came of it goes to standard output by itself.
    """

    def __init__(
        self, settings: Settings, calls: int, leave: bool, console: Console, as_json: bool = False
    ) -> None:
        self._settings = settings
        self._calls = calls
        self._leave = leave
        self._console = console
        self._as_json = as_json
        self._log = settings.data / "demo.log"
        self._children: list[Child] = []
        self.serving = False

    def run(self) -> int:
        """Do everything in order; return the exit status."""
        console = self._console
        show_title(console, self._calls, {name: version(name) for name in CLIENTS})
        self._settings.data.mkdir(parents=True, exist_ok=True)
        self._log.write_bytes(b"")  # what an earlier demo met is not this one's
        with console.status("starting the collector and its embedded store …"):
            addresses = self._start_collector()
            provider = self._start_provider()
        api = addresses["api"]
        before = Held.at(api)
        started = time.monotonic()
        held = self._replay(addresses, provider, before)
        seconds = time.monotonic() - started
        show_findings(console, api, held.rows, held.cost_usd, seconds, before.calls)
        if self._leave:
            told = Console(soft_wrap=True) if self._as_json else console
            told.print(Text(self._summary(held, seconds)), soft_wrap=True)
            return 0
        show_next(console, addresses, provider, self._settings.data)
        self._serve()
        return 0

    def stop(self) -> None:
        """End all processes, the last one started first."""
        while self._children:
            self._children.pop().stop()

    def _start_collector(self) -> dict[str, str]:
        child = self._start("collector", "collect", [], self._settings_line())
        line = child.line(COLLECTOR_START_S)
        if line is None:
            raise child.failure(f"did not start within {COLLECTOR_START_S:g} s")
        said: dict[str, str] = json.loads(line)
        if "failure" in said:
            raise ChildFailed(said["failure"])
        return said

    def _settings_line(self) -> str:
        return json.dumps(self._settings.model_dump(mode="json"))

    def _start_provider(self) -> str:
        with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG_CONNECTIONS) as listener:
            descriptor = listener.fileno()
            self._start("provider", "provider", ["--fd", str(descriptor)], "", descriptor)
            return f"http://127.0.0.1:{listener.getsockname()[1]}"

    def _start(
        self, name: str, module: str, arguments: list[str], first_line: str = "", *fds: int
    ) -> Child:
        module = f"tollbook_collector.demo.{module}"
        child = Child(name, module, arguments, self._log, first_line, fds)
        self._children.append(child)
        return child

    def _replay(self, addresses: dict[str, str], provider: str, before: Held) -> Held:
        arguments = ["--calls", str(self._calls), "--provider", provider]
        arguments += ["--endpoint", addresses["otlp_http"]]
        replays = [
            self._start(f"replay of {service}", "replay", ["--service", service, *arguments])
            for service in SERVICES.values()
        ]
        follower = Follower(self._console, self._calls, addresses["api"], before)
        with follower.progress:
            follower.follow(replays, self._check)
            held = self._wait_until_stored(addresses["api"], before)
            follower.show(held.cost_usd)
        return held

    def _wait_until_stored(self, api: str, before: Held) -> Held:
        deadline = time.monotonic() + STORED_S
        held, said = Held(0, 0, Decimal(0)), ""
        while min(held.rows, held.calls) < self._calls:
            if time.monotonic() > deadline:
                raise RowsMissing(
                    f"{self._calls} calls were made, but {STORED_S:g} s later the store holds"
                    f" {held.rows} rows and {held.calls} calls in its sums; see {self._log}{said}"
                )
            self._check()
            time.sleep(LOOK_S)
            try:
                held, said = Held.at(api).since(before), ""
            except CollectorRefused as refusal:  # while its store is away; it comes back
                said = f" (the collector says: {refusal})"
        # Only a collector of the demo's own has nobody else that sends to it.
        if self._leave and (held.rows, held.calls) != (self._calls, self._calls):
            raise RowsMissing(
                f"{self._calls} calls were made, but the store holds {held.rows} rows and"
                f" {held.calls} calls in its sums: some came twice"
            )
        return held

    def _summary(self, held: Held, seconds: float) -> str:
        return json.dumps(
            {
                "calls": self._calls,
                "rows": held.rows,
                "cost_usd": format(held.cost_usd, "f"),
                "seconds": round(seconds, 3),
            }
        )

    def _serve(self) -> None:
        self.serving = True
        while True:
            self._check()
            time.sleep(LOOK_S)

    def _check(self) -> None:
        """Raise ChildFailed if the collector or the provider is not there any more."""
        for child in self._children[:2]:
            if (status := child.status) is not None:
                raise child.failure(f"ended with status {status}")


class Follower:
    """Shows how far the replays are, and what they have cost so far.

    Args:
        console: Where to.
        calls: How many calls are made in all.
        api: Address of the collector's API.
        before: What the store held at the start.
    """

    def __init__(self, console: Console, calls: int, api: str, before: Held) -> None:
        self._api = api
        self._before = before
        self._asked = self._heard = time.monotonic()
        self._first_heard: float | None = None
        self._done: dict[str, int] = {}
        self.progress = Progress(
            TextColumn("replaying"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("calls"),
            TextColumn("{task.fields[rate]:>5.0f} calls/s", style="cyan"),
            TextColumn("${task.fields[cost_usd]:,.2f}", style="bold green"),
            console=console,
            expand=True,
        )
        self._task = self.progress.add_task("", total=calls, rate=0.0, cost_usd=Decimal(0))

    def follow(self, replays: list[Child], check: Callable[[], None]) -> None:
        """Show the progress of the replays until all have ended.

        Args:
            replays: The processes.
            check: Called between looks; raises what ends the demo.

        Raises:
            ChildFailed: One failed or was silent for SILENT_S.
        """
        while any(not replay.ended for replay in replays):
            check()
            for replay in replays:
                self._hear(replay)
            self._show_calls()
            if time.monotonic() - self._asked > SPEND_S:
                # A store that is away for a moment is no reason to end; the calls go on.
                with contextlib.suppress(CollectorRefused):
                    self.show(Held.at(self._api).since(self._before).cost_usd)
                self._asked = time.monotonic()
            time.sleep(LOOK_S)
        self._show_calls()

    def show(self, cost_usd: Decimal) -> None:
        """Show what the calls have cost so far."""
        self.progress.update(self._task, cost_usd=cost_usd)

    def _hear(self, replay: Child) -> None:
        while (line := replay.line(0)) is not None:
            self._done[replay.name] = json.loads(line)["done"]
            self._heard = time.monotonic()
            self._first_heard = self._first_heard or self._heard
        if time.monotonic() - self._heard > SILENT_S and not replay.ended:
            raise replay.failure(f"has said nothing for {SILENT_S:g} s")

    def _show_calls(self) -> None:
        if self._first_heard is None:
            return
        done = sum(self._done.values())
        if done < (self.progress.tasks[self._task].total or 0):
            seconds = max(time.monotonic() - self._first_heard, LOOK_S)
            self.progress.update(self._task, rate=done / seconds)
        self.progress.update(self._task, completed=done)


@contextlib.contextmanager
def _throwaway(settings: Settings) -> Iterator[Settings]:
    """Give settings with free ports and a directory of their own that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="tollbook-demo-") as directory:
        own = {"data": Path(directory), "otlp_http": ANY_PORT, "otlp_grpc": ANY_PORT}
        yield settings.model_copy(update={**own, "api": ANY_PORT})


@contextlib.contextmanager
def _signals_as_interrupt() -> Iterator[None]:
    """Let SIGTERM and SIGINT stop the demo, the latter also where a shell has it ignored."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _fail(console: Console, message: str) -> None:
    console.print(Text(f"tollbook: {message}", style="red"), soft_wrap=True)
