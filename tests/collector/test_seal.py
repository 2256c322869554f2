"""When a segment is due: soon where inserts are quick, a little later where they are slow."""

import pytest

from tollbook_collector.spool.seal import (
    FULL_BYTES,
    SEEN_WITHIN_S,
    SEGMENT_AGE_MAX_S,
    SEGMENT_BYTES_MAX,
    Seal,
)
from tollbook_collector.spool.segment import Scan


@pytest.mark.parametrize(
    ("insert_s", "age_s"),
    [
        (0.0, 0.5),
        (0.1, 0.5),  # three times as long is less than what a segment waits in any case
        (0.25, 0.75),  # three times as long
        (0.35, 1.05),  # three times as long, which with the insert is 1.4 s
        (0.6, 0.8),  # what is left of 1.4 s
        (2.0, 0.5),
    ],
)
def test_a_segment_waits_as_fits_the_inserts(insert_s: float, age_s: float) -> None:
    seal = Seal(1_000, SEGMENT_AGE_MAX_S)

    seal.pace(insert_s)

    assert seal.age_s == pytest.approx(age_s)
    assert insert_s >= 0.9 or seal.age_s + insert_s <= SEEN_WITHIN_S + 1e-9


def test_after_quick_inserts_segments_are_due_soon_again() -> None:
    seal = Seal(1_000, SEGMENT_AGE_MAX_S)
    seal.pace(0.3)

    seal.pace(0.01)

    assert seal.age_s == SEGMENT_AGE_MAX_S


@pytest.mark.parametrize(
    ("size_bytes", "spans", "due"),
    [
        (99_999, 10, False),
        (100_000, 10, True),
        # What is made of a span takes memory however short it came: 640 B at least.
        (20_000, 156, False),
        (20_000, 157, True),
    ],
)
def test_a_segment_that_nobody_waits_for_is_due_by_its_bytes_or_its_spans(
    size_bytes: int, spans: int, due: bool
) -> None:
    seal = Seal(100_000, SEGMENT_AGE_MAX_S)
    seal.begin()

    content = Scan(size_bytes, 0, requests=1, spans=spans, sequence_last=1, received_first=1)

    assert seal.is_due(content) is due


@pytest.mark.parametrize(
    ("waiting", "inserting", "due"), [(1, 1, True), (1, 2, False), (0, 1, False)]
)
def test_beside_two_inserts_a_third_is_begun_only_for_a_segment_that_is_full(
    waiting: int, inserting: int, due: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("tollbook_collector.spool.seal.time.monotonic", lambda: now)
    seal = Seal(100_000, SEGMENT_AGE_MAX_S, lambda: inserting)
    seal.loaders_waiting = waiting
    seal.begin()
    old = Scan(1_000, 0, requests=1, spans=1, sequence_last=1, received_first=1)
    full = Scan(100_000, 0, requests=1, spans=1, sequence_last=1, received_first=1)

    now += SEGMENT_AGE_MAX_S

    assert seal.is_due(old) is due
    assert seal.is_due(full)


@pytest.mark.parametrize(
    ("size_bytes", "waiting", "due"),
    [
        (FULL_BYTES, 1, True),
        (FULL_BYTES, 0, False),
        (SEGMENT_BYTES_MAX - 1, 0, False),
        (SEGMENT_BYTES_MAX, 0, True),
    ],
)
def test_a_full_segment_grows_on_while_nobody_is_free_to_load_it(
    size_bytes: int, waiting: int, due: bool
) -> None:
    seal = Seal(SEGMENT_BYTES_MAX, SEGMENT_AGE_MAX_S, lambda: 3 - waiting)
    seal.loaders_waiting = waiting
    seal.begin()

    content = Scan(size_bytes, 0, requests=1, spans=1, sequence_last=1, received_first=1)

    assert seal.is_due(content) is due
