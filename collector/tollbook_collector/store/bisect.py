"""What passes the door and fails the engine: narrowed down to the request, then to the span.

The door reads protobuf as its authors do, and the engine reads it otherwise in a few cases, such as
a oneof that is set twice. So a request that the engine refuses is first written anew in the one
canonical way, and only what is refused even then is set aside, span by span.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

from google.protobuf.message import DecodeError

from tollbook_collector.intake.examine import count_items
from tollbook_collector.intake.signals import SIGNALS, Signal
from tollbook_collector.spool.segment import Envelope
from tollbook_collector.store.client import DATA_ERROR_CODES, StoreRefused

_SIGNALS: Final = {signal.name: signal for signal in SIGNALS}

Insert = Callable[[list[Envelope]], None]
SetAside = Callable[[Envelope, str], None]


def insert_what_can_be(
    signal: str, envelopes: list[Envelope], insert: Insert, set_aside: SetAside
) -> None:
    """Insert all of the requests that the engine takes, and set the rest aside, item by item.

    Args:
        signal: traces, logs or metrics.
        envelopes: Requests that were refused together.
        insert: Inserts requests in one block, all or none.
        set_aside: Keeps one that is refused, with the reason.

    Raises:
        StoreRefused: The store refuses for another reason than the data.
        StoreUnavailable: The store went away; everything may be repeated from the start.
    """
    refusal = _refusal(envelopes, insert)
    if refusal is None:
        return
    if len(envelopes) > 1:
        middle = len(envelopes) // 2
        insert_what_can_be(signal, envelopes[:middle], insert, set_aside)
        insert_what_can_be(signal, envelopes[middle:], insert, set_aside)
        return
    canonical = _canonical(_SIGNALS[signal], envelopes[0])
    if canonical is None:
        set_aside(envelopes[0], refusal)
    elif canonical != envelopes[0]:
        insert_what_can_be(signal, [canonical], insert, set_aside)
    else:
        halves = _halves(_SIGNALS[signal], canonical)
        if not halves:
            set_aside(canonical, refusal)
        for half in halves:
            insert_what_can_be(signal, [half], insert, set_aside)


def _refusal(envelopes: list[Envelope], insert: Insert) -> str | None:
    try:
        insert(envelopes)
    except StoreRefused as refusal:
        if refusal.code not in DATA_ERROR_CODES:
            raise
        return str(refusal)
    return None


def _canonical(signal: Signal, envelope: Envelope) -> Envelope | None:
    """Return a request as protobuf itself writes it; None: protobuf cannot read it."""
    try:
        message = signal.request.FromString(envelope.request)
    except DecodeError:
        return None
    message.DiscardUnknownFields()
    return replace(envelope, request=message.SerializeToString())


def _halves(signal: Signal, envelope: Envelope) -> list[Envelope]:
    """Return a request as two with half of its items each; none: it has one item only."""
    scopes = _scopes(signal.request.FromString(envelope.request), signal)
    count = sum(len(items) for items in scopes)
    if count < 2:
        return []
    middle = count // 2
    first = _only(signal, envelope.request, range(middle))
    second = _only(signal, envelope.request, range(middle, count))
    spans = count_items(signal, signal.request.FromString(first), 0)
    # What the door rejected is accounted for once.
    return [
        replace(envelope, request=first, spans=spans),
        replace(envelope, request=second, spans=envelope.spans - spans, rejected=()),
    ]


def _scopes(message: Any, signal: Signal) -> Iterator[Any]:
    resources, scopes, items = signal.names
    for resource in getattr(message, resources):
        for scope in getattr(resource, scopes):
            yield getattr(scope, items)


def _only(signal: Signal, request: bytes, wanted: range) -> bytes:
    message = signal.request.FromString(request)
    position = 0
    for items in _scopes(message, signal):
        kept = [item for number, item in enumerate(items, start=position) if number in wanted]
        position += len(items)
        del items[:]
        items.extend(kept)
    return bytes(message.SerializeToString())
