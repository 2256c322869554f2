"""Forks, signals, collections and log lines in the middle of things: no hang, no double."""

import ast
import os
import random
from pathlib import Path
from typing import Any

import pytest

import tollbook
from tollbook.process import IMPORTED_LATE

AGENT = Path(tollbook.__file__).parent
# What `instrument()` itself imports in the thread that calls it, and what only a command does.
IMPORTED_BY_INSTRUMENT = {"tollbook.export", "tollbook.settings", "tollbook.termination"}
FORKS = int(os.environ.get("STRESS_FORKS", "30"))
STRESS = """
import faulthandler, gc, os, random, signal, sys, threading, tollbook
seed, forks = int(sys.argv[1]), int(sys.argv[2])
chance = random.Random(seed)
tollbook.instrument(endpoint=os.environ["COLLECTOR"])
stop = threading.Event()

def call(who):
    with tollbook.tags(who=who), tollbook.call(provider="local", model="llama") as one:
        one.usage(input_tokens=1)

def busy():
    while not stop.wait(0.005):
        call("thread")
        tollbook.flush(0)
        with tollbook.budget(calls=10):
            call("thread")

threads = [threading.Thread(target=busy, daemon=True) for _ in range(2)]
for thread in threads:
    thread.start()
for number in range(forks):
    if chance.random() < 0.3:
        gc.collect()
    if chance.random() < 0.2:
        tollbook.instrument(endpoint=os.environ["COLLECTOR"])
    if chance.random() < 0.1:
        tollbook.flush(0.01)
    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(110)  # says where a child hangs that then dies of it
        signal.alarm(120)
        call(f"child {number}")
        with tollbook.budget(calls=1):
            call(f"budget {number}")
        flushed = tollbook.flush(60)
        if chance.random() < 0.5:
            os.kill(os.getpid(), signal.SIGTERM)
        os._exit(0 if (flushed.delivered, flushed.dropped) == (2, 0) else 1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGTERM), (seed, number, status)
stop.set()
for thread in threads:
    thread.join()
flushed = tollbook.flush(60)
assert flushed.queued == 0 and flushed.dropped == flushed.lost["queue_full"], flushed
"""


def test_children_that_are_forked_at_any_moment_deliver_once_and_never_hang(
    run_python: Any, collector: Any
) -> None:
    seed = random.SystemRandom().randrange(2**31)
    program = f"import sys; sys.argv[1:] = ['{seed}', '{FORKS}']\n{STRESS}"

    ended = run_python(program, PYTHONWARNINGS="ignore")

    assert (ended.returncode, ended.stderr) == (0, ""), f"seed {seed}: {ended.stderr}"
    who = [span.attributes["tollbook.tags.who"] for span in collector.spans]
    children = sorted(name for name in who if name != "thread")
    assert children == sorted(f"{kind} {n}" for kind in ("child", "budget") for n in range(FORKS))
    assert len({span.span_id for span in collector.spans}) == len(collector.spans)


FORKED_WHILE_PRICES_ARE_READ = """
import faulthandler, json, os, signal, threading, tollbook

def slow(content):
    if threading.current_thread() is not threading.main_thread() and not reading.is_set():
        reading.set()
        go_on.wait(60)
    return loads(content)

reading, go_on, loads = threading.Event(), threading.Event(), json.loads
tollbook.instrument(endpoint=os.environ["COLLECTOR"])
{before}

def call():
    with tollbook.budget(usd=1), tollbook.call(provider="openai", model="gpt-4o") as one:
        one.usage(input_tokens=1, output_tokens=1)

json.loads = slow
threading.Thread(target=call, daemon=True).start()
assert reading.wait(60)
child = os.fork()
if child == 0:
    faulthandler.dump_traceback_later(50)  # says where a child hangs that then dies of it
    signal.alarm(60)
    call()
    os._exit(0 if tollbook.flush(50).delivered == 1 else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
go_on.set()
"""


@pytest.mark.parametrize("before", ["", "tollbook.budget(calls=1)"])
def test_a_child_that_is_forked_while_a_thread_reads_the_prices_reads_them_itself(
    before: str, run_python: Any, collector: Any
) -> None:
    program = FORKED_WHILE_PRICES_ARE_READ.format(before=before)

    ended = run_python(program, PYTHONWARNINGS="ignore")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "gpt-4o" in [span.attributes["gen_ai.request.model"] for span in collector.spans]


FORKED_IN_AN_IMPORT = """
import os, signal, sys, threading, tollbook
from importlib.machinery import PathFinder

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "tollbook.deliver":
            importing.set()
            threading.Event().wait(0.3)  # so long the import takes
        return None

importing = threading.Event()
sys.meta_path.insert(0, Slow())
tollbook.instrument(endpoint=os.environ["COLLECTOR"])

def call():
    with tollbook.call(provider="local", model="llama"):
        pass

call()
tollbook.process.PROCESS.exporter.wake()
assert importing.wait(60)
child = os.fork()
if child == 0:
    signal.alarm(120)  # a child that hangs dies of it
    call()
    os._exit(0 if tollbook.flush(60).delivered == 1 else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert tollbook.flush(60).delivered == 1
"""


def test_a_child_that_is_forked_while_a_module_of_ours_is_imported_can_import_it(
    run_python: Any, collector: Any
) -> None:
    ended = run_python(FORKED_IN_AN_IMPORT, PYTHONWARNINGS="ignore")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(collector.spans) == 2


def imports_in_functions(path: Path) -> set[str]:
    """Return the modules of ours that functions of a module import, those for types left out."""
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return {
        node.module if node.module != "tollbook" else f"tollbook.{node.names[0].name}"
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tollbook")
    }


def test_all_that_a_thread_may_import_is_imported_before_a_fork(run_python: Any) -> None:
    paths = [path for path in AGENT.rglob("*.py") if path.parent.name != "startup"]
    late = set().union(*(imports_in_functions(path) for path in paths)) - IMPORTED_BY_INSTRUMENT
    program = f"""
import os, sys, tollbook
tollbook.instrument()
os.waitpid(os.fork() or os._exit(0), 0)
print(sorted({late} - set(sys.modules)))
"""

    ended = run_python(program)

    assert late
    assert (ended.stdout, ended.stderr) == ("[]\n", "")
    assert late & set(IMPORTED_LATE)


def test_no_lock_is_shared_by_all_of_a_process_or_a_class() -> None:
    """A fork in the middle of what it guards would leave it locked in the child for good."""
    found = [
        f"{path.name}:{getattr(node, 'lineno', 1)}"
        for path in AGENT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.ImportFrom) and "cached_property" in ast.unparse(node))
        or (
            isinstance(node, ast.Module | ast.ClassDef)
            and any(
                isinstance(line, ast.Assign | ast.AnnAssign)
                and any(name in ast.unparse(line) for name in ("Lock(", "Condition(", "Event("))
                for line in node.body
            )
        )
    ]

    assert found == []


CALL_IN_A_DECISION = """
import faulthandler, os, openai, tollbook
faulthandler.dump_traceback_later(60, exit=True)
tollbook.instrument(endpoint=os.environ["COLLECTOR"])

class Odd:
    def __repr__(self):  # of a request that is compared with others, under the lock
        with tollbook.call(provider="local", model="llama"):
            return "odd"

with openai.OpenAI(api_key="k", base_url=os.environ["PROVIDER"] + "/v1") as client:
    with tollbook.run("agent", repeats_max=3), tollbook.budget(usd=1) as budget:
        try:
            client.chat.completions.create(model="gpt-4o", messages=[], extra_body={"odd": Odd()})
        except TypeError:
            pass
        assert (budget.spent_calls, budget.held_usd) == (1, 0), budget.spent_calls
flushed = tollbook.flush(60)
print(flushed.delivered, flushed.lost["fault"])
faulthandler.cancel_dump_traceback_later()
"""


def test_a_call_in_the_middle_of_the_decision_about_another_one_waits_for_nothing(
    run_python: Any,
) -> None:
    ended = run_python(CALL_IN_A_DECISION)

    assert (ended.stdout, ended.stderr) == ("3 1\n", "")


RECURSION = """
import gc, logging, logging.config, os, tollbook

class Calling(logging.Handler):
    def emit(self, record):
        with tollbook.call(provider="local", model="from a log line"):
            pass
        if record.name != "inner":
            logging.getLogger("inner").warning("x")

logging.getLogger().addHandler(Calling())
tollbook.call  # imported before a collection can ask for it in the middle of another import
gc.callbacks.append(lambda phase, info: logging.getLogger("gc").warning("collected"))
tollbook.instrument(endpoint="http://127.0.0.1:9")
for number in range(200):
    with tollbook.call(provider="local", model="llama"):
        pass
    if number % 20 == 0:
        gc.collect()
        tollbook.flush(0.05)
        logging.config.dictConfig({"version": 1, "incremental": True})
flushed = tollbook.flush(0)
assert flushed.dropped == 0 and flushed.lost["fault"] == 0, flushed
gc.callbacks.clear()
"""


def test_log_lines_and_collections_that_make_calls_neither_recurse_nor_deadlock(
    run_python: Any,
) -> None:
    ended = run_python(RECURSION)

    assert (ended.returncode, ended.stderr.count("Traceback")) == (0, 0)


@pytest.mark.parametrize("error", ["MemoryError", "SystemExit", "KeyboardInterrupt"])
def test_an_export_thread_that_is_killed_is_back_with_the_next_call(
    error: str, run_python: Any, collector: Any
) -> None:
    program = f"""
import os, threading, tollbook
from tollbook.deliver import Delivery
threading.excepthook = lambda *_: died.set()
died = threading.Event()
tollbook.instrument(endpoint=os.environ["COLLECTOR"])
whole = Delivery.send
def broken(*_, **__):
    died.set()
    raise {error}
Delivery.send = broken
def call():
    with tollbook.call(provider="local", model="llama"):
        pass
call()
assert died.wait(60)
Delivery.send = whole
call()
flushed = tollbook.flush(60)
assert flushed.delivered == 2, flushed
"""

    ended = run_python(program)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(collector.spans) == 2
