"""Reads a provider's bill, whichever form it has: JSON pages, JSON lines or CSV, also gzipped."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from tollbook_collector.money.bills import anthropic, aws, azure, focus, google, openai, openrouter
from tollbook_collector.money.bills.bill import BillLine, Record, WrongBill

BILL_BYTES_MAX: Final = 256 << 20
LINES_MAX: Final = 2_000_000


@dataclass(frozen=True)
class Form:
    """A form of bill: its name, how a record of it is known, and how it is read."""

    name: str
    is_one: Callable[[Record], bool]
    read: Callable[[Record], Iterator[BillLine]]


FORMS: Final = (
    Form("OpenAI usage", openai.is_usage, openai.read_usage),
    Form("OpenAI costs", openai.is_cost, openai.read_cost),
    Form("Anthropic usage report", anthropic.is_usage, anthropic.read_usage),
    Form("Anthropic cost report", anthropic.is_cost, anthropic.read_cost),
    Form("AWS Cost and Usage Report", aws.is_line, aws.read_line),
    Form("FOCUS", focus.is_line, focus.read_line),
    Form("Azure cost export", azure.is_line, azure.read_line),
    Form("Google Cloud billing export", google.is_line, google.read_line),
    Form("OpenRouter activity", openrouter.is_line, openrouter.read_line),
)


def read_bill(name: str, content: bytes) -> tuple[str, list[BillLine]]:
    """Return the form of a bill and its lines.

    Args:
        name: Of the file, for what is said of it.
        content: Its bytes.

    Raises:
        WrongBill: It is none that is known, or a record of it cannot be read.
    """
    text = _text(name, content)
    form: Form | None = None
    lines: list[BillLine] = []
    for number, record in enumerate(_records(name, text), start=1):
        if form is None or not form.is_one(record):
            form = next((one for one in FORMS if one.is_one(record)), None)
        if form is None:
            known = ", ".join(one.name for one in FORMS)
            raise WrongBill(f"{name}: record {number} is of no bill that is known; known: {known}")
        try:
            lines.extend(form.read(record))
        except (WrongBill, KeyError, TypeError, AttributeError, OverflowError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise WrongBill(f"{name}: record {number} of {form.name}: {reason}") from error
        if len(lines) > LINES_MAX:
            raise WrongBill(f"{name}: more than {LINES_MAX} lines; split it by day")
    if form is None:
        raise WrongBill(f"{name}: there is no record in it")
    return form.name, lines


def _text(name: str, content: bytes) -> str:
    try:
        if content.startswith(b"\x1f\x8b"):
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
                content = file.read(BILL_BYTES_MAX + 1)
        if len(content) > BILL_BYTES_MAX:
            raise WrongBill(f"{name}: more than {BILL_BYTES_MAX} bytes; split it by day")
        return content.decode("utf-8-sig")
    except (UnicodeDecodeError, OSError, EOFError, zlib.error) as error:
        raise WrongBill(f"{name}: neither JSON nor CSV: {error}") from error


def _records(name: str, text: str) -> Iterator[Record]:
    first = text.lstrip()[:1]
    if first not in ("{", "["):
        try:
            yield from csv.DictReader(io.StringIO(text))
        except csv.Error as error:
            raise WrongBill(f"{name}: not CSV: {error}") from error
        return
    try:
        yield from _leaves(json.loads(text, parse_float=Decimal))
    except ValueError:
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip():
                continue
            try:
                yield from _leaves(json.loads(line, parse_float=Decimal))
            except ValueError as error:
                raise WrongBill(f"{name}: line {number} is not JSON: {error}") from error


def _leaves(value: Any) -> Iterator[Record]:
    """Yield the records of pages and buckets, each with the time of its bucket."""
    if isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    elif isinstance(value, dict) and isinstance(value.get("data"), list):
        yield from _leaves(value["data"])
    elif isinstance(value, dict) and isinstance(value.get("results"), list):
        times = {name: value[name] for name in ("start_time", "starting_at") if name in value}
        for one in value["results"]:
            yield {**times, **one}
    elif isinstance(value, dict):
        yield value
