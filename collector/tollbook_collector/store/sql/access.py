"""Who may do what on a ClickHouse server of yours: roles, row policies, limits, quotas and users.

The files of `access/` say it for a database named tollbook; here it is written for another name,
for each table that readers may ask, and for a cluster. The embedded store has no users: there the
guard and the kernel stand in their place.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from tollbook_collector.store.sql.cluster import Cluster, layout

FOLDER: Final = "access"
EACH: Final = ("each_readable", "each_tenanted", "each_shared")

_TABLES = re.compile(r"\b(?:FROM|JOIN)\s+(?:\w+\.)?(\w+)")
_VIEW = re.compile(r"\bCREATE OR REPLACE VIEW (\w+)")
_TABLE = re.compile(r"\bCREATE TABLE IF NOT EXISTS (\w+)")


def statements(
    files: Mapping[str, str],
    access: Mapping[str, str],
    readable: Collection[str],
    database: str,
    tenant: str,
    cluster: Cluster | None = None,
) -> Iterator[str]:
    """Yield the statements that make roles, policies, limits and users, in order.

    Args:
        files: All files of migrations and views, by name.
        access: The files of `access/`, by name.
        readable: The tables and views that readers may ask.
        database: The database of tollbook's tables.
        tenant: Whose rows the user tollbook_reader sees.
        cluster: The cluster that it is on; None: it is on one server.
    """
    tables = _behind(files, readable)
    if cluster is not None:
        spread = layout(files).spread
        tables |= {f"{name}_shard" for name in tables & set(spread)}
    tenanted = {name for name in tables if _has_tenant(files, name.removesuffix("_shard"))}
    for text in (access[name] for name in sorted(access)):
        chosen = {
            "each_readable": tables | set(readable),
            "each_tenanted": tenanted,
            "each_shared": tables - tenanted,
        }
        placeholder = next((name for name in EACH if name in text), None)
        for table in sorted(chosen[placeholder]) if placeholder else [""]:
            one = text.replace(placeholder, table) if placeholder else text
            one = one.replace("the_tenant", tenant)
            one = re.sub(r"\btollbook\.", f"{database}.", one)
            yield _on(cluster, one) if cluster is not None else one


def _behind(files: Mapping[str, str], readable: Collection[str]) -> set[str]:
    """Return the tables that are behind views, and the tables among them."""
    views = {
        match[1]: set(_TABLES.findall(text))
        for text in files.values()
        if (match := _VIEW.search(text))
    }
    kept = {match[1] for text in files.values() if (match := _TABLE.search(text))}
    found: set[str] = set()
    waiting = set(readable)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting |= views.get(name, set()) & (views.keys() | kept)
    return found & kept


def _has_tenant(files: Mapping[str, str], table: str) -> bool:
    made = next(text for text in files.values() if (m := _TABLE.search(text)) and m[1] == table)
    return bool(re.search(r"^    tenant ", made, re.MULTILINE))


def _on(cluster: Cluster, text: str) -> str:
    where = f" ON CLUSTER '{cluster.name}'"
    head = re.search(
        r"^(?:GRANT\b|CREATE (?:ROLE|USER|QUOTA|SETTINGS PROFILE|ROW POLICY)"
        r"(?: IF NOT EXISTS| OR REPLACE)? \w+)",
        text,
        re.MULTILINE,
    )
    assert head is not None, text
    return text[: head.end()] + where + text[head.end() :]
