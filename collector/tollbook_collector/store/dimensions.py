"""The dimensions by which spend is kept apart, and how a question names those that it needs.

A question that names a column only where it was asked for reads no other, and what is not by
customer is answered by the sums of all customers, which are kept beside the rows (the projection
`all_customers` of spend_hourly): some hundred times fewer.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

DIMENSIONS: Final = (
    "service",
    "environment",
    "provider",
    "model",
    "operation",
    "team",
    "feature",
    "customer",
    "service_tier",
)
# In place of a dimension that is not asked for: a column that has one value.
CONSTANT: Final = "tenant"
# Dimensions that one question can be narrowed by at a time.
FILTERS_MAX: Final = 4


@dataclass(frozen=True)
class Filter:
    """Which values of a dimension count.

    Args:
        dimension: One of DIMENSIONS.
        only: The values that count; empty: any.
        but: The values that do not.
    """

    dimension: str
    only: tuple[str, ...] = ()
    but: tuple[str, ...] = ()


def narrowed(filters: Sequence[Filter]) -> dict[str, Any]:
    """Return the parameters by which a question is narrowed, of at most FILTERS_MAX filters."""
    filled = [*filters, *[Filter(CONSTANT)] * (FILTERS_MAX - len(filters))]
    parameters: dict[str, Any] = {}
    for number, one in enumerate(filled, 1):
        parameters[f"filter_{number}"] = one.dimension
        parameters[f"only_{number}"] = list(one.only)
        parameters[f"but_{number}"] = list(one.but)
    return parameters


def identifiers(by: Collection[str]) -> dict[str, str]:
    """Return for each of DIMENSIONS the column that a question reads for it."""
    return {name: name if name in by else CONSTANT for name in DIMENSIONS}


def values(by: Sequence[str], columns: Sequence[Any]) -> dict[str, str]:
    """Return the values of the dimensions asked for, in their order.

    Args:
        by: Some of DIMENSIONS.
        columns: What a question with `identifiers` said, a column for each of DIMENSIONS.
    """
    return {name: str(columns[DIMENSIONS.index(name)]) for name in by}


def identifier(by: str | None) -> str:
    """Return the column that a question by one dimension reads; empty or None: by none."""
    return by or CONSTANT
