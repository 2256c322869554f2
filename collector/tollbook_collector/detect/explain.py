"""Explains an anomaly: what changed, by how many dollars, where, and since when."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from tollbook_collector.detect.anomaly import Anomaly
from tollbook_collector.detect.decompose import QUANTUM, Use, decompose
from tollbook_collector.detect.series import Asked, TierOf
from tollbook_collector.store import sql

# The same hours of so many weeks before are what it is held against; of one day before while young.
WEEKS: Final = 4
RANKED_MAX: Final = 10
FIRST_CALLS_MAX: Final = 5
MARKERS_BEFORE: Final = timedelta(hours=24)
# What the sentence says of the strongest factor, and of silence.
WORDS: Final = {
    "requests": "calls",
    "tokens_per_request": "tokens per call",
    "mix": "the share of dearer models",
    "unit_price": "the price of a token",
    "cache": "what the cache does not save",
}


@dataclass(frozen=True)
class Side:
    """One side of a comparison: its use by model, and for the sentence its totals."""

    by_model: dict[str, Use]

    @property
    def calls(self) -> Decimal:
        """Calls of all models."""
        return sum((use.calls for use in self.by_model.values()), Decimal(0))

    @property
    def cost(self) -> Decimal:
        """Dollars of all models."""
        return sum((use.cost_usd for use in self.by_model.values()), Decimal(0))

    @property
    def tokens(self) -> Decimal:
        """Tokens of all models."""
        return sum((use.tokens for use in self.by_model.values()), Decimal(0))


def projected(so_far: Decimal, started_at: datetime, ends_at: datetime, goes_on: bool) -> Decimal:
    """Return the dollars at the end of the calendar month (UTC) if it goes on at this pace.

    >>> start = datetime(2026, 11, 30, 22, tzinfo=UTC)
    >>> str(projected(Decimal(5), start, start + timedelta(hours=1), goes_on=True))
    '10.000000'
    """
    if not goes_on:
        return so_far
    month_end = (ends_at.replace(day=1) + timedelta(days=32)).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )
    lasted = max((ends_at - started_at).total_seconds(), 60.0)
    left = max((month_end - ends_at).total_seconds(), 0.0)
    return (so_far * (1 + Decimal(left / lasted))).quantize(Decimal("0.000001"))


class Explainer:
    """Adds to anomalies what they need to be understood.

    Args:
        store: Holds the series and the calls.
        tier: In which they were found.
    """

    def __init__(self, store: Asked, tier: TierOf) -> None:
        self._store = store
        self._tier = tier

    def explained(self, anomaly: Anomaly) -> Anomaly:
        """Return an anomaly with its decomposition, dimensions, first calls, markers, sentence.

        Raises:
            StoreUnavailable, StoreRefused: The store did not answer.
        """
        ends_at = anomaly.ended_at or anomaly.updated_at
        ends_at = max(ends_at, anomaly.started_at + timedelta(minutes=1))
        parameters = _filter(anomaly, ends_at)
        before, after = self._sides(parameters)
        parts = decompose(before.by_model, after.by_model)
        ranked = self._ranked(parameters, after.cost - before.cost)
        markers = self._markers(anomaly)
        so_far = anomaly.dollars_so_far
        if so_far is None:
            so_far = after.cost - before.cost
        evidence: dict[str, Any] = {
            **anomaly.evidence,
            "compared_with": "the same hours of the weeks before",
            "before_usd": before.cost,
            "after_usd": after.cost,
            "delta_usd": after.cost - before.cost,
            "decomposition_usd": parts,
            "dimensions": ranked,
            "first_calls": self._first_calls(parameters),
            "markers": markers,
        }
        known = replace(
            anomaly,
            dollars_so_far=so_far if after.cost or before.cost else None,
            dollars_projected=anomaly.dollars_projected if after.cost or before.cost else None,
            evidence=evidence,
        )
        return replace(known, explanation=_sentence(known, before, after, parts, ranked, markers))

    def _sides(self, parameters: dict[str, Any]) -> tuple[Side, Side]:
        after: dict[str, Use] = {}
        before: dict[str, Use] = {}
        rows = self._store.rows(
            sql.read("queries/explain_sums"),
            {**parameters, **self._tier.rolled_up, "weeks": WEEKS},
        )
        periods = max((int(row[-1]) for row in rows), default=0)
        for is_after, model, calls, tokens_in, cached, tokens_out, cost, _ in rows:
            share = Decimal(1) if is_after else Decimal(1) / max(periods, 1)
            use = Use(
                Decimal(calls) * share,
                Decimal(tokens_in) * share,
                Decimal(cached) * share,
                Decimal(tokens_out) * share,
                (Decimal(cost) * share).quantize(QUANTUM),
            )
            (after if is_after else before)[str(model)] = use
        return Side(before), Side(after)

    def _ranked(self, parameters: dict[str, Any], delta: Decimal) -> list[dict[str, Any]]:
        rows = self._store.rows(
            sql.read("queries/explain_dimensions"),
            {**parameters, **self._tier.rolled_up, "weeks": WEEKS, "limit": 1000},
        )
        total_before = sum((row[2] for row in rows if row[0] == "service"), Decimal(0))
        total_after = sum((row[3] for row in rows if row[0] == "service"), Decimal(0))
        ranked: list[dict[str, Any]] = [
            {
                "dimension": str(dimension),
                "value": str(value),
                "before_usd": Decimal(was),
                "after_usd": Decimal(now),
                "delta_usd": Decimal(now) - Decimal(was),
                "explains": round(float((now - was) / delta), 4) if delta else 0.0,
                "surprise": round(_surprise(was, now, total_before, total_after), 6),
            }
            for dimension, value, was, now in rows
            if str(value) != ""
        ]
        ranked.sort(key=lambda one: (-one["explains"] - one["surprise"], one["value"]))
        return ranked[:RANKED_MAX]

    def _first_calls(self, parameters: dict[str, Any]) -> list[str]:
        rows = self._store.rows(
            sql.read("queries/explain_first_calls"), {**parameters, "limit": FIRST_CALLS_MAX}
        )
        return [f"{trace}/{span}" for trace, span in rows]

    def _markers(self, anomaly: Anomaly) -> list[dict[str, Any]]:
        parameters = {
            "tenant": anomaly.tenant,
            "since": _at(anomaly.started_at - MARKERS_BEFORE),
            "until": _at(anomaly.started_at + timedelta(seconds=self._tier.slot_s)),
            "service": anomaly.dimensions.get("service", ""),
        }
        return [
            {"kind": str(kind), "what": str(what), "of": str(of), "at": f"{at:%Y-%m-%dT%H:%MZ}"}
            for kind, what, of, at in self._store.rows(sql.read("queries/markers"), parameters)
        ]


def _surprise(was: Decimal, now: Decimal, total_was: Decimal, total_now: Decimal) -> float:
    """Return a value's part of the Jensen-Shannon divergence of the shares, in bits."""
    p = float(was / total_was) if total_was else 0.0
    q = float(now / total_now) if total_now else 0.0
    middle = (p + q) / 2
    return sum(0.5 * x * math.log2(x / middle) for x in (p, q) if x > 0)


def _sentence(
    anomaly: Anomaly,
    before: Side,
    after: Side,
    parts: dict[str, Decimal],
    ranked: Sequence[dict[str, Any]],
    markers: Sequence[dict[str, Any]],
) -> str:
    who = ", ".join(f"{name} {value}" for name, value in anomaly.dimensions.items()) or "all calls"
    what = _what(anomaly, before, after, parts)
    inside = [
        one
        for one in ranked
        if one["dimension"] not in anomaly.dimensions and one["explains"] >= 0.8 and one["surprise"]
    ]
    where = f", most of it in {inside[0]['dimension']} {inside[0]['value']}" if inside else ""
    since = f" since {markers[-1]['kind']} {markers[-1]['what']}" if markers else ""
    return f"{who}: {what}{where}{since}{_dollars(anomaly)}"


def _what(anomaly: Anomaly, before: Side, after: Side, parts: dict[str, Decimal]) -> str:
    if anomaly.channel in ("gap", "silence", "requests_missing"):
        usual = float(before.calls)
        return f"{after.calls:.0f} calls where {usual:.0f} are usual"
    if anomaly.channel == "error_share":
        return "the share of failed calls rose"
    if not parts or not (after.cost or before.cost):
        return f"calls rose from {before.calls:.0f} to {after.calls:.0f}"
    grew = anomaly.channel == "input_growth"
    factor = "tokens_per_request" if grew else max(parts, key=lambda name: parts[name])
    was, now = _level(factor, before), _level(factor, after)
    verb = "rose" if parts[factor] >= 0 else "fell"
    levels = f" from {was} to {now}" if was and now else ""
    return f"{WORDS[factor]} {verb}{levels}"


def _level(factor: str, side: Side) -> str:
    if factor == "requests":
        return f"{side.calls:.0f}"
    if factor == "tokens_per_request" and side.calls:
        return f"{side.tokens / side.calls:.0f}"
    if factor in ("unit_price", "mix") and side.tokens and side.cost:
        return f"${1_000_000 * side.cost / side.tokens:.2f} a million tokens"
    return ""


def _dollars(anomaly: Anomaly) -> str:
    if anomaly.dollars_so_far is None or anomaly.dollars_so_far <= 0:
        return ""
    text = f"; ${anomaly.dollars_so_far:.2f} so far"
    if anomaly.ended_at is None and anomaly.dollars_projected is not None:
        text += f", ${anomaly.dollars_projected:.2f} by month end"
    return text


def _filter(anomaly: Anomaly, ends_at: datetime) -> dict[str, Any]:
    names = [*anomaly.dimensions, "", "", ""][:3]
    values = [*anomaly.dimensions.values(), "", "", ""][:3]
    return {
        "tenant": anomaly.tenant,
        "first": names[0],
        "second": names[1],
        "third": names[2],
        "entities": values,
        "since": _at(anomaly.started_at),
        "until": _at(ends_at),
    }


def _at(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
