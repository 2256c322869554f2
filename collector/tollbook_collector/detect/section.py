"""The section [detect] of tollbook.toml: what is watched, and how often it may be wrong."""

from typing import Final, Literal

from pydantic import Field, field_validator

from tollbook_collector.policy import Section

Dimension = Literal[
    "model", "service", "team", "feature", "customer", "key", "environment", "run", "provider"
]
# A query groups by at most so many at a time.
DIMENSIONS_MAX: Final = 3
SETS_MAX: Final = 20


class DetectSection(Section):
    """What the detectors are told.

    Attributes:
        enabled: False: nothing is looked at.
        series: Combinations of dimensions; each value of each is a series. The tenant as a whole
            is always one.
        series_max: Series of one combination that are looked at; above it the rest is not, and
            that is counted.
        false_alarms_per_week: What a tenant puts up with, over all its series.
        runaway_calls_min: A run of an agent with fewer calls is never a runaway.
        runaway_factor: A run with so many times the calls or the cost of the largest of 28 days is.
    """

    enabled: bool = True
    series: tuple[tuple[Dimension, ...], ...] = (
        ("model",),
        ("service",),
        ("team",),
        ("feature",),
        ("customer",),
        ("key",),
        ("environment",),
        ("run",),
    )
    series_max: int = Field(default=20_000, ge=1, le=200_000)
    false_alarms_per_week: float = Field(default=5.0, gt=0, le=1_000)
    runaway_calls_min: int = Field(default=50, ge=2)
    runaway_factor: float = Field(default=3.0, ge=1.1)

    @field_validator("series")
    @classmethod
    def _of_few_dimensions(
        cls, series: tuple[tuple[Dimension, ...], ...]
    ) -> tuple[tuple[Dimension, ...], ...]:
        if len(series) > SETS_MAX:
            raise ValueError(f"{len(series)} combinations of dimensions, the limit is {SETS_MAX}")
        for names in series:
            if not 1 <= len(names) <= DIMENSIONS_MAX or len(set(names)) != len(names):
                raise ValueError(f"a combination is 1 to {DIMENSIONS_MAX} different dimensions")
        return series
