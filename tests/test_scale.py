"""The tables of docs/scale.md are what the simulator prints."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("arguments", [[], ["--months", "3"]])
def test_the_tables_of_the_page_come_out_of_the_simulator(arguments: list[str]) -> None:
    command = [sys.executable, ROOT / "benchmarks/scale.py", *arguments]

    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert printed.strip() in (ROOT / "docs/scale.md").read_text()


def test_half_the_bytes_are_half_the_disk() -> None:
    command = [sys.executable, ROOT / "benchmarks/scale.py", "--bytes-per-span", "32.5"]

    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    # 100 billion spans a month of 32.5 bytes, for 13 months, with headroom, in two copies.
    assert f"| {100e9 * 32.5 * 13 * 1.4 * 2 / 1e12:,.1f} TB |" in printed
