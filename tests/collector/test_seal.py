"""When a segment is due: soon where inserts are quick, a little later where they are slow."""

import pytest

from tollbook_collector.spool.seal import SEEN_WITHIN_S, SEGMENT_AGE_MAX_S, Seal


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
