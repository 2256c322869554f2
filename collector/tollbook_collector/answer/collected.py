"""What REST and the pages need of the collector that they are part of."""

from pathlib import Path
from typing import Any, Protocol

from tollbook_collector.alert.deliver import Deliver
from tollbook_collector.alert.incidents import Incidents
from tollbook_collector.answer.audit import Audit
from tollbook_collector.answer.questions import Answerer
from tollbook_collector.intake.allowance import Allowance
from tollbook_collector.intake.key_desk import KeyDesk
from tollbook_collector.intake.keyring import Keyring
from tollbook_collector.money.allocation import Allocation
from tollbook_collector.money.rerate import LedgerStore
from tollbook_collector.policy import Policy
from tollbook_collector.store.backup import Manifest


class Collected(Protocol):
    """What the API needs of the collector."""

    keyring: Keyring
    allowance: Allowance
    key_desk: KeyDesk
    incidents: Incidents
    alerts: Deliver
    audit: Audit
    oidc_secret: str

    def share_keys(self) -> None:
        """Put what the desk changed in force, here now and elsewhere within seconds."""

    @property
    def store(self) -> Answerer:
        """The store; raises StoreUnavailable while it is not connected."""

    @property
    def policy(self) -> Policy:
        """What tollbook.toml says now."""

    @property
    def ledger(self) -> LedgerStore:
        """The store as the ledger writes it; raises StoreUnavailable while it is not connected."""

    @property
    def allocation(self) -> Allocation:
        """The rules of allocation in force."""

    @property
    def takes_spans(self) -> bool:
        """Whether the spool can be written to."""

    @property
    def user_sql(self) -> bool:
        """Whether statements of users may reach the store."""

    def status(self) -> dict[str, Any]:
        """Return what the parts have counted."""

    def store_counts(self) -> dict[str, int]:
        """Ask the embedded store what its process has counted; empty: there is no answer."""

    def back_up(self, name: str) -> tuple[Path, Manifest]:
        """Make a backup under a name; raises BackupRefused where it cannot be made so."""

    def doubts(self) -> list[str]:
        """Return what is wrong with what was stored; the collector goes on with its work."""

    def faults(self) -> list[str]:
        """Return what keeps the collector from doing its work; empty: nothing."""
