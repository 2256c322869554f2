"""Runs a fuzz target under atheris, for so many seconds; see the Makefile's target `fuzz`.

Inputs that crashed are left in the corpus' directory and named at the end; exit status 1 then.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import atheris

UNIT_BYTES_MAX = 64 * 1024


def run(consume: Callable[[bytes], None], seeds: Callable[[], Iterator[bytes]], name: str) -> None:
    """Feed a target until the time is over or it fails."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seconds", type=int, default=600)
    arguments.add_argument("--corpus", type=Path, default=Path(".fuzz"))
    options = arguments.parse_args()
    corpus = options.corpus / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    # Instrumented as loaded: what libFuzzer is to look into are tollbook's own branches.
    for module in list(sys.modules.values()):
        if module.__name__.startswith("tollbook_collector."):
            for value in vars(module).values():
                if callable(value) and getattr(value, "__module__", "") == module.__name__:
                    instrument(value)
    flags = [
        sys.argv[0],
        str(corpus),
        f"-max_total_time={options.seconds}",
        f"-max_len={UNIT_BYTES_MAX}",
        f"-artifact_prefix={corpus}/",
        "-timeout=30",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ]
    atheris.Setup(flags, consume)
    atheris.Fuzz()


def instrument(value: Callable[..., object]) -> None:
    """Let libFuzzer see the branches of a function."""
    if hasattr(value, "__code__"):
        atheris.instrument_func(value)
