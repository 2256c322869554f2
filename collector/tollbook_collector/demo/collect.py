"""The demo's collector: the collector as it is, started by the demo and ended with it.

Run by `python -m tollbook_collector.demo.collect`, its settings a line of JSON on standard input;
says where it listens, or why it cannot, in a line of JSON.
"""

import asyncio
import json
import logging
import sys
from dataclasses import asdict
from typing import Any

from tollbook_collector.demo.lifeline import end_with_parent
from tollbook_collector.intake.grpc import AddressInUse
from tollbook_collector.intake.key_file import KeyFileUnusable
from tollbook_collector.serve import Addresses, serve
from tollbook_collector.settings import Settings
from tollbook_collector.spool.files import SpoolInUse
from tollbook_collector.spool.segment import NewerSegment
from tollbook_collector.store.client import StoreRefused
from tollbook_collector.store.embedded.directory import AlreadyOwned
from tollbook_collector.store.embedded.process import StoreFailedToStart
from tollbook_collector.store.sql import EditedMigration, NewerDatabase


def main() -> int:
    """Serve until SIGTERM or until the parent is gone; return the exit status."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    settings = Settings(**json.loads(sys.stdin.readline()))
    end_with_parent()

    def on_ready(addresses: Addresses) -> None:
        _say(asdict(addresses))

    try:
        asyncio.run(serve(settings, on_ready))
    except (
        AddressInUse,
        AlreadyOwned,
        EditedMigration,
        KeyFileUnusable,
        NewerDatabase,
        NewerSegment,
        SpoolInUse,
        StoreFailedToStart,
        StoreRefused,
    ) as failure:
        _say({"failure": str(failure)})
        return 1
    return 0


def _say(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
