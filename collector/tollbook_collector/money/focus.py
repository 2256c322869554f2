"""FOCUS: the charges of a month in the columns of the FinOps Open Cost and Usage Specification.

The work is done in SQL, in the queries focus_1_2 and focus_1_4; this says what may be asked for and
with which parameters. Unpriced calls are in no row: their cost is unknown, and no row says 0.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import Field

from tollbook_collector.policy import Section
from tollbook_collector.store import sql

VERSIONS: Final = ("1.4", "1.2")
GRANULARITIES: Final = ("hour", "day")
FORMATS: Final = {"csv": "CSVWithNames", "parquet": "Parquet"}
PERIOD: Final = re.compile(r"^(\d{4})-(0[1-9]|1[0-2])$")
ENGINE_SETTINGS: Final = {
    "date_time_output_format": "iso",
    # A column of whole numbers would be read as integers by tools that expect decimals.
    "output_format_decimal_trailing_zeros": 1,
    "format_csv_null_representation": "",
    "output_format_parquet_string_as_string": 1,
    "readonly": 1,
    "max_execution_time": 300,
}
# transform() needs an element to look for, also where nobody gave one.
NO_PROVIDER: Final = "\x00"


class WrongExport(ValueError):
    """What was asked for is no period, version, format or granularity."""


class Focus(Section):
    """[focus] of tollbook.toml: whose bill it is.

    Attributes:
        billing_account: Of the providers that have none of their own here; empty: the tenant.
        billing_accounts: Account or organisation at a provider, by provider.
    """

    billing_account: str = ""
    billing_accounts: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class Export:
    """What is exported.

    Args:
        version: Of FOCUS, one of VERSIONS.
        since: First hour, UTC.
        until: First hour after it, UTC.
        granularity: hour or day.
        format_name: csv or parquet.
    """

    version: str
    since: datetime
    until: datetime
    granularity: str
    format_name: str

    @classmethod
    def of(cls, version: str, period: str, granularity: str, format_name: str) -> "Export":
        """Return the export of a month.

        Raises:
            WrongExport: A word is not one of those it may be.
        """
        for name, value, known in (
            ("version", version, VERSIONS),
            ("granularity", granularity, GRANULARITIES),
            ("format", format_name, tuple(FORMATS)),
        ):
            if value not in known:
                raise WrongExport(f"{value!r} is not a {name}; {', '.join(known)} are")
        month = PERIOD.match(period)
        if month is None or not 1970 <= int(month[1]) < 2100:
            raise WrongExport(f"{period!r} is not a month; write it as 2026-11")
        since = datetime(int(month[1]), int(month[2]), 1, tzinfo=UTC)
        until = since.replace(year=since.year + since.month // 12, month=since.month % 12 + 1)
        return cls(version, since, until, granularity, format_name)

    @property
    def statement(self) -> str:
        """The query that answers it."""
        return sql.read(f"queries/focus_{self.version.replace('.', '_')}")

    @property
    def file_name(self) -> str:
        """What its file is called unless somebody names it."""
        return f"focus-{self.version}-{self.since:%Y-%m}.{self.format_name}"

    def parameters(self, tenant: str, accounts: Focus) -> Mapping[str, Any]:
        """Return the parameters of the query."""
        return {
            "tenant": tenant,
            "since": self.since.strftime("%Y-%m-%d %H:%M:%S"),
            "until": self.until.strftime("%Y-%m-%d %H:%M:%S"),
            "granularity": self.granularity,
            "account_providers": [NO_PROVIDER, *accounts.billing_accounts],
            "account_ids": ["", *accounts.billing_accounts.values()],
            "account": accounts.billing_account or tenant,
        }
