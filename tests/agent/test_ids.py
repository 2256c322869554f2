"""Ids of spans: never the same twice, whatever the program does with its own randomness."""

import os
import random

from tollbook.ids import SPAN_ID_BYTES, TRACE_ID_BYTES, new_ids


def test_ids_are_of_their_lengths_and_never_the_same() -> None:
    drawn = [new_ids() for _ in range(10_000)]

    assert {len(ids) for ids in drawn} == {TRACE_ID_BYTES + SPAN_ID_BYTES}
    assert len({ids[:TRACE_ID_BYTES] for ids in drawn}) == len(drawn)
    assert len({ids[TRACE_ID_BYTES:] for ids in drawn}) == len(drawn)


def test_a_program_that_seeds_its_randomness_has_other_ids_and_draws_what_it_would() -> None:
    before = random.getstate()
    try:
        random.seed(7)
        ids, first = new_ids(), random.random()
        random.seed(7)
        again, second = new_ids(), random.random()
    finally:
        random.setstate(before)

    assert ids != again
    assert first == second


def test_a_forked_child_draws_other_ids_than_its_parent() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, new_ids())
        os._exit(0)
    os.waitpid(child, 0)
    ids = new_ids()
    with os.fdopen(reading, "rb") as pipe:
        os.close(writing)
        of_child = pipe.read()

    assert len(of_child) == len(ids)
    assert of_child != ids
