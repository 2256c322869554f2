"""What importing and instrumenting do to a program, and in which order they may come."""

from pathlib import Path
from typing import Any

import pytest

import tollbook

AGENT = str(Path(tollbook.__file__).parents[1])
LIGHT = """
import sys, threading
import tollbook
HEAVY = ("openai", "anthropic", "google.protobuf", "opentelemetry", "http.client", "socket", "ssl",
         "logging", "asyncio", "importlib.metadata", "decimal", "json")
print([name for name in HEAVY if name in sys.modules], threading.active_count())
tollbook.instrument()
print([name for name in HEAVY if name in sys.modules], threading.active_count())
"""


def test_importing_and_instrumenting_load_nothing_heavy_and_start_no_thread(
    run_python: Any,
) -> None:
    ended = run_python(LIGHT)

    assert ended.stderr == ""
    assert ended.stdout == "[] 1\n[] 1\n"


ORDER = """
import os, sys
{first}
{second}
{again}
ask = dict(model="gpt-4o", messages=[dict(role="user", content="x")])
with openai.OpenAI(api_key="k", base_url=os.environ["PROVIDER"] + "/v1") as client:
    client.chat.completions.create(**ask)
    list(client.chat.completions.create(**ask, stream=True))
print(tollbook.flush(10).delivered, "anthropic" in sys.modules, "protobuf" in str(sys.modules))
print(type(openai._base_client.__loader__).__name__, openai._base_client.__spec__.origin[-3:])
"""
INSTRUMENT = "import tollbook; tollbook.instrument(endpoint=os.environ['COLLECTOR'])"


@pytest.mark.parametrize(
    ("first", "second", "again"),
    [(INSTRUMENT, "import openai", INSTRUMENT), ("import openai", INSTRUMENT, "")],
)
def test_the_order_of_import_and_instrument_does_not_matter_nor_how_often(
    first: str, second: str, again: str, run_python: Any
) -> None:
    ended = run_python(ORDER.format(first=first, second=second, again=again))

    assert ended.stderr == ""
    assert ended.stdout == "2 False False\nSourceFileLoader .py\n"


def test_a_library_that_is_not_installed_fails_as_it_would_without_us(run_python: Any) -> None:
    program = """
import sys
sys.path_importer_cache.clear()
sys.path[:] = [path for path in sys.path if "site-packages" not in path]
import tollbook
tollbook.instrument()
try:
    import openai
except ModuleNotFoundError as error:
    print(error)
"""

    ended = run_python(program, PYTHONPATH=AGENT)

    assert ended.stderr == ""
    assert ended.stdout == "No module named 'openai'\n"


def test_a_disabled_sdk_touches_nothing(run_python: Any) -> None:
    program = """
import os, openai, tollbook
before = openai._base_client.SyncAPIClient.request
for variable in ("TOLLBOOK_DISABLED", "OTEL_SDK_DISABLED"):
    os.environ[variable] = "true"
    tollbook.instrument()
    print(openai._base_client.SyncAPIClient.request is before, tollbook.flush().delivered)
    del os.environ[variable]
"""

    ended = run_python(program)

    assert ended.stderr == ""
    assert ended.stdout == "True 0\n" * 2
