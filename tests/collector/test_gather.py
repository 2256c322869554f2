"""Gathering: parts come out as one, in order, and in memory once more at most."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from tollbook_collector.intake.gather import TURN_BYTES, gathered

MEBIBYTE = 1024 * 1024


@given(st.lists(st.binary(max_size=40).map(lambda part: part * (TURN_BYTES // 30)), max_size=6))
def test_parts_come_out_as_one_in_order(parts: list[bytes]) -> None:
    assert gathered(parts) == b"".join(parts)


def test_a_part_that_is_all_is_given_out_itself() -> None:
    part = bytes(2 * TURN_BYTES)
    assert gathered([part]) is part


def test_views_are_parts_as_well_and_nothing_is_nothing() -> None:
    assert gathered([memoryview(b"spans")[1:3]]) == b"pa"
    assert gathered([]) == b""


def test_the_whole_is_in_memory_once() -> None:
    parts = [bytes([number]) * MEBIBYTE for number in range(16)]
    tracemalloc.start()
    whole = gathered(parts)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(whole) <= peak_bytes < len(whole) + TURN_BYTES
