"""Scale: what so many spans a month need, worked out from the cost of one span.

Every figure of docs/scale.md comes from here: inputs that were measured or are said to be assumed,
and arithmetic. Other inputs give another table.

    python benchmarks/scale.py [--bytes-per-span 90] [--store-us 27] [--peak 4] …
"""

import argparse
import math
from dataclasses import dataclass, fields

MONTH_S = 30 * 86_400
BILLION = 10**9
VOLUMES = (1, 10, 100, 1_000)
GB = 10**9


@dataclass(frozen=True)
class Inputs:
    """What a span costs, and what machines are and cost."""

    bytes_per_span: float = 90.0  # on disk; 600 characters of content add some 70
    wire_bytes_per_span: float = 200.0  # compressed, with 400 characters of content
    store_us: float = 27.0  # CPU of the store for a span: decode to roll-up, merges too
    collector_us: float = 9.0  # CPU of the collector for a span: check, spool, hand over
    segment_spans: float = 100_000  # a full segment of 96 MiB
    segment_s: float = 0.5  # a segment is sealed so long after its first span, when not full
    peak: float = 4.0  # the busiest hour over the mean
    busy: float = 0.5  # share of a core that is planned for
    months: float = 13.0  # spans are kept
    replicas: float = 2.0
    headroom: float = 1.4  # of disk, for merges
    node_cores: float = 16.0  # of a server
    node_tb: float = 8.0  # of its disk
    collector_cores: float = 2.0  # a collector is one process, and uses little more than one
    inserts_per_s_max: float = 20.0  # into one shard, before merges fall behind
    core_usd: float = 30.0  # a month, with 4 GB of memory
    gb_usd: float = 0.08  # a month of block storage


@dataclass(frozen=True)
class Need:
    """What a volume needs."""

    billions: int
    mean_per_s: float
    peak_per_s: float
    collectors: int
    shards: int
    servers: int
    disk_tb: float
    inserts_per_s: float
    network_mb_s: float
    usd: float
    first_limit: str


def need(billions: int, given: Inputs) -> Need:
    """Return what so many billions of spans a month need."""
    spans = billions * BILLION
    mean = spans / MONTH_S
    peak = mean * given.peak
    collector_cores = peak * given.collector_us / 1e6 / given.busy
    store_cores = peak * given.store_us / 1e6 / given.busy
    one_copy_tb = spans * given.months * given.bytes_per_span * given.headroom / 1e12
    by_cores = math.ceil(store_cores / given.node_cores)
    by_disk = math.ceil(one_copy_tb / given.node_tb)
    shards = max(1, by_cores, by_disk)
    alone = shards == 1 and store_cores + collector_cores <= given.node_cores / 2
    replicas = 1.0 if alone else given.replicas
    collectors = 1 if alone else max(2, math.ceil(collector_cores / given.collector_cores))
    # Each collector seals a segment as often as one is full, or old; each reaches every shard.
    each = peak / collectors
    inserts = collectors * max(each / given.segment_spans, min(1 / given.segment_s, each))
    limits = {
        "disk of a server": by_disk,
        "cores of a server": by_cores,
    }
    first = max(limits, key=lambda name: limits[name])
    if inserts > given.inserts_per_s_max:
        first = "inserts into each shard"
    elif shards == 1:
        first = "none"
    servers = int(shards * replicas)
    cores = servers * min(given.node_cores, max(2.0, math.ceil(store_cores / shards)))
    cores += 0 if alone else collectors * given.collector_cores
    disk_tb = one_copy_tb * replicas
    usd = cores * given.core_usd + disk_tb * 1_000 * given.gb_usd
    network = peak * given.wire_bytes_per_span / 1e6
    return Need(
        billions, mean, peak, collectors, shards, servers, disk_tb, inserts, network, usd, first
    )


def table(given: Inputs) -> str:
    """Return the table of docs/scale.md."""
    lines = [
        "| spans a month | mean, peak a second | collectors | shards by copies | disk |"
        " inserts a second into a shard | network at peak | dollars a month | first limit |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for billions in VOLUMES:
        found = need(billions, given)
        lines.append(
            f"| {billions:,} billion | {found.mean_per_s:,.0f}, {found.peak_per_s:,.0f}"
            f" | {found.collectors} | {found.shards} by {found.servers // found.shards}"
            f" | {found.disk_tb:,.1f} TB | {found.inserts_per_s:,.0f}"
            f" | {found.network_mb_s:,.1f} MB/s | ${found.usd:,.0f} | {found.first_limit} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for field in fields(Inputs):
        name = f"--{field.name.replace('_', '-')}"
        parser.add_argument(name, type=float, default=field.default)
    print(table(Inputs(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
