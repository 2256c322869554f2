"""Large JSON is read in a process of its own, and that process is nothing that others depend on."""

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tollbook_collector.intake.decompress import TooLarge
from tollbook_collector.intake.json_reader import JsonReader, JsonReaderEnded
from tollbook_collector.intake.otlp_json import NotOtlpJson, to_protobuf
from tollbook_collector.intake.signals import LOGS, TRACES

HERE_BYTES = 1_000


@pytest.fixture(name="reader", scope="module")
def _reader() -> Iterator[JsonReader]:
    reader = JsonReader(here_bytes_max=HERE_BYTES)
    yield reader
    reader.close()


def body(text: str, **changes: Any) -> bytes:
    span = {"traceId": "ab" * 16, "spanId": "cd" * 8, "name": text, **changes}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def test_a_small_body_needs_no_process() -> None:
    small = JsonReader(here_bytes_max=HERE_BYTES)

    read = small.to_protobuf(TRACES, body("chat"))

    assert read == to_protobuf(TRACES, body("chat"))
    assert small.pid is None


def test_a_large_body_is_read_elsewhere_and_means_the_same(reader: JsonReader) -> None:
    large = body("é" * HERE_BYTES)

    read = reader.to_protobuf(TRACES, large)

    assert read == to_protobuf(TRACES, large)
    assert reader.pid not in (None, os.getpid())


def test_what_is_refused_there_is_refused_in_the_same_words(reader: JsonReader) -> None:
    bad = body("x" * HERE_BYTES, kind="CLIENT")

    with pytest.raises(NotOtlpJson, match="an enum, which OTLP/JSON writes as an integer"):
        reader.to_protobuf(TRACES, bad)
    with pytest.raises(TooLarge, match="2200000 objects and arrays"):
        reader.to_protobuf(LOGS, b"[" * 2_200_000)


def test_senders_at_once_get_each_their_own(reader: JsonReader) -> None:
    bodies = [body(f"{number:>4}" * HERE_BYTES) for number in range(20)]

    with ThreadPoolExecutor(4) as senders:
        read = list(senders.map(lambda each: reader.to_protobuf(TRACES, each), bodies))

    assert read == [to_protobuf(TRACES, each) for each in bodies]


def test_a_process_that_was_killed_is_started_again(reader: JsonReader) -> None:
    large = body("x" * HERE_BYTES)
    reader.to_protobuf(TRACES, large)
    assert reader.pid is not None
    os.kill(reader.pid, signal.SIGKILL)

    answers = []
    for _ in range(2):
        # The kernel may take a moment: the first one may still meet the killed process.
        try:
            answers.append(reader.to_protobuf(TRACES, large))
        except JsonReaderEnded:
            continue

    assert answers[-1] == to_protobuf(TRACES, large)


def test_a_body_that_takes_too_long_is_given_up_and_the_next_one_read() -> None:
    reader = JsonReader(here_bytes_max=HERE_BYTES, read_s=0.0)

    with pytest.raises(JsonReaderEnded, match="try again later"):
        reader.to_protobuf(TRACES, body("x" * HERE_BYTES))

    assert reader.to_protobuf(TRACES, body("chat"))
    reader.close()


def test_a_reader_that_was_closed_starts_nothing() -> None:
    reader = JsonReader(here_bytes_max=HERE_BYTES)
    reader.close()

    with pytest.raises(JsonReaderEnded, match="stopping"):
        reader.to_protobuf(TRACES, body("x" * HERE_BYTES))
