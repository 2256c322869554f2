"""Rerate: how long it takes to price a million recorded calls anew, with every one of them changed.

Fills an embedded store with calls, changes the price book, and prices them: a dry run, the change,
and the change again, which must add nothing. Prints the figures; never a gate.

    python benchmarks/rerate.py [--calls 1000000]
"""

import argparse
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from tollbook_collector.money.book import put_in_force
from tollbook_collector.money.rate import Book
from tollbook_collector.money.rerate import Rerating, preview, rerate
from tollbook_collector.money.seed import read_book
from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse, StoreAddress
from tollbook_collector.store.embedded.process import EmbeddedStore

OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
# Calls of five models over a month, with tags, as the price view left them but for their cost.
FILL = """
INSERT INTO normalised (tenant, key, received_at, trace_id, span_id, name, kind, started_at, duration_ns, service, is_call, operation, provider, request_model, response_model, response_id, service_tier, input_tokens, cache_read_tokens, output_tokens, usage_complete, team, feature, customer, tags)
SELECT
    'default', 'k', started, reinterpretAsFixedString(sipHash128(number)), reinterpretAsFixedString(sipHash64(number)),
    'chat', 3, toDateTime64('2026-10-01 00:00:00', 9, 'UTC') + number % 2678400 AS started, 1000000000,
    ['api', 'worker', 'chat'][number % 3 + 1], true, 'chat',
    ['openai', 'openai', 'openai', 'anthropic', 'anthropic'][number % 5 + 1],
    ['gpt-6.1-sol', 'gpt-5-mini', 'gpt-4o-mini', 'claude-sonnet-5-5', 'claude-haiku-5-5'][number % 5 + 1] AS model, model,
    hex(sipHash128(number)), 'standard', 2000 + number % 6000, number % 4 * 500, number % 2000, true,
    ['search', 'support', 'growth'][number % 3 + 1] AS team, 'answer', concat('c', toString(number % 200)) AS customer,
    map('team', team, 'feature', 'answer', 'customer', customer)
FROM numbers({calls:UInt64})
"""  # noqa: E501


def dearer(book: Book) -> Book:
    """Return the book with every rate a tenth higher."""
    factor = Decimal("1.1")
    rates = tuple(replace(rate, rate_usd=rate.rate_usd * factor) for rate in book.rates)
    return replace(book, rates=rates)


def main() -> None:
    """Run the benchmark and print its figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--calls", type=int, default=1_000_000)
    options, _ = arguments.parse_known_args()
    rerating = Rerating("default", OCTOBER, OCTOBER + timedelta(days=31))
    with tempfile.TemporaryDirectory() as directory, EmbeddedStore(Path(directory)) as store:
        address = store.address
        clickhouse = ClickHouse(StoreAddress(address.url, address.user, address.password))
        sql.migrate(clickhouse)
        book = read_book()
        put_in_force(clickhouse, book)
        clickhouse.command(FILL, {"calls": options.calls}, {"query_plan_merge_expressions": 0})
        put_in_force(clickhouse, dearer(book))
        started = time.perf_counter()
        changes = preview(clickhouse, rerating)
        dry_s = time.perf_counter() - started
        started = time.perf_counter()
        rerate(clickhouse, rerating, "benchmark", "every rate a tenth higher")
        rerate_s = time.perf_counter() - started
        started = time.perf_counter()
        rerate(clickhouse, rerating, "benchmark", "again")
        again_s = time.perf_counter() - started
        ((added, amount_usd),) = clickhouse.rows(
            "SELECT count(), sum(amount_usd) FROM adjustments WHERE tenant = 'default'"
        )
        clickhouse.close()
    calls = sum(change.calls for change in changes)
    delta_usd = sum((change.delta_usd for change in changes), Decimal(0))
    print(f"calls                  {calls:>10,}   adjustments {added:,}")
    print(f"dry run                {dry_s:>10.1f} s")
    print(f"rerate                 {rerate_s:>10.1f} s   (it begins with a dry run)")
    print(f"rerate again           {again_s:>10.1f} s   (adds nothing)")
    print(f"dry run's difference   {delta_usd:>20f} USD")
    print(f"adjustments            {amount_usd:>20f} USD")


if __name__ == "__main__":
    main()
