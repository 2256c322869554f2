"""Writes the files of SQL for a cluster: the same tables and views, replicated and spread.

There is one schema and one dialect: `migrations/`, `functions/` and `views/` say what a table is,
and this module only says where it is.

    spans        what a materialised view fills, or what segments are sent to, is spread over the
                 shards: `spans_shard` has a shard's rows, replicated, and `spans` is Distributed
    keys, rates  everything else is whole on every server, replicated, so that dictionaries and
                 views find it beside them
    decode, …    materialised views work on each shard alone, from shard table to shard table
    decoded      tables that keep nothing are on each server

A segment is sent to `landing`, which is Distributed: the engine decodes it where it arrives and
spreads its requests over the shards by tenant and trace; each shard decodes, normalises, prices and
rolls up its part. Each shard remembers the segment's token, so that the same segment again, sent to
any server, changes nothing.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

SHARD_SUFFIX: Final = "_shard"
# A segment that is sent again within a week is known; so long does a spool usually wait at most.
DEDUPLICATION_WINDOW_S: Final = 7 * 24 * 3600
# A server that was away when a dictionary was read anew reads it so many seconds later.
RELOAD_S: Final = 60
# The first span's trace decides where a request goes, its number where it has no spans.
LANDING_KEYS: Final = {
    "landing": ("cityHash64(tenant, request.resource_spans[1].scope_spans[1].spans[1].trace_id)"),
    "landing_logs": "cityHash64(tenant, sequence)",
    "landing_metrics": "cityHash64(tenant, sequence)",
}

_HEAD = re.compile(
    r"^CREATE (?:OR REPLACE )?(?P<kind>TABLE|VIEW|MATERIALIZED VIEW|DICTIONARY|FUNCTION)"
    r"(?: IF NOT EXISTS)? (?P<name>\w+)|^ALTER TABLE (?P<altered>\w+)|^INSERT INTO (?P<filled>\w+)",
    re.MULTILINE,
)
_RELOAD = re.compile(r"^(SYSTEM RELOAD DICTIONARY)\b", re.MULTILINE)
_DATABASE = re.compile(r"^(CREATE DATABASE IF NOT EXISTS \S+)", re.MULTILINE)
_FILLS = re.compile(r"MATERIALIZED VIEW \w+ TO (\w+)")
_ENGINE = re.compile(r"^ENGINE = (\w*MergeTree)(?:\(([^)]*)\))?", re.MULTILINE)
_WINDOW = re.compile(r"\bnon_replicated_deduplication_window = (\d+)")
_LIFETIME = re.compile(r"^LIFETIME\(0\)$", re.MULTILINE)
# What a Distributed table has not, as it stores nothing.
_STORAGE = re.compile(
    r"^ +(?:ADD|MODIFY|DROP|RESET|MATERIALIZE) (?:INDEX|SETTING|TTL|ORDER|PROJECTION)", re.M
)
_TABLE_OF_VIEW = re.compile(r"\b(FROM|TO) (\w+)\b")


@dataclass(frozen=True)
class Cluster:
    """A cluster of a ClickHouse.

    Args:
        name: As the servers' configuration names it.
        database: The database of tollbook's tables.
    """

    name: str
    database: str


@dataclass(frozen=True)
class Layout:
    """Where tables are.

    Args:
        spread: Tables that are spread over the shards, and the expression by which.
    """

    spread: Mapping[str, str]


def layout(sources: Mapping[str, str]) -> Layout:
    """Return where tables are, from all files of migrations and views by name."""
    kept: set[str] = set()
    passing: set[str] = set()
    traced: set[str] = set()
    for text in sources.values():
        head = _HEAD.search(text)
        if head is None or head["kind"] != "TABLE":
            continue
        (kept if _ENGINE.search(text) else passing).add(head["name"])
        if re.search(r"^    trace_id ", text, re.MULTILINE):
            traced.add(head["name"])
    filled = {name for text in sources.values() for name in _FILLS.findall(text)}
    spread = {
        name: "cityHash64(tenant, trace_id)" if name in traced else "cityHash64(tenant)"
        for name in sorted(filled & kept)
    }
    return Layout({**spread, **{n: key for n, key in LANDING_KEYS.items() if n in passing}})


def everywhere(cluster: Cluster, statement: str) -> str:
    """Return a statement of `queries/` as it reaches all servers, if it is one for each of them."""
    made = _DATABASE.sub(rf"\1 ON CLUSTER '{cluster.name}'", statement)
    return _RELOAD.sub(rf"\1 ON CLUSTER '{cluster.name}'", made)


def written_for(cluster: Cluster, text: str, where: Layout) -> list[str]:
    """Return the statements that are a file of SQL on a cluster, in order.

    Raises:
        ValueError: The file is none that a cluster has a form of.
    """
    head = _HEAD.search(text)
    if head is None:
        raise ValueError(f"no form for a cluster: {text.splitlines()[0]}")
    if head["filled"]:
        # A row that is made with the tables: replication or the Distributed table takes it on.
        return [text]
    if head["altered"]:
        return _altered(cluster, text, head["altered"], where)
    write = _WRITERS[head["kind"]]
    return write(cluster, text, head["name"], where)


def _table(cluster: Cluster, text: str, name: str, where: Layout) -> list[str]:
    spread = where.spread.get(name)
    own = f"{name}{SHARD_SUFFIX}" if spread else name
    made = _named(cluster, text, name, own)
    place = (
        f"'/clickhouse/tables/{{shard}}/{cluster.database}/{own}', '{{replica}}'"
        if spread
        else f"'/clickhouse/tables/whole/{cluster.database}/{own}', '{{shard}}-{{replica}}'"
    )
    made = _ENGINE.sub(
        lambda m: f"ENGINE = Replicated{m[1]}({place}{f', {m[2]}' if m[2] else ''})", made
    )
    made = _WINDOW.sub(
        rf"replicated_deduplication_window = \1,"
        rf"\n    replicated_deduplication_window_seconds = {DEDUPLICATION_WINDOW_S}",
        made,
    )
    if not spread:
        return [made]
    return [made, _distributed(cluster, name, spread)]


def _distributed(cluster: Cluster, name: str, key: str) -> str:
    text = files(__package__).joinpath("distributed.sql").read_text(encoding="utf-8")
    for placeholder, own in (
        ("the_table", name),
        ("the_cluster", cluster.name),
        ("the_database", cluster.database),
        ("the_key", key),
    ):
        text = text.replace(placeholder, own)
    return text


def _altered(cluster: Cluster, text: str, name: str, where: Layout) -> list[str]:
    names = [f"{name}{SHARD_SUFFIX}", name] if name in where.spread else [name]
    if _STORAGE.search(text):
        names = names[:1]
    head = re.compile(rf"\b(ALTER TABLE) {name}\b")
    return [head.sub(rf"\1 {own} ON CLUSTER '{cluster.name}'", text, count=1) for own in names]


def _materialised(cluster: Cluster, text: str, name: str, where: Layout) -> list[str]:
    def own(match: re.Match[str]) -> str:
        if match[2] not in where.spread:
            return match[0]
        # Columns are named by their table here and there.
        alias = f" AS {match[2]}" if match[1] == "FROM" else ""
        return f"{match[1]} {match[2]}{SHARD_SUFFIX}{alias}"

    return [_named(cluster, _TABLE_OF_VIEW.sub(own, text), name, name)]


def _plain(cluster: Cluster, text: str, name: str, _: Layout) -> list[str]:
    return [_named(cluster, text, name, name)]


def _dictionary(cluster: Cluster, text: str, name: str, _: Layout) -> list[str]:
    # Each server has its own copy, which is read anew when it is told so, and else now and then.
    told = _LIFETIME.sub(f"LIFETIME(MIN {RELOAD_S} MAX {2 * RELOAD_S})", text)
    return [_named(cluster, told, name, name)]


def _named(cluster: Cluster, text: str, name: str, own: str) -> str:
    """Return the statement under another name, on all servers of the cluster."""
    head = _HEAD.search(text)
    assert head is not None
    at = head.end("name")
    return f"{text[: at - len(name)]}{own} ON CLUSTER '{cluster.name}'{text[at:]}"


_WRITERS: Final[dict[str, Callable[[Cluster, str, str, Layout], list[str]]]] = {
    "TABLE": _table,
    "MATERIALIZED VIEW": _materialised,
    "VIEW": _plain,
    "DICTIONARY": _dictionary,
    "FUNCTION": _plain,
}
