"""Prints schema.sql: migrates an empty database in an embedded store and writes it down."""

import sys
import tempfile
from pathlib import Path

from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse, StoreAddress
from tollbook_collector.store.embedded.process import EmbeddedStore


def main() -> None:
    """Print the statements that create the database."""
    with tempfile.TemporaryDirectory() as directory:
        store = EmbeddedStore(Path(directory))
        store.start()
        try:
            address = store.address
            # A name that no statement holds, because it is taken out of the statements again.
            name = "tollbook_snapshot_of_the_schema"
            database = ClickHouse(StoreAddress(address.url, address.user, address.password, name))
            sql.migrate(database)
            sys.stdout.write(sql.snapshot(database))
            database.close()
        finally:
            store.stop()


if __name__ == "__main__":
    main()
