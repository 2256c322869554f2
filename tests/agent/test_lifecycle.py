"""The ends of a process: signals, workers, `os._exit`; and what the collector learns of losses."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from waiting import PATIENT, wait_until

import tollbook
from tollbook import deliver, span_file
from tollbook.process import PROCESS
from tollbook.send import RETRY_AFTER_S_MAX, seconds
from tollbook.span_file import SpanFile, unsettled
from tollbook.tally import Losses
from tollbook.termination import WAIT_S, Termination

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}
HURRIED = """
import os, signal, sys, threading, time, tollbook
def call(who):
    with tollbook.tags(who=who), tollbook.call(provider="local", model="llama"):
        pass
if __name__ != "never":
    tollbook.instrument(endpoint=os.environ.get("TARGET") or os.environ["COLLECTOR"])
"""
PROGRAM = PATIENT + HURRIED
# A send to a collector that hangs takes ten seconds: what waited for one is over this, and what did
# not is under it on a busy machine too.
NO_SEND_S = 8.0


@pytest.fixture
def hole() -> Iterator[str]:
    """The URL of a collector that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def whose(collector: Any) -> list[str]:
    return sorted(span.attributes["tollbook.tags.who"] for span in collector.spans)


KILL_SELF = 'call("main"); os.kill(os.getpid(), signal.SIGTERM); signal.pause()'


def test_sigterm_delivers_first_and_the_process_dies_of_it_as_it_would_have(
    run_python: Any, collector: Any
) -> None:
    ended = run_python(PROGRAM + KILL_SELF)

    assert ended.returncode == -signal.SIGTERM
    assert (whose(collector), ended.stderr) == (["main"], "")


def test_sigterm_is_put_off_for_less_than_two_seconds_where_the_collector_hangs(
    run_python: Any, hole: str
) -> None:
    began = time.monotonic()

    ended = run_python(HURRIED + KILL_SELF, TARGET=hole)

    assert ended.returncode == -signal.SIGTERM
    assert WAIT_S < 2.0
    assert time.monotonic() - began < NO_SEND_S  # the start of the interpreter included


def test_sigterm_ends_a_process_whose_main_thread_holds_our_locks(run_python: Any) -> None:
    program = """
call("main")
exporter = tollbook.process.PROCESS.exporter
with exporter._cycle, exporter._progress:
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()
"""

    ended = run_python(HURRIED + program)

    assert ended.returncode == -signal.SIGTERM


@pytest.mark.parametrize(
    ("handler", "status"),
    [("lambda *_: sys.exit(7)", 7), ("lambda *_: print('theirs') or sys.exit(0)", 0)],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_the_programs_own_handler_of_sigterm_is_in_charge(
    handler: str, status: int, when: str, run_python: Any, collector: Any
) -> None:
    install = f"signal.signal(signal.SIGTERM, {handler})\n"
    before, after = (install, "") if when == "before" else ("", install)
    program = "import signal, sys\n" + before + PROGRAM + after + KILL_SELF

    ended = run_python(program)

    assert (ended.returncode, ended.stderr) == (status, "")
    assert whose(collector) == ["main"]


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", "SIG_IGN"),
        ("os.environ['TOLLBOOK_HANDLE_SIGTERM'] = 'false'", "SIG_DFL"),
        ("", "Termination"),
    ],
)
def test_a_program_that_ignores_sigterm_goes_on_ignoring_it(
    first: str, expected: str, run_python: Any
) -> None:
    show = "print(repr(signal.getsignal(signal.SIGTERM)))"
    program = f"import os, signal\n{first}\n{PROGRAM}\n{show}"

    ended = run_python(program)

    assert expected in ended.stdout


def test_only_the_main_thread_takes_the_signal(run_python: Any) -> None:
    program = """
import signal, threading
thread = threading.Thread(target=lambda: exec(compile(SOURCE, "x", "exec"), dict(globals())))
thread.start()
thread.join()
print(signal.getsignal(signal.SIGTERM))
"""

    ended = run_python(f"SOURCE = {PROGRAM!r}\n{program}")

    assert (ended.stdout, ended.stderr) == ("0\n", "")


WORKER = """
import multiprocessing, concurrent.futures
if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    call("parent")
    worker = context.Process(target=call, args=("process",))
    worker.start()
    worker.join()
    with context.Pool(1) as pool:
        pool.apply(call, ("pool",))
        pool.close()
        pool.join()
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor:
        executor.submit(call, "executor").result()
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing_deliver_at_their_end(
    method: str, run_file: Callable[[str], Any], collector: Any
) -> None:
    ended = run_file(PROGRAM + WORKER.format(method=method))

    assert (ended.returncode, ended.stderr) == (0, "")
    assert whose(collector) == ["executor", "parent", "pool", "process"]


@pytest.fixture
def run_file(tmp_path: Path, run_python: Any) -> Callable[[str], Any]:
    """Run a program from a file, which children of spawn can import."""

    def run(program: str) -> Any:
        path = tmp_path / "program.py"
        path.write_text(program)
        return run_python(
            "import runpy, subprocess, sys\n"
            f"sys.exit(subprocess.run([sys.executable, {str(path)!r}]).returncode)"
        )

    return run


DIE = {
    "os._exit": "os._exit(3)",
    "kill -9": "os.kill(os.getpid(), signal.SIGKILL)",
    "worker": "child = os.fork()\nif child == 0: call('child')\nelse: os.wait()\nos._exit(0)",
}


@pytest.mark.parametrize("death", DIE)
def test_spans_of_a_process_that_was_killed_are_delivered_by_the_next_one(
    death: str, run_python: Any, collector: Any, tmp_path: Path
) -> None:
    directory = str(tmp_path / "spans")
    waits = "import tollbook.export\ntollbook.export.EXPORT_INTERVAL_S = 600.0\n"
    program = f"{waits}{PROGRAM}call('first'); call('second')\n{DIE[death]}"
    run_python(program, TOLLBOOK_SPAN_DIRECTORY=directory)
    lost = len(collector.spans)

    ended = run_python(PROGRAM + "call('next')", TOLLBOOK_SPAN_DIRECTORY=directory)

    assert lost == 0
    assert ended.stderr == ""
    expected = ["first", "next", "second", *(["child"] if death == "worker" else [])]
    assert whose(collector) == sorted(expected)
    assert list(Path(directory).iterdir()) == []


def test_a_living_process_keeps_its_file_to_itself(tmp_path: Path) -> None:
    losses = Losses()
    own = SpanFile(str(tmp_path), losses)
    own.take_over(b"x" * 40)
    other = SpanFile(str(tmp_path), losses)

    assert list(span_file.recovered(str(tmp_path), other.path, losses)) == []


def test_a_torn_span_file_costs_only_the_last_span(tmp_path: Path) -> None:
    kept = SpanFile(str(tmp_path), Losses())
    spans = [bytes([number]) * 40 for number in range(4)]
    for span in spans:
        kept.take_over(span)
    kept.settled([spans[1]])
    whole = kept.path.read_bytes()

    assert unsettled(whole) == [spans[0], spans[2], spans[3]]
    assert unsettled(whole[: 3 * (40 + 9) + 20]) == spans[:3]
    assert unsettled(whole[:60] + b"\xff" + whole[61:]) == spans[:1]


def test_a_span_file_without_room_costs_only_the_safety(
    openai_client: openai.OpenAI,
    collector: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOLLBOOK_SPAN_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(span_file, "FILE_BYTES_MAX", 10)
    monkeypatch.setattr(PROCESS, "exporter", None)
    tollbook.instrument(endpoint=collector.url)

    openai_client.chat.completions.create(**CHAT)
    flushed = tollbook.flush(60)

    assert (flushed.delivered, flushed.lost["spool_full"]) == (1, 1)


def test_a_span_directory_that_cannot_be_written_is_refused_at_once(
    collector: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TOLLBOOK_SPAN_DIRECTORY", str(tmp_path / "file"))
    monkeypatch.setattr(PROCESS, "exporter", None)

    with pytest.raises(tollbook.SettingInvalid, match="TOLLBOOK_SPAN_DIRECTORY"):
        tollbook.instrument(endpoint=collector.url)


def test_losses_are_reported_with_the_next_batch_cumulatively_and_once(
    openai_client: openai.OpenAI, collector: Any
) -> None:
    create = openai_client.chat.completions.create
    collector.statuses = [(400, {})]
    assert PROCESS.exporter is not None
    with PROCESS.exporter._cycle:  # so that one request has all three
        for _ in range(3):
            create(**CHAT)
    tollbook.flush(60)
    reports = []
    for _ in range(3):
        create(**CHAT)
        tollbook.flush(60)
        reports.append([report.attributes for report in collector.reports])

    assert reports[0] == reports[1] == reports[2]
    (report,) = reports[0]
    assert report == {
        "tollbook.report.sequence": 1,
        "tollbook.report.ended": 4,
        "tollbook.report.delivered": 0,
        "tollbook.report.lost.rejected": 3,
    }
    assert collector.reports[0].resource["service.instance.id"]


@pytest.mark.parametrize("later_loss", [False, True])
def test_a_report_that_was_lost_is_made_up_for_by_the_next(
    later_loss: bool, openai_client: openai.OpenAI, collector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "BACKOFF_S", 0.01)
    collector.statuses = [(400, {}), (400, {})]
    for _ in range(2):
        openai_client.chat.completions.create(**CHAT)
        tollbook.flush(60)
    if later_loss:
        with tollbook.tags(x=None):
            openai_client.chat.completions.create(**CHAT)
    else:
        openai_client.chat.completions.create(**CHAT)
    flushed = tollbook.flush(60)

    (report,) = collector.reports
    assert report.attributes["tollbook.report.sequence"] == 2
    assert report.attributes["tollbook.report.lost.rejected"] == 2
    assert report.attributes.get("tollbook.report.lost.tag_dropped") == (1 if later_loss else None)
    assert (flushed.delivered, flushed.dropped) == (1, 2)
    assert report.attributes["tollbook.report.ended"] == flushed.delivered + flushed.dropped


def test_a_signal_that_interrupts_whoever_delivers_does_not_wait_for_it() -> None:
    # As it does where threads are greenlets; what it interrupted goes on when the handler returns.
    returned = threading.Event()
    waited: list[bool] = []
    order: list[str] = []

    def begin() -> None:
        order.append("handled" if returned.wait(WAIT_S) else "not handled")
        waited.append(True)

    ending = Termination(lambda: None, begin, Losses(), delivers=lambda: True)
    ending._before = lambda number, frame: returned.set()
    ending.handle(signal.SIGTERM, None)

    wait_until(lambda: bool(waited))
    assert order == ["handled"]


def test_spans_that_were_refused_wait_no_more_when_that_is_told(
    openai_client: openai.OpenAI, collector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The end of the process reports losses where nothing waits, and does not wait for the log line.
    waiting: list[int] = []
    exporter = PROCESS.exporter
    assert exporter is not None

    def told(*_: object) -> None:
        assert exporter._delivery is not None
        waiting.append(exporter._delivery.waiting())

    monkeypatch.setattr(deliver, "warn", told)
    collector.statuses = [(400, {})]

    openai_client.chat.completions.create(**CHAT)
    tollbook.flush(60)

    assert waiting == [0]


def test_what_was_lost_last_is_reported_at_the_end_of_the_process(
    run_python: Any, collector: Any
) -> None:
    collector.statuses = [(400, {})]

    run_python(PROGRAM + "call('x')")

    assert collector.spans == []
    assert collector.reports[0].attributes["tollbook.report.lost.rejected"] == 1


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("-1", None),
        ("soon", None),
        ("1000000000", RETRY_AFTER_S_MAX),
        ("9" * 400, RETRY_AFTER_S_MAX),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", RETRY_AFTER_S_MAX),
        ("\u0667", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_five_minutes(
    header: str | None, expected: float | None
) -> None:
    assert seconds(header) == expected


@pytest.mark.parametrize("answer", ["503", "429 3600", "500"])
def test_the_exit_is_quick_whatever_the_collector_says(
    answer: str, run_python: Any, collector: Any
) -> None:
    status, _, retry_after = answer.partition(" ")
    headers = {"retry-after": retry_after} if retry_after else {}
    collector.statuses = [(int(status), headers)] * 100
    program = HURRIED.replace(
        "import os",
        "import atexit, time\natexit.register(lambda: print(time.monotonic() - began))\nimport os",
    )

    ended = run_python(program + "[call('x') for _ in range(5000)]\nbegan = time.monotonic()")

    assert ended.returncode == 0
    assert float(ended.stdout) < NO_SEND_S


def test_a_process_that_is_told_to_end_from_outside_delivers(
    collector: Any, tmp_path: Path
) -> None:
    path = tmp_path / "server.py"
    path.write_text(PROGRAM + "call('main'); print('ready', flush=True); signal.pause()")
    environment = {"COLLECTOR": collector.url, "PYTHONPATH": ":".join(sys.path)}

    with subprocess.Popen(
        [sys.executable, str(path)], env=environment, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.terminate()

    assert child.returncode == -signal.SIGTERM
    assert whose(collector) == ["main"]
