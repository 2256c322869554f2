"""`embedding()`: what a prompt and an answer are about, as vectors of the program's own.

The collector looks at the vectors of a feature day by day, and tells when prompts or answers are
about something that they were not. They are on a span of their own, as scores are: a program that
makes a vector of an answer has that vector after the call.
"""

from collections.abc import Iterable
from math import isfinite
from typing import Final

from tollbook import attributes as names
from tollbook.evaluation import beside
from tollbook.process import PROCESS
from tollbook.step import Finished
from tollbook.tally import BODY_DROPPED, FAULT, VALUE_CUT

NUMBERS_MAX: Final = 4096  # of one vector
NUMBER_BYTES: Final = 32  # that each takes while it waits, about


def embedding(
    *,
    prompt: Iterable[float] | None = None,
    answer: Iterable[float] | None = None,
    response_id: str | None = None,
) -> None:
    """Send what a prompt or an answer is about, as a vector of yours, so that its drift is told.

    It belongs to the `tollbook.call()` block it is in, else to the `tollbook.run()`, else to the
    program's own OpenTelemetry span, and to the tag `feature` that holds where it is sent: the
    vectors of a feature are compared with each other, so make them by one model, in one length. A
    text can be guessed from its vector, so it is content of yours, sent only because you pass it.

    Args:
        prompt: The prompt's vector: up to 4,096 finite numbers, a list or an array. A longer one is
            left out and counted as `lost["value_cut"]`; a few hundred numbers are enough.
        answer: The answer's, within the same limit.
        response_id: Id of the answer, as the provider gave it (`answer.id`), to tie it to one call.

    Never raises.
    """
    try:
        _record(_vector(prompt), _vector(answer), response_id)
    except Exception:
        PROCESS.losses.count(FAULT)


def _record(
    prompt: tuple[float, ...] | None, answer: tuple[float, ...] | None, response_id: str | None
) -> None:
    exporter = PROCESS.exporter
    if exporter is None or not exporter.enabled or not (prompt or answer):
        return
    size_bytes = NUMBER_BYTES * (len(prompt or ()) + len(answer or ()))
    if not exporter.has_room(size_bytes):
        exporter.losses.count(BODY_DROPPED)
        return
    said = {names.PROMPT_EMBEDDING: prompt, names.ANSWER_EMBEDDING: answer}
    exporter.put(Finished(beside("tollbook.embedding", said, response_id), size_bytes))


def _vector(numbers: Iterable[float] | None) -> tuple[float, ...] | None:
    """Return a vector within the limit, None without one; ValueError for what is none."""
    if numbers is None:
        return None
    vector: list[float] = []
    for number in numbers:
        if len(vector) == NUMBERS_MAX:
            PROCESS.losses.count(VALUE_CUT)
            return None
        vector.append(float(number))
    if not all(map(isfinite, vector)):
        raise ValueError("a vector has a number that is not finite")
    return tuple(vector)
