"""kill -9 under load: `make crash ARGS="--rounds 100"` in short."""

import subprocess
import sys
from pathlib import Path

CRASH = Path(__file__).parents[2] / "benchmarks" / "crash.py"


def test_nothing_acknowledged_is_lost_or_doubled_when_collector_and_store_are_killed() -> None:
    command = [sys.executable, str(CRASH), "--rounds", "2", "--target", "both"]
    command += ["--longest", "1", "--spans", "50"]

    finished = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)

    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "lost 0, doubled 0, cut 0, foreign 0, books 0, money 0" in finished.stdout
