"""SQL as files: reading them, bringing a database to their schema, and writing it down.

`migrations/` hold tables, one re-runnable statement a file, frozen once released; `functions/` and
`views/` are created anew when their text changed; `queries/` are what is asked. ClickHouse has no
transactional DDL, so the file is the unit of progress: a migration is recorded in `schema_ledger`
after it ran, functions and views when all of them are made, and a run that was killed continues.
"""

import functools
import hashlib
from collections.abc import Collection, Mapping, Sequence
from importlib.resources import files
from typing import Any, Final, Protocol

from tollbook_collector.store.sql import access
from tollbook_collector.store.sql.cluster import Cluster, layout, written_for

LEDGER: Final = "migrations/0001_schema_ledger"
FROZEN_FOLDER: Final = "migrations"
QUESTIONS_FOLDER: Final = "queries"
# In the order in which they are created: views use functions, and both use tables.
FOLDERS: Final = (FROZEN_FOLDER, "functions", "views")


class Database(Protocol):
    """What migrations need of a ClickHouse client that is bound to one database."""

    def command(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that returns no rows."""

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""


class EditedMigration(Exception):
    """A migration was edited after it had been applied to this database."""


class NewerDatabase(Exception):
    """The database was migrated by a newer version of tollbook."""


def read(name: str) -> str:
    """Return the text of a SQL file, named by folder and stem: `migrations/0005_spans`.

    What is asked again and again, as `queries/spend`, comes without its comments.
    """
    return _question(name) if name.startswith(f"{QUESTIONS_FOLDER}/") else _text(name)


def otlp_schema() -> str:
    """Return the protobuf schema by which the engine decodes a segment."""
    return files(__name__).joinpath("otlp.proto").read_text(encoding="utf-8")


def names(folder: str) -> list[str]:
    """Return the SQL files of a folder by number, as folder and stem: `views/10_decode`."""
    entries = files(__name__).joinpath(folder).iterdir()
    return sorted(
        f"{folder}/{entry.name.removesuffix('.sql')}"
        for entry in entries
        if entry.name.endswith(".sql")
    )


def statements(name: str, cluster: Cluster | None = None) -> list[str]:
    """Return the statements that a file of migrations, functions or views is, in order.

    Args:
        name: As `migrations/0005_spans`.
        cluster: Where it is created; None: on a server that stands alone.
    """
    if cluster is None:
        return [read(name)]
    tables_and_views = {n: read(n) for folder in FOLDERS for n in names(folder)}
    return written_for(cluster, read(name), layout(tables_and_views))


def access_statements(
    readable: Collection[str], database: str, tenant: str, cluster: Cluster | None = None
) -> list[str]:
    """Return the statements that make roles, policies, limits and users on a server, in order.

    Args:
        readable: The tables and views that readers may ask.
        database: The database of tollbook's tables.
        tenant: Whose rows the user tollbook_reader sees.
        cluster: The cluster that it is on; None: it is on one server.
    """
    schema = {name: read(name) for folder in FOLDERS for name in names(folder)}
    files_of_access = {name: read(name) for name in names(access.FOLDER)}
    return list(access.statements(schema, files_of_access, readable, database, tenant, cluster))


def migrate(
    database: Database, cluster: Cluster | None = None, folders: Sequence[str] = FOLDERS
) -> list[str]:
    """Bring a database to this version's schema and return the files that were applied, in order.

    Args:
        database: The database, which exists.
        cluster: The cluster that it is on; None: it is on one server.
        folders: What is applied: all, or the tables alone, which FROZEN_FOLDER makes.

    Raises:
        EditedMigration: A migration that was applied has another text now; nothing was changed.
        NewerDatabase: A migration was applied that this version does not have; nothing was changed.
    """
    for statement in statements(LEDGER, cluster):
        database.command(statement)
    applied = {
        str(file): str(sha256) for file, sha256 in database.rows(read("queries/schema_ledger"))
    }
    _refuse_to_guess(applied)
    pending = [
        name for folder in folders for name in names(folder) if applied.get(name) != _sha256(name)
    ]
    if pending:
        # A view may read what a later one defines anew, so from the first change on all follow.
        first = pending[0]
        everything = [name for folder in folders for name in names(folder)]
        following = everything[everything.index(first) :]
        pending = [n for n in following if n in pending or not n.startswith(FROZEN_FOLDER)]
    made_anew: list[str] = []
    for name in pending:
        for statement in statements(name, cluster):
            database.command(statement)
        if name.startswith(FROZEN_FOLDER):
            _record(database, [name])
        else:
            made_anew.append(name)
    if made_anew:
        # Half of them made is nothing to remember: they are made again, and a record costs as
        # much as making a table.
        _record(database, made_anew)
    return pending


@functools.cache
def _question(name: str) -> str:
    # A semicolon anywhere, and most are in comments, makes the driver read a statement character
    # by character, each time: 2.2 ms of Python for the question of models, 0.3 without comments.
    lines = _text(name).splitlines(keepends=True)
    return "".join(line for line in lines if not line.lstrip().startswith("--"))


def _text(name: str) -> str:
    return files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8")


def _record(database: Database, applied: Sequence[str]) -> None:
    parameters = {"files": list(applied), "sha256s": [_sha256(name) for name in applied]}
    database.command(read("queries/schema_ledger_add"), parameters)


def snapshot(database: Database) -> str:
    """Return every CREATE statement of a database as the engine prints it, by name."""
    statements = [str(text) for (text,) in database.rows(read("queries/schema_statements"))]
    header = "-- What the database is, as the engine prints it. Generated: make schema.\n"
    return header + "".join(f"\n{statement};\n" for statement in statements)


def _refuse_to_guess(applied: Mapping[str, str]) -> None:
    known = {name: _sha256(name) for name in names(FROZEN_FOLDER)}
    for file, sha256 in applied.items():
        if not file.startswith(f"{FROZEN_FOLDER}/"):
            continue
        if file not in known:
            raise NewerDatabase(
                f"the database has {file}, which this version of tollbook does not know;"
                " start the version that migrated it, or a newer one"
            )
        if known[file] != sha256:
            raise EditedMigration(
                f"{file} was edited after it was applied; restore it and add a new migration"
            )


def _sha256(name: str) -> str:
    return hashlib.sha256(read(name).encode()).hexdigest()
