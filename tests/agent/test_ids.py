"""Ids of spans: never the same twice, whatever the program does with its own randomness."""

import os
import random

from tollbook.ids import new_ids


def test_ids_are_of_their_lengths_and_never_the_same() -> None:
    drawn = [new_ids() for _ in range(10_000)]

    assert max(trace_id.bit_length() for trace_id, _ in drawn) == 128
    assert max(span_id.bit_length() for _, span_id in drawn) == 64
    assert len({trace_id for trace_id, _ in drawn}) == len(drawn)
    assert len({span_id for _, span_id in drawn}) == len(drawn)


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
        os.write(writing, repr(new_ids()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    ids = repr(new_ids()).encode()
    with os.fdopen(reading, "rb") as pipe:
        os.close(writing)
        of_child = pipe.read()

    assert of_child != ids
    assert len(of_child) > len("(0, 0)")
