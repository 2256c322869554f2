"""Has the official focus-validator look at an export of FOCUS 1.2: `make focus-validator`.

It needs Python 3.12 and is no dependency of tollbook's: the target makes an environment of its own
for it. It is run without a network, with the rules of 1.2 that it carries.
"""

import re
import subprocess
import sys
import tempfile
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from otlp_requests import cache_read, cache_write, call, request

from tollbook_collector.money.book import put_in_force
from tollbook_collector.money.focus import ENGINE_SETTINGS, FORMATS, Export, Focus
from tollbook_collector.money.rate import Book
from tollbook_collector.money.rerate import Rerating, rerate
from tollbook_collector.money.seed import read_book
from tollbook_collector.spool.segment import Envelope, header, record
from tollbook_collector.store import sql
from tollbook_collector.store.client import ClickHouse, StoreAddress
from tollbook_collector.store.embedded.process import EmbeddedStore

# What tollbook's rows claim to support.
CRITERIA = (
    "MULTIPLE_PRICING_CATEGORIES_SUPPORTED",
    "NEGOTIATED_PRICING_SUPPORTED",
    "PUBLIC_PRICE_LIST_SUPPORTED",
    "SUB_ACCOUNT_SUPPORTED",
    "TAGGING_SUPPORTED",
    "UNIT_PRICING_SUPPORTED",
    "USAGE_MEASUREMENT_SUPPORTED",
)
# InvoiceId-C-004 and -C-005 of its rules contradict each other: one of them fails for every file.
KNOWN = {"InvoiceId-C-004", "InvoiceId-C-005"}
MODELS = (
    ("openai", "gpt-6.1-sol"),
    ("openai", "gpt-5.5"),
    ("anthropic", "claude-opus-5-5"),
    ("gcp.gemini", "gemini-4-argon"),
    ("aws.bedrock", "amazon.nova-pro-v1:0"),
)


def export() -> bytes:
    """Return an export of calls of several providers, as CSV."""
    spans = [
        call(
            provider,
            model,
            10_000 + hour,
            2_000,
            at=datetime(2026, 11, 20, hour, tzinfo=UTC),
            **cache_read(600 * (hour % 3)),
            **cache_write(100 * (hour % 2)),
            **({"tollbook.tags.team": "search"} if hour % 2 else {}),
            **({"tollbook.usage.web_search_requests": 2} if hour % 4 else {}),
        )
        for provider, model in MODELS
        for hour in range(24)
    ]
    with tempfile.TemporaryDirectory() as directory, EmbeddedStore(Path(directory)) as store:
        address = store.address
        clickhouse = ClickHouse(StoreAddress(address.url, address.user, address.password))
        sql.migrate(clickhouse)
        put_in_force(clickhouse, read_book())
        body = request(spans)
        envelope = Envelope("acme", "key1", 1_795_000_000_000_000_000, 1, len(spans), body)
        clickhouse.insert_segment(header() + record(envelope), uuid.uuid4().hex)
        # Corrections: some calls turn out to have been dearer.
        put_in_force(clickhouse, dearer(read_book(), "gpt-5.5"))
        november = Rerating(
            "acme", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
        )
        rerate(clickhouse, november, "benchmark", "a price was wrong")
        asked = Export.of("1.2", "2026-11", "hour", "csv")
        pieces = clickhouse.streamed(
            asked.statement,
            FORMATS["csv"],
            asked.parameters("acme", Focus()),
            ENGINE_SETTINGS,
        )
        content = b"".join(pieces)
        clickhouse.close()
    return content


def dearer(book: Book, model: str) -> Book:
    """Return a book in which a model costs twice as much."""
    rates = tuple(
        replace(rate, rate_usd=2 * rate.rate_usd) if rate.model == model else rate
        for rate in book.rates
    )
    return replace(book, rates=rates)


def main(validator: Path) -> int:
    """Export, validate, print what the validator says, and return 0 if nothing new failed."""
    # It looks for a file of its own from its own directory.
    packages = next(validator.parents[1].glob("lib/python*/site-packages"))
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "focus-1.2.csv"
        file.write_bytes(export())
        done = subprocess.run(
            [
                str(validator.absolute()),
                "--data-file",
                str(file),
                "--block-download",
                "--validate-version",
                "1.2.0.1",
                "--applicability-criteria",
                ",".join(CRITERIA),
                "--show-violations",
                "--output-type",
                "console",
            ],
            cwd=packages,
            capture_output=True,
            text=True,
            check=False,
        )
    text = done.stdout + done.stderr
    print(text)
    failed = set(re.findall(r"(\w+-\w-\d{3})-\w: FAIL", text))
    if "Total:" not in text:
        print("the validator gave no result")
        return 1
    for name in sorted(failed & KNOWN):
        print(f"{name} fails for every file: it contradicts another rule of the validator")
    return 1 if failed - KNOWN else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
