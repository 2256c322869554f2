"""When a segment is due: soon where inserts are quick, a little later where they are slow."""

import pytest

from tollbook_collector.spool.seal import (
    FULL_BYTES,
    LAST_WAITS_S,
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
        (0.3, 0.9),  # three times as long, which with the insert is 1.2 s
        (0.6, 0.6),  # what is left of 1.2 s
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
    ("waiting", "inserting", "old_is_due", "older_is_due"),
    [
        (2, 0, True, True),
        (1, 0, True, True),
        (2, 1, True, True),
        # The last that is free waits a little for one of the others, whose inserts it would slow.
        (1, 1, False, True),
        (1, 2, False, True),
        (0, 1, False, False),
    ],
)
def test_the_last_free_loader_is_kept_for_a_segment_that_is_full_or_waited_for_others(
    waiting: int,
    inserting: int,
    old_is_due: bool,
    older_is_due: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("tollbook_collector.spool.seal.time.monotonic", lambda: now)
    seal = Seal(100_000, SEGMENT_AGE_MAX_S, lambda: inserting)
    seal.loaders_waiting = waiting
    seal.begin()
    old = Scan(1_000, 0, requests=1, spans=1, sequence_last=1, received_first=1)
    full = Scan(100_000, 0, requests=1, spans=1, sequence_last=1, received_first=1)

    now += SEGMENT_AGE_MAX_S
    assert seal.is_due(full)
    assert seal.is_due(old) is old_is_due
    waits_s = seal.due_in_s(old)
    now += LAST_WAITS_S

    assert seal.is_due(old) is older_is_due
    assert waits_s == (0.0 if old_is_due else pytest.approx(LAST_WAITS_S if waiting else 29.5))


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
