"""Requests that the store refused: listing them, looking at one, and letting one be tried again.

It works on the files alone, whether a collector runs or not: a running one adopts what is to be
tried again within seconds, another at its start.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tollbook_collector.spool.files import REASON, REFUSED, RETRY, write_durably
from tollbook_collector.spool.segment import Envelope, envelopes, header, record

QUARANTINED: Final = "quarantined"


class NotQuarantined(Exception):
    """There is no such request in quarantine."""


@dataclass(frozen=True)
class Refused:
    """A request, or a part of one, in quarantine.

    Args:
        name: What it is called by: its sequence and the number of the part.
        signal: traces, logs or metrics.
        reason: What the store said.
        envelope: The request.
    """

    name: str
    signal: str
    reason: str
    envelope: Envelope

    def described(self) -> dict[str, str | int]:
        """Return it in short."""
        return {
            "name": self.name,
            "signal": self.signal,
            "tenant": self.envelope.tenant,
            "key": self.envelope.key,
            "received_at": self.envelope.received_at,
            "items": self.envelope.spans,
            "bytes": len(self.envelope.request),
            "reason": self.reason,
        }


def refused(spool: Path) -> list[Refused]:
    """Return what is in quarantine, oldest first.

    Args:
        spool: The directory that holds a directory for each signal.
    """
    return [
        Refused(path.stem, path.parent.name, _reason(path), envelope)
        for path in sorted(spool.glob(f"*/*{REFUSED}"))
        for envelope in envelopes(path.read_bytes())
    ]


def retry(spool: Path, name: str) -> int:
    """Let a request, or all with the name `all`, be tried again, and return how many they are.

    Raises:
        NotQuarantined: There is no request of that name.
    """
    found = [entry for entry in refused(spool) if name in (entry.name, "all")]
    if not found and name != "all":
        raise NotQuarantined(f"{name} is not in quarantine; tollbook quarantine list shows what is")
    for entry in found:
        path = spool / entry.signal / f"{entry.name}{REFUSED}"
        # It was accounted for as quarantined, which is taken back in the moment it is stored.
        again = replace(entry.envelope, rejected=((QUARANTINED, -entry.envelope.spans),))
        write_durably(path.with_suffix(RETRY), header() + record(again))
        path.unlink()
        path.with_suffix(REASON).unlink(missing_ok=True)
    return len(found)


def listing(entries: list[Refused]) -> str:
    """Return entries as JSON, one a line."""
    return "".join(json.dumps(entry.described()) + "\n" for entry in entries)


def _reason(path: Path) -> str:
    reason = path.with_suffix(REASON)
    return reason.read_text(errors="replace") if reason.exists() else "unknown"
