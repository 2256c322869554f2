"""A process that appends requests to a spool and says what became of each, for tests of faults."""

import resource
import sys
from pathlib import Path

from tollbook_collector.spool.append import Spool, SpoolFailed, SpoolFull

WAIT_S = 60.0


def say(fate: str, number: int) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{fate} {number}\n")
    sys.stdout.flush()


def main(directory: Path, requests: int, request_bytes: int, limits: list[str]) -> None:
    """Print `kept N`, `failed N` or `full N` for each request in turn."""
    for limit in limits:
        name, value = limit.split("=")
        number = getattr(resource, name)
        resource.setrlimit(number, (int(value), resource.getrlimit(number)[1]))
    spool = Spool(directory, 1 << 30, segment_age_max_s=3600, disk_free_bytes_min=0)
    for number in range(requests):
        body = (b"%08d" % number).ljust(request_bytes, b"x")
        try:
            spool.append("acme", "k", body, 1).result(WAIT_S)
            say("kept", number)
        except SpoolFailed:
            say("failed", number)
        except SpoolFull:
            say("full", number)
    spool.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
