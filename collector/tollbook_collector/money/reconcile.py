"""Compares what providers bill with what was metered: quantity first, then unit price, then amount.

The lines of a bill are kept under the digest of its files, so the same files are the same bill and
are read once. The comparison is one statement of SQL; each adds rows of its own, and the causes of
what differs are ranked by their worth.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Protocol

from tollbook_collector.money.bills.bill import BillLine
from tollbook_collector.money.bills.read import read_bill
from tollbook_collector.store import sql

INSERT_ROWS_MAX: Final = 50_000
MEANINGS: Final = {
    "missing_spans": "billed and not metered: a key or program without tollbook, streams cut off",
    "dedup": "metered and not billed: copies of a call, answers from a gateway's cache",
    "tier": "billed in another tier than metered: batch, flex or priority, or the reverse",
    "timezone": "billed on another day than metered: days of another time zone",
    "price": "billed at another unit price: a discount, a region, or an old price book",
    "not_metered": "billed and no tokens: searches, sessions, storage",
}


class BillStore(Protocol):
    """What comparing needs of the store."""

    def command(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that returns no rows."""

    def rows(
        self, statement: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows in one block."""


@dataclass(frozen=True)
class Day:
    """A day, model and tier: what was metered and what was billed.

    None: the bill does not say, or what was metered has no price.
    """

    day: str
    provider: str
    model: str
    service_tier: str
    our_tokens: Decimal
    their_tokens: Decimal | None
    our_usd: Decimal | None
    their_usd: Decimal | None

    @property
    def coverage(self) -> Decimal | None:
        """Tokens that were metered, as a share of those that were billed."""
        return self.our_tokens / self.their_tokens if self.their_tokens else None

    @property
    def variance_usd(self) -> Decimal | None:
        """What was billed above the cost of record; negative: below."""
        if self.their_usd is None or self.our_usd is None:
            return None
        return self.their_usd - self.our_usd


@dataclass(frozen=True)
class Cause:
    """Why a bill and the meter differ, and what that is worth in USD."""

    cause: str
    provider: str
    model: str
    token_class: str
    tokens: float
    usd: float


@dataclass(frozen=True)
class Reconciliation:
    """A bill beside the meter.

    Args:
        bill: Digest of its files.
        forms: What they are.
        lines: That were read.
        known: Whether the bill had been read before.
        days: By day, model and tier.
        causes: Dearest first.
    """

    bill: str
    forms: tuple[str, ...]
    lines: int
    known: bool
    days: tuple[Day, ...]
    causes: tuple[Cause, ...]

    def ranked(self) -> dict[str, float]:
        """Return the worth of each cause in USD, dearest first."""
        worth: dict[str, float] = {}
        for one in self.causes:
            worth[one.cause] = worth.get(one.cause, 0.0) + one.usd
        return dict(sorted(worth.items(), key=lambda item: -item[1]))

    def values(self) -> dict[str, Any]:
        """Return it as JSON values; money is text."""
        return {
            "bill": self.bill,
            "forms": self.forms,
            "lines": self.lines,
            "known": self.known,
            "ranked": [
                {"cause": cause, "usd": round(usd, 6), "meaning": MEANINGS[cause]}
                for cause, usd in self.ranked().items()
            ],
            "causes": [asdict(cause) for cause in self.causes],
            "days": [
                {
                    **{name: _text(value) for name, value in asdict(day).items()},
                    "coverage": None if day.coverage is None else float(day.coverage),
                    "variance_usd": _text(day.variance_usd),
                }
                for day in self.days
            ],
        }


def reconcile(
    store: BillStore, tenant: str, files: Sequence[tuple[str, bytes]], at: datetime | None = None
) -> Reconciliation:
    """Read a bill of one or more files, compare it, and keep the comparison.

    Args:
        store: Where it is kept.
        tenant: Whose bill it is.
        files: Name and content of each; those of one bill are given together.
        at: The time of the comparison, UTC; None: now.

    Raises:
        WrongBill: A file is no bill that is known.
    """
    digests = sorted(hashlib.sha256(content).hexdigest() for _, content in files)
    bill = hashlib.sha256("".join(digests).encode()).hexdigest()
    read = [read_bill(name, content) for name, content in files]
    key = {"tenant": tenant, "bill": bill}
    ((known,),) = store.rows(sql.read("queries/bill_known"), key)
    total = sum(len(lines) for _, lines in read)
    # Rows that are there already replace themselves: a read that was cut off is read again.
    if int(known) < total:
        _keep(store, tenant, bill, read)
    moment = (at or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M:%S.%f")
    asked = {**key, "at": moment}
    store.command(sql.read("queries/reconcile"), asked)
    days = store.rows(sql.read("queries/reconciliation_days"), asked)
    causes = store.rows(sql.read("queries/reconciliation_causes"), asked)
    return Reconciliation(
        bill,
        tuple(dict.fromkeys(form for form, _ in read)),
        total,
        int(known) >= total,
        tuple(Day(*map(str, row[:4]), *map(_decimal, row[4:])) for row in days),  # type: ignore[arg-type]
        tuple(
            Cause(
                str(cause), str(provider), str(model), str(token_class), float(tokens), float(usd)
            )
            for cause, provider, model, token_class, tokens, usd in causes
        ),
    )


def _keep(
    store: BillStore, tenant: str, bill: str, read: Sequence[tuple[str, list[BillLine]]]
) -> None:
    columns = ["tenant", "bill", "line", "form", "day", "provider", "model", "service_tier"]
    columns += ["class", "quantity", "amount_usd"]
    rows = [
        [
            form,
            line.day,
            line.provider,
            line.model,
            line.service_tier,
            line.token_class,
            _scaled(line.quantity),
            _scaled(line.amount_usd),
        ]
        for form, lines in read
        for line in lines
    ]
    numbered = [[tenant, bill, number, *row] for number, row in enumerate(rows)]
    for start in range(0, len(numbered), INSERT_ROWS_MAX):
        store.insert("bill_lines", columns, numbered[start : start + INSERT_ROWS_MAX])


def _scaled(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(Decimal("1e-12"))


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)


def _text(value: Any) -> Any:
    return format(value.normalize(), "f") if isinstance(value, Decimal) else value
