"""Checks a FOCUS file: columns, types, allowed values, and the rules that tie columns together.

The columns are those of `focus_columns.csv`: names, types and levels of the FinOps Open Cost and
Usage Specification 1.2 and 1.4 (FinOps Foundation, CC BY 4.0). A finding names rule, row and value;
of each rule the first FINDINGS_MAX are kept and all are counted. The official validator asks more.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from typing import Final

FINDINGS_MAX: Final = 5
DATE_TIME: Final = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
DECIMAL: Final = re.compile(r"^-?\d+(\.\d+)?([eE][+-]?\d+)?$")
CURRENCY: Final = re.compile(r"^[A-Z]{3}$")
UNIT: Final = re.compile(r"^([1-9]\d* )?[A-Z][A-Za-z]*(-[A-Z][A-Za-z]*)*$")
SERVICE_CATEGORIES: Final = frozenset(
    {
        "AI and Machine Learning",
        "Analytics",
        "Business Applications",
        "Compute",
        "Databases",
        "Developer Tools",
        "Multicloud",
        "Identity",
        "Integration",
        "Internet of Things",
        "Management and Governance",
        "Media",
        "Migration",
        "Mobile",
        "Networking",
        "Security",
        "Storage",
        "Web",
        "Other",
    }
)
# Keys of SkuPriceDetails that FOCUS defines; others are written x_….
SKU_KEYS: Final = frozenset(
    {
        "CoreCount",
        "DiskMaxIops",
        "DiskSpace",
        "DiskType",
        "GpuCount",
        "InstanceSeries",
        "InstanceType",
        "MemorySize",
        "NetworkMaxIops",
        "NetworkMaxThroughput",
        "OperatingSystem",
        "Redundancy",
        "StorageClass",
    }
)
PRICED: Final = (
    "SkuId",
    "SkuPriceId",
    "PricingQuantity",
    "PricingUnit",
    "PricingCategory",
    "ListUnitPrice",
    "ContractedUnitPrice",
)
COSTS: Final = ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")

# None is NULL; in CSV an empty field is.
Row = Mapping[str, str | None]


@dataclass(frozen=True)
class Column:
    """A column of the specification.

    Args:
        name: Its name.
        kind: String, Decimal, NonNegativeDecimal, Date/Time, Currency, Unit or JSON.
        level: Mandatory, Conditional or Recommended.
        nullable: Whether NULL is allowed.
        values: Those allowed; empty: any.
        versions: Of FOCUS, in which it is.
    """

    name: str
    kind: str
    level: str
    nullable: bool
    values: tuple[str, ...]
    versions: tuple[str, ...]


@dataclass
class Findings:
    """What is wrong with a file: how often by rule, and the first of each."""

    counts: dict[str, int]
    first: list[str]
    rows: int = 0

    def add(self, rule: str, text: str) -> None:
        """Count a finding, and keep it if it is one of the first of its rule."""
        self.counts[rule] = self.counts.get(rule, 0) + 1
        if self.counts[rule] <= FINDINGS_MAX:
            self.first.append(f"{rule}: {text}")


def columns(version: str) -> dict[str, Column]:
    """Return the columns of a version by name."""
    text = files(__package__).joinpath("focus_columns.csv").read_text(encoding="utf-8")
    found = [
        Column(
            row["column"],
            row["type"],
            row["level"],
            row["nullable"] == "yes",
            tuple(row["values"].split("|")) if row["values"] else (),
            tuple(row["versions"].split()),
        )
        for row in csv.DictReader(text.splitlines())
    ]
    return {column.name: column for column in found if version in column.versions}


def lint(names: Iterable[str], rows: Iterable[Row], version: str) -> Findings:
    """Return what is wrong with a file.

    Args:
        names: Of its columns.
        rows: Its rows, values as text.
        version: Of FOCUS.
    """
    known, found = columns(version), Findings({}, [])
    present = list(names)
    for rule, text in _headings(known, present, version):
        found.add(rule, text)
    checked = [known[name] for name in present if name in known]
    for number, row in enumerate(rows, start=1):
        found.rows = number
        for rule, text in _row(checked, row):
            found.add(rule, f"row {number}: {text}")
    return found


def _headings(
    known: Mapping[str, Column], present: list[str], version: str
) -> Iterator[tuple[str, str]]:
    for column in known.values():
        if column.level == "Mandatory" and column.name not in present:
            yield "missing column", f"{column.name} is mandatory in {version}"
    for name in present:
        if name not in known and not name.startswith("x_"):
            yield "unknown column", f"{name}; columns of your own are written x_{name}"


def _row(checked: list[Column], row: Row) -> Iterator[tuple[str, str]]:
    for column in checked:
        for rule, text in _value(column, row[column.name]):
            yield rule, f"{column.name} {text}"
    for check in ROW_CHECKS:
        yield from check(row)


def _value(column: Column, value: str | None) -> Iterator[tuple[str, str]]:
    if value is None:
        if not column.nullable:
            yield "null", "may not be NULL"
        return
    if column.values and value not in column.values:
        yield "value", f"{value!r} is not one of {', '.join(column.values)}"
    if not WELL_FORMED[column.kind](value):
        yield "type", f"{value!r} is no {column.kind}"


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


WELL_FORMED: Final[Mapping[str, Callable[[str], bool]]] = {
    "String": lambda text: text != "",
    "Decimal": lambda text: DECIMAL.match(text) is not None,
    "NonNegativeDecimal": lambda text: DECIMAL.match(text) is not None and not text.startswith("-"),
    "Date/Time": lambda text: DATE_TIME.match(text) is not None,
    "Currency": lambda text: CURRENCY.match(text) is not None,
    "Unit": lambda text: UNIT.match(text) is not None,
    "JSON": _is_json_object,
}


def _number(row: Row, name: str) -> Decimal | None:
    text = row.get(name)
    try:
        return Decimal(text) if text is not None else None
    except InvalidOperation:
        return None


def _check_amounts(row: Row) -> Iterator[tuple[str, str]]:
    """Costs are unit prices times quantities, and only credits and corrections are negative."""
    quantity = _number(row, "PricingQuantity")
    for cost, price in (("ListCost", "ListUnitPrice"), ("ContractedCost", "ContractedUnitPrice")):
        amount, unit = _number(row, cost), _number(row, price)
        if amount is None or unit is None or quantity is None:
            continue
        if amount != unit * quantity:
            yield "amount", f"{cost} {amount} is not {price} {unit} times {quantity}"
    if row.get("ChargeCategory") != "Credit" and row.get("ChargeClass") != "Correction":
        for name in COSTS:
            if (_number(row, name) or 0) < 0:
                yield "negative", f"{name} {row[name]} outside of credits and corrections"


def _check_usage(row: Row) -> Iterator[tuple[str, str]]:
    category = row.get("ChargeCategory")
    if category in ("Usage", "Purchase") and row.get("ChargeClass") != "Correction":
        for name in PRICED:
            if name in row and row[name] is None:
                yield "null", f"{name} may not be NULL for {category}"
    for name in ("ConsumedQuantity", "ConsumedUnit"):
        if category != "Usage" and row.get(name) is not None:
            yield "consumed", f"{name} is {row[name]}, but {category} consumes nothing"
        is_correction = row.get("ChargeClass") == "Correction"
        if category == "Usage" and name in row and row[name] is None and not is_correction:
            yield "consumed", f"{name} may not be NULL for Usage"


def _check_details(row: Row) -> Iterator[tuple[str, str]]:
    details = row.get("SkuPriceDetails")
    if "SkuPriceDetails" in row and (details is None) != (row.get("SkuPriceId") is None):
        yield "details", "SkuPriceDetails is NULL if and only if SkuPriceId is"
    if details is not None and _is_json_object(details):
        for key in json.loads(details):
            if key not in SKU_KEYS and not key.startswith("x_"):
                yield "details", f"key {key} of SkuPriceDetails is not FOCUS's; write x_{key}"
    if row.get("ServiceCategory") not in (None, *SERVICE_CATEGORIES):
        yield "value", f"ServiceCategory {row['ServiceCategory']!r} is not one of FOCUS's"
    for one in ("SubAccount", "BillingAccount"):
        if row.get(f"{one}Id") is None and row.get(f"{one}Type") is not None:
            yield "account", f"{one}Type without {one}Id"


def _check_periods(row: Row) -> Iterator[tuple[str, str]]:
    """ISO 8601 in UTC sorts as text. A correction may be of what was used in an earlier period."""
    start, end = row.get("ChargePeriodStart"), row.get("ChargePeriodEnd")
    first, last = row.get("BillingPeriodStart"), row.get("BillingPeriodEnd")
    if start and end and start >= end:
        yield "period", f"ChargePeriodStart {start} is not before its end {end}"
    if first and last and first >= last:
        yield "period", f"BillingPeriodStart {first} is not before its end {last}"
    if start and first and row.get("ChargeClass") == "Correction":
        first = min(start, first)
    if start and first and last and not first <= start < last:
        yield "period", f"ChargePeriodStart {start} is not in the billing period {first} to {last}"


ROW_CHECKS: Final = (_check_amounts, _check_usage, _check_details, _check_periods)
