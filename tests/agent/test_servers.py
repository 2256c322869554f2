"""Workers of gunicorn, uvicorn and Celery deliver what they have when they are told to end."""

import http.client
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from waiting import PATIENT, WAIT_S, wait_until

APP = """
import os, tollbook
tollbook.instrument(endpoint=os.environ["COLLECTOR"])

def call(who):
    with tollbook.tags(who=who), tollbook.call(provider="local", model="llama"):
        pass

def wsgi(environ, start_response):
    call("wsgi")
    start_response("200 OK", [("content-length", "2")])
    return [b"ok"]

async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    call("asgi")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})
"""
TASKS = """
import os, celery
from app import call

folder = os.environ["FOLDER"]
app = celery.Celery("tasks", broker="filesystem://", broker_transport_options={
    "data_folder_in": folder, "data_folder_out": folder, "control_folder": folder + "/control"})

@app.task
def work():
    call("celery")
    open(folder + "/done", "w").close()

@celery.signals.worker_ready.connect
def begin(**_):
    work.delay()
"""
Start = Callable[..., Any]


@pytest.fixture
def start(tmp_path: Path, collector: Any) -> Iterator[Start]:
    """Start a server in a directory that holds the app; killed at the end if it still runs."""
    (tmp_path / "app.py").write_text(PATIENT + textwrap.dedent(APP))
    (tmp_path / "tasks.py").write_text(textwrap.dedent(TASKS))
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "TOLLBOOK_"))}
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    children: list[subprocess.Popen[bytes]] = []

    def start_child(command: Sequence[str], *sockets: int) -> subprocess.Popen[bytes]:
        children.append(
            subprocess.Popen(
                [sys.executable, "-m", *command],
                env={
                    **clean,
                    "PYTHONPATH": paths,
                    "COLLECTOR": collector.url,
                    "FOLDER": str(tmp_path / "queue"),
                },
                cwd=tmp_path,
                pass_fds=sockets,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        return children[-1]

    yield start_child
    for child in children:
        if child.poll() is None:
            child.kill()
        child.wait()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Where a server is to listen: a socket that it inherits, so that no other gets its port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield listening


def answers(listener: socket.socket) -> bool:
    try:
        address, port = listener.getsockname()
        with closing(http.client.HTTPConnection(address, port, timeout=5)) as connection:
            connection.request("GET", "/")
            return connection.getresponse().read() == b"ok"
    except OSError:
        return False


def whose(collector: Any) -> set[str]:
    return {span.attributes["tollbook.tags.who"] for span in collector.spans}


@pytest.mark.parametrize(
    ("kind", "preload"),
    [("sync", []), ("gthread", ["--preload"]), ("gevent", []), ("gevent", ["--preload"])],
    ids=["sync", "gthread preload", "gevent", "gevent preload"],
)
def test_a_worker_of_gunicorn_delivers(
    kind: str, preload: list[str], start: Start, listener: socket.socket, collector: Any
) -> None:
    pytest.importorskip("gunicorn")
    if kind == "gevent":
        pytest.importorskip("gevent")
    bind, number = f"fd://{listener.fileno()}", listener.fileno()

    server = start(["gunicorn", "app:wsgi", "-b", bind, "-k", kind, "-w", "1", *preload], number)
    wait_until(lambda: answers(listener))
    server.terminate()
    server.wait(WAIT_S)

    assert whose(collector) == {"wsgi"}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_worker_of_uvicorn_delivers(
    workers: str, start: Start, listener: socket.socket, collector: Any
) -> None:
    pytest.importorskip("uvicorn")

    number = listener.fileno()
    # A worker that does not answer its parent for five seconds would be killed.
    patience = ["--timeout-worker-healthcheck", "60"]
    server = start(
        ["uvicorn", "app:asgi", "--fd", str(number), "--workers", workers, *patience], number
    )
    wait_until(lambda: answers(listener))
    server.terminate()
    server.wait(WAIT_S)

    assert whose(collector) == {"asgi"}


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_a_worker_of_celery_delivers(
    pool: str, start: Start, tmp_path: Path, collector: Any
) -> None:
    pytest.importorskip("celery")
    (tmp_path / "queue" / "control").mkdir(parents=True)
    done = tmp_path / "queue" / "done"

    worker = start(["celery", "-A", "tasks", "worker", "-P", pool, "-c", "1", "--loglevel=error"])
    wait_until(done.exists)
    worker.terminate()
    worker.wait(WAIT_S)

    assert whose(collector) == {"celery"}
