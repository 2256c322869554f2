"""First-seen entities: a key, model or team that never called before, and silent model versions.

A leaked or forgotten key, a model that nobody decided on: each is news by itself, before its spend
is. A tenant's first week is all new and says nothing; a new team or model after it is told once.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from tollbook_collector.detect.anomaly import Anomaly
from tollbook_collector.detect.series import Tables
from tollbook_collector.store import sql

# So long it is news, and a tenant must be known so long before anything is new in it.
NEWS: Final = timedelta(hours=24)
KNOWN_DAYS: Final = 7
# Decades of rarity of "never before in the 28 days or more that are known".
SCORE: Final = 3.0
WORDS: Final = {
    "key": "key {entity} was used for the first time",
    "model": "model {entity} was called for the first time",
    "team": "team {entity} called for the first time",
    "response_model": "{of} is answered by {entity} for the first time",
}


def first_seen(store: Tables, tenant: str, until: datetime) -> list[Anomaly]:
    """Return an anomaly for each entity whose first call was within NEWS before a moment.

    Raises:
        StoreUnavailable, StoreRefused: The store did not answer.
    """
    parameters = {
        "tenant": tenant,
        "since": _at(until - NEWS),
        "until": _at(until),
        "known_days": KNOWN_DAYS,
    }
    rows = store.rows(sql.read("queries/first_seen"), parameters)
    return [_anomaly(tenant, *row) for row in rows]


def _anomaly(
    tenant: str,
    kind: str,
    entity: str,
    of: str,
    first_call: datetime,
    last_call: datetime,
    calls: int,
    cost: Decimal,
) -> Anomaly:
    first, last = _utc(first_call), _utc(last_call)
    dimensions: Mapping[str, str] = {kind: entity} if not of else {"model": of, kind: entity}
    what = WORDS[kind].format(entity=entity, of=of)
    evidence: dict[str, Any] = {"calls": int(calls), "kind": kind}
    ended_at = last + timedelta(minutes=1)
    return Anomaly(
        tenant=tenant,
        dimensions=dimensions,
        tier="minute",
        channel="model_version" if kind == "response_model" else "first_seen",
        started_at=first,
        detected_at=first + timedelta(minutes=1),
        score=SCORE,
        dollars_so_far=Decimal(cost),
        dollars_projected=None,
        explanation=f"{what}; {int(calls)} calls, ${Decimal(cost):.2f} so far",
        updated_at=last,
        evidence=evidence,
        ended_at=ended_at,
    )


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _at(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
