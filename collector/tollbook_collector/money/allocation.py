"""Allocation: which cost centre bears which charge, and how shared charges are split, exactly.

The first rule that fits a charge names its cost centre; a charge that fits none is unallocated, and
shown as that. The charges of a shared cost centre are split line by line over others, in units of
1e-12 USD by largest remainder: the parts of a line add up to it, and so all totals to the total.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from tollbook_collector.money.rerate import LedgerStore
from tollbook_collector.policy import Section
from tollbook_collector.store import sql

RULES_MAX: Final = 1_000
VALUES_MAX: Final = 1_000
LINES_MAX: Final = 100_000
DIRECT: Final = "direct"
FIELDS: Final = (
    "team",
    "feature",
    "customer",
    "service",
    "environment",
    "provider",
    "model",
    "key",
    "agent",
    "run",
    "user",
)
DIMENSIONS: Final = ("provider", "model", "service", "team", "feature", "customer")

Name = Annotated[str, Field(min_length=1, max_length=200)]
Values = Annotated[tuple[str, ...], Field(max_length=VALUES_MAX)]


class Rule(Section):
    """One rule: a charge that has one of the values of each field named belongs to a cost centre.

    Args:
        cost_centre: Who bears it.
        tags: Other tags, a list of values each.
    """

    cost_centre: Name
    team: Values = ()
    feature: Values = ()
    customer: Values = ()
    service: Values = ()
    environment: Values = ()
    provider: Values = ()
    model: Values = ()
    key: Values = ()
    agent: Values = ()
    run: Values = ()
    user: Values = ()
    tags: dict[str, Values] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_something(self) -> Self:
        if not self.conditions():
            raise ValueError(f"a rule needs one of {', '.join(FIELDS)} or tags")
        return self

    def conditions(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return the fields that it asks for, with their values."""
        fields = [(name, getattr(self, name)) for name in FIELDS]
        fields += [(f"tags.{name}", values) for name, values in self.tags.items()]
        return [(name, values) for name, values in fields if values]


class Shared(Section):
    """A cost centre whose charges others bear.

    Args:
        cost_centre: Whose charges are split.
        split: even; usage: by what each is charged directly; fixed: by `shares`.
        among: Who bears them; none: every cost centre with charges of its own.
        shares: Of `fixed`: percent by cost centre, which add up to 100.
    """

    cost_centre: Name
    split: Literal["even", "usage", "fixed"] = "even"
    among: Annotated[tuple[Name, ...], Field(max_length=RULES_MAX)] = ()
    shares: dict[Name, Decimal] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _can_be_split(self) -> Self:
        if (self.split == "fixed") != bool(self.shares):
            raise ValueError("shares, in percent, belong to split = 'fixed' and to no other")
        if self.shares and (sum(self.shares.values()) != 100 or min(self.shares.values()) < 0):
            total = sum(self.shares.values())
            raise ValueError(f"the shares of {self.cost_centre} add up to {total} and not to 100")
        if self.shares and self.among:
            raise ValueError("shares say among whom; leave out among")
        if len(set(self.among)) < len(self.among) or self.cost_centre in self.targets():
            raise ValueError(f"{self.cost_centre} is split among others, each named once")
        return self

    def targets(self) -> tuple[str, ...]:
        """Return the cost centres that are named to bear it."""
        return tuple(self.shares) or self.among


class Allocation(Section):
    """The section `[allocation]`: rules in order, the first that fits counts.

    Args:
        unallocated: The name of charges that fit no rule.
        rules: `[[allocation.rules]]`.
        shared: `[[allocation.shared]]`.
    """

    unallocated: Name = "unallocated"
    rules: Annotated[tuple[Rule, ...], Field(max_length=RULES_MAX)] = ()
    shared: Annotated[tuple[Shared, ...], Field(max_length=RULES_MAX)] = ()

    @model_validator(mode="after")
    def _shares_nothing_twice(self) -> Self:
        pools = [each.cost_centre for each in self.shared]
        if len(set(pools)) < len(pools):
            raise ValueError("a cost centre is shared out once")
        for each in self.shared:
            if again := set(each.targets()) & set(pools):
                raise ValueError(f"{sorted(again)[0]} is itself shared out, and can bear nothing")
        return self


@dataclass(frozen=True)
class Line:
    """A charge of a cost centre.

    Args:
        cost_centre: Who bears it.
        source: `direct`, or the shared cost centre that it is a part of.
        dimensions: Values of DIMENSIONS, in their order.
        calls: Calls behind it; 0 for a part of a shared charge, whose calls are nobody's.
        cost_usd: The charge, 12 decimals.
    """

    cost_centre: str
    source: str
    dimensions: tuple[str, ...]
    calls: int
    cost_usd: Decimal


class TooManyLines(ValueError):
    """A month has more lines than a report can have."""


def allocate(store: LedgerStore, tenant: str, period: str, allocation: Allocation) -> list[Line]:
    """Return the charges of a month that is open, allocated, dearest first.

    Args:
        store: Where the calls are.
        tenant: Whose.
        period: First day of the month, as 2026-11-01.
        allocation: The rules.

    Raises:
        TooManyLines: The rules' fields have too many values.
    """
    rules = [[rule.cost_centre, rule.conditions()] for rule in allocation.rules]
    parameters = {
        "tenant": tenant,
        "period": period,
        "rules": json.dumps(rules),
        "unallocated": allocation.unallocated,
        "limit": LINES_MAX + 1,
    }
    rows = store.rows(sql.read("queries/allocation_lines"), parameters)
    if len(rows) > LINES_MAX:
        raise TooManyLines(f"{period[:7]} has more than {LINES_MAX} lines")
    lines = [
        Line(str(centre), DIRECT, tuple(map(str, values)), int(calls), Decimal(cost))
        for centre, *values, calls, cost in rows
    ]
    return split_shared(lines, allocation)


def split_shared(lines: Sequence[Line], allocation: Allocation) -> list[Line]:
    """Return the lines with those of shared cost centres split, dearest first."""
    pools = {each.cost_centre: each for each in allocation.shared}
    direct: dict[str, Decimal] = {}
    for line in lines:
        if line.cost_centre not in pools and line.cost_centre != allocation.unallocated:
            direct[line.cost_centre] = direct.get(line.cost_centre, Decimal(0)) + line.cost_usd
    split = [
        part
        for line in lines
        for part in (
            _parts(line, _weights(pools[line.cost_centre], direct))
            if line.cost_centre in pools
            else (line,)
        )
    ]
    return sorted(
        split, key=lambda line: (-line.cost_usd, line.cost_centre, line.source, line.dimensions)
    )


def apportion(amount: Decimal, weights: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return an amount split by weights, in units of 1e-12, so that the parts add up to it.

    Args:
        amount: USD, at most 12 decimals; it may be negative.
        weights: By name, none negative, one above 0. Names decide between equal remainders.
    """
    units, total = int(amount.scaleb(12)), sum(map(Fraction, weights.values()))
    exact = {name: units * Fraction(weight) / total for name, weight in weights.items()}
    parts = {name: floor(part) for name, part in exact.items()}
    left = units - sum(parts.values())
    for name in sorted(exact, key=lambda name: (parts[name] - exact[name], name))[:left]:
        parts[name] += 1
    return {name: Decimal(part).scaleb(-12) for name, part in parts.items()}


def _weights(pool: Shared, direct: Mapping[str, Decimal]) -> dict[str, Decimal]:
    if pool.split == "fixed":
        return dict(pool.shares)
    among = pool.among or tuple(direct)
    if pool.split == "even":
        return {name: Decimal(1) for name in among}
    return {name: max(direct.get(name, Decimal(0)), Decimal(0)) for name in among}


def _parts(line: Line, weights: Mapping[str, Decimal]) -> Iterator[Line]:
    # Where nobody is there to bear it, it stays where it is, and is seen there.
    if not any(weights.values()):
        yield line
        return
    if line.calls:
        yield replace(line, source=line.cost_centre, cost_usd=Decimal(0))
    for name, part in apportion(line.cost_usd, weights).items():
        if part:
            yield Line(name, line.cost_centre, line.dimensions, 0, part)
