"""Each promise of docs/promises.md names tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_a_promise_names_is_there() -> None:
    document = (ROOT / "docs/promises.md").read_text()
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", document)

    missing = [
        (file, name)
        for file, name in named
        if f"def {name}(" not in (ROOT / "tests/agent" / file).read_text()
    ]

    assert len(named) > 20
    assert missing == []


def test_every_promise_has_a_number_once() -> None:
    numbers = re.findall(r"^\| K-(\d+) ", (ROOT / "docs/promises.md").read_text(), re.MULTILINE)

    assert numbers == [str(number) for number in range(1, 12)]
