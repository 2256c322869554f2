"""The log: a line an event, whatever stands in it."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from tollbook_collector.logs import log_to

HOSTILE = 'model "x"\n2026-11-02 10:00:00 ERROR tollbook forged\x1b[31m\u2028'


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_json_has_one_line_an_event_that_says_when_what_and_why() -> None:
    stream = io.StringIO()
    log_to(stream, "json")

    try:
        raise ValueError(HOSTILE)
    except ValueError:
        logging.getLogger("tollbook.test").exception("cannot read %s", HOSTILE)

    lines = stream.getvalue().splitlines()
    event = json.loads(lines[0])
    assert len(lines) == 1
    assert event["level"] == "ERROR"
    assert event["logger"] == "tollbook.test"
    assert event["message"] == f"cannot read {HOSTILE}"
    assert "ValueError" in event["error"]
    assert event["time"].endswith("Z")


def test_text_has_one_line_an_event_without_control_characters() -> None:
    stream = io.StringIO()
    log_to(stream, "text")

    logging.getLogger("tollbook.test").warning("cannot read %s", HOSTILE)

    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()


def test_what_is_below_the_level_is_left_out() -> None:
    stream = io.StringIO()
    log_to(stream, "json", "ERROR")

    logging.getLogger("tollbook.test").warning("not said")

    assert stream.getvalue() == ""
