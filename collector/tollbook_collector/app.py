"""The collector: the only place where the parts are joined, in the order of a call's path."""

import contextlib
import logging
import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

from tollbook_collector.alert.deliver import Deliver
from tollbook_collector.alert.incidents import Incidents
from tollbook_collector.alert.notice import Notice
from tollbook_collector.alert.plan import Plan
from tollbook_collector.alert.routes import Route, Routes, in_force
from tollbook_collector.alert.webhooks import Webhook, Webhooks
from tollbook_collector.answer.audit import WRITE_S, Audit
from tollbook_collector.answer.limits import Kills
from tollbook_collector.answer.openid import Login
from tollbook_collector.answer.questions import Answerer
from tollbook_collector.detect.budget_watch import BudgetWatch
from tollbook_collector.detect.budgets import Budget, Budgets
from tollbook_collector.detect.find import EVERY_S, Finder
from tollbook_collector.detect.findings import Findings
from tollbook_collector.detect.section import DetectSection
from tollbook_collector.duties import Duties, Duty
from tollbook_collector.ending import (
    INSERTS_END_S,
    LEASE_ENDS_S,
    LISTENING_ENDS_S,
    STEP_S_MIN,
    STORE_ENDS_S,
    Ending,
)
from tollbook_collector.intake.accept import Door
from tollbook_collector.intake.allowance import Allowance
from tollbook_collector.intake.gate import Gate
from tollbook_collector.intake.key_desk import KeyDesk
from tollbook_collector.intake.key_file import KeyFile
from tollbook_collector.intake.keyring import Keyring
from tollbook_collector.intake.scrape import LOOK_S, Scraper, Scrapes
from tollbook_collector.intake.signals import LOGS, METRICS, TRACES
from tollbook_collector.money.allocation import Allocation
from tollbook_collector.money.balance import COMPARE_S, Balance
from tollbook_collector.money.copies import EVERY_S as COPIES_EVERY_S
from tollbook_collector.money.copies import Copies
from tollbook_collector.money.focus import Focus
from tollbook_collector.money.late import EVERY_S as LATE_EVERY_S
from tollbook_collector.money.late import LateCharges
from tollbook_collector.money.own_book import UnreadablePrices
from tollbook_collector.money.reload import RELOAD_EVERY_S, PriceReader
from tollbook_collector.money.rerate import LedgerStore
from tollbook_collector.money.savings import SEARCH_EVERY_S, Savings
from tollbook_collector.money.unpriced import COUNT_EVERY_S, UnpricedCalls
from tollbook_collector.policy import Policy, PolicyFile, Section
from tollbook_collector.settings import Settings
from tollbook_collector.spool.append import Spool
from tollbook_collector.spool.ballast import keep_ballast
from tollbook_collector.spool.seal import SEGMENT_BYTES_MAX
from tollbook_collector.store.backup import BackupRefused, Manifest, take
from tollbook_collector.store.books import CHECK_S, Books
from tollbook_collector.store.canary import Canary
from tollbook_collector.store.cardinality import LOOK_S as CARDINALITY_S
from tollbook_collector.store.cardinality import Caps, Cardinality
from tollbook_collector.store.client import (
    ClickHouse,
    StoreAddress,
    StoreRefused,
    StoreUnavailable,
)
from tollbook_collector.store.damage import LOOK_EVERY_S, DamagedParts
from tollbook_collector.store.embedded.limits import limits_of_this_machine
from tollbook_collector.store.embedded.process import EmbeddedStore
from tollbook_collector.store.keys import SHARE_S, USE_S, share_keys, share_use
from tollbook_collector.store.lease import RENEW_S, Lease
from tollbook_collector.store.load import INSERTERS, Loader
from tollbook_collector.store.open import Store
from tollbook_collector.store.retention import APPLY_S, Retain, Retention

# A store that fails for so many seconds at the end is not waited for; the spool is on disk.
LOADING_FAILS_MAX: Final = 3
KEEP_BALLAST_S: Final = 1.0
DAY_S: Final = 24 * 3600
# Of the bytes that may wait for the store.
SPOOL_SHARES: Final = {TRACES.name: 1.0, LOGS.name: 0.25, METRICS.name: 0.25}

# The sections of tollbook.toml, each obeyed by the room that its model is from.
SECTIONS: Final[dict[str, type[Section]]] = {
    "allocation": Allocation,
    "budgets": Budgets,
    "caps": Caps,
    "focus": Focus,
    "scrape": Scrapes,
    "detect": DetectSection,
    "retention": Retention,
    "routes": Routes,
    "webhooks": Webhooks,
    "kills": Kills,
    "login": Login,
}
# A hard budget is known to SDKs as exceeded so much later, and a look at what they know of it.
WATCH_BUDGETS_S: Final = 10.0
# From what a detector has written to the incident that it is.
NOTICE_S: Final = 5.0
# From the incident to the outbox, and from there to the receiver.
PLAN_S: Final = 2.0
DELIVER_S: Final = 1.0
# Names the lease under which one collector does the duties that are done alone.
DUTIES: Final = "duties"

log = logging.getLogger(__name__)


class Collector:
    """A collector: its parts, started and stopped in order.

    Args:
        settings: What it is told.

    Raises:
        SpoolInUse, NewerSegment: The spool's directory cannot be used.
        UnreadablePolicy: tollbook.toml says something that cannot be obeyed.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._key_file = KeyFile(settings.data / "keys", settings.key_pepper)
        self.key_desk = KeyDesk(self._key_file)
        if settings.first_key:
            self.key_desk.admit(settings.first_key)
        self.keyring = Keyring(self._key_file.pepper())
        self.keyring.put(self._key_file.keys())
        self.allowance = Allowance()
        self.gate = Gate(self.keyring, self.allowance)
        self._run_id = uuid.uuid4().hex
        holder, shared = f"{socket.gethostname()} {self._run_id[:8]}", bool(settings.clickhouse_url)
        self._lease = Lease(self._store, DUTIES, holder, shared)
        self._books = Books(self._store, self._quiet)
        self._balance = Balance(self._unhurried)
        self._cardinality = Cardinality(self._store, lambda: self.policy.section(Caps))
        self.canary = Canary(self._store, self.keyring.canary_token, self._is_waiting)
        self._policy_file = PolicyFile(settings.policy, SECTIONS)
        self._prices = PriceReader(settings.data / "prices")
        self._unpriced = UnpricedCalls()
        self._damage = DamagedParts()
        self.spools = {
            name: Spool(
                settings.data / "spool" / name,
                int(settings.spool_bytes_max * share),
                segment_bytes_max=min(SEGMENT_BYTES_MAX, limits_of_this_machine().segment_bytes),
                age_max_s=settings.spool_age_max_days * DAY_S,
            )
            for name, share in SPOOL_SHARES.items()
        }
        self.door = Door(self.spools, tenants=lambda: self.keyring.senders)
        self._scraper = Scraper(
            lambda: self.policy.section(Scrapes).entries, self.spools[METRICS.name]
        )
        self.embedded: EmbeddedStore | None = None
        self._one_backup = threading.Lock()
        self._opened: Store | None = None
        self._started = False
        self._loaders: dict[str, Loader] = {}
        self.incidents = Incidents(self._store)
        self.alerts = Deliver(self._store, self._webhooks, self._routes)
        self.audit = Audit(self._store)
        self.oidc_secret = settings.oidc_secret
        self._duties = Duties(
            [*self._list_duties(), *self._list_intake_duties()], self._lease.held, self._is_behind
        )

    def open_store(self) -> None:
        """Start the embedded store or connect to the configured one, and begin to load.

        Raises:
            EditedMigration, NewerDatabase: The database must not be touched by this version.
            StoreRefused: The user or password is wrong, or a right is missing.
        """
        self._opened = Store(self._store_address(), self._begin_prices)
        self._opened.open()
        self._started = True
        for name, spool in self.spools.items():
            inserters = INSERTERS if name == TRACES.name else 1
            self._loaders[name] = Loader(spool, self._opened, inserters, name)
            self._loaders[name].start()
        self.share_keys()
        self._duties.start()

    def rest(self, ending: Ending) -> None:
        """End the duties, and give up the lease under which they are done alone."""
        # While a round goes on it is kept until it runs out, so that nobody begins the same round
        # beside it.
        if self._duties.stop(ending.left(LISTENING_ENDS_S)):
            _at_most(ending.left(LEASE_ENDS_S), self._lease.release)

    def close(self, ending: Ending) -> None:
        """Load what is in the spool and stop everything, each step within its time."""
        self.rest(ending)
        self.alerts.close()
        with ending.step("audit"):
            _at_most(ending.left(LEASE_ENDS_S), self._write_audit)
        with ending.step("loading"):
            for name, loader in self._loaders.items():
                self._load_rest(self.spools[name], loader, ending)
                if not loader.stop(ending.left(INSERTS_END_S)):
                    log.warning("an insert of %s goes on; the next start makes sure of it", name)
        with ending.step("spool"):
            self.door.close()
            for name, spool in self.spools.items():
                spool.close()
                if left := spool.counts().waiting_segments:
                    log.warning(
                        "%d spans in %d segments of %s wait in the spool for the next start",
                        spool.counts().waiting_spans,
                        left,
                        name,
                    )
        with ending.step("store"):
            if self._opened is not None:
                self._opened.close(ending.left(INSERTS_END_S))
            if self.embedded is not None:
                self.embedded.stop(ending.left(STORE_ENDS_S))

    def _load_rest(self, spool: Spool, loader: Loader, ending: Ending) -> None:
        fails = 0
        while fails < LOADING_FAILS_MAX and ending.left(INSERTS_END_S) > STEP_S_MIN:
            if spool.wait_empty(min(1.0, ending.left(INSERTS_END_S))):
                return
            fails = fails + 1 if loader.counts().last_error else 0

    def back_up(self, name: str) -> tuple[Path, Manifest]:
        """Make a backup under a name in the data directory, while everything runs.

        Raises:
            BackupRefused: There is one of that name, or the store is not the embedded one.
            StoreUnavailable, StoreRefused, OSError: It could not be made.
        """
        if self.embedded is None:
            raise BackupRefused("the store is a ClickHouse of yours: use its BACKUP statement")
        target = self._settings.data / "backups" / name
        with self._one_backup:
            return target, take(self._store(), self._settings.data, target, self._quiet)

    @contextlib.contextmanager
    def _quiet(self) -> Iterator[None]:
        with contextlib.ExitStack() as held:
            for loader in self._loaders.values():
                held.enter_context(loader.held())
            yield

    @property
    def policy(self) -> Policy:
        """What tollbook.toml says now; ask for it anew each time, as it is read when it changes."""
        return self._policy_file.policy

    @property
    def store(self) -> Answerer:
        """The store that answers; raises StoreUnavailable while it is not connected."""
        assert self._opened is not None, "open_store comes first"
        return self._opened.clickhouse

    @property
    def ledger(self) -> LedgerStore:
        """The store as the ledger writes it; raises StoreUnavailable while it is not connected."""
        return self._store()

    @property
    def allocation(self) -> Allocation:
        """The rules of allocation in force."""
        return self.policy.section(Allocation)

    @property
    def takes_spans(self) -> bool:
        """Whether no spool is broken."""
        return not any(spool.broken for spool in self.spools.values())

    @property
    def user_sql(self) -> bool:
        """Whether SQL of users may reach the store: in its sandbox, or a server's own users."""
        return self.embedded is None or self.embedded.address.sandboxed

    def status(self) -> dict[str, Any]:
        """Return what the parts have counted."""
        return {
            "intake": self.door.outcomes(),
            "rejected": self.door.rejected(),
            "keys": {
                "open": self.keyring.open,
                "refused": self.keyring.refused(),
                "over_allowance": self.allowance.spent,
            },
            "books": self._books.counts(),
            "canary": self.canary.counts(),
            "cardinality": self._cardinality.counts(),
            "scrape": self._scraper.counts(),
            **self._counts(TRACES.name),
            LOGS.name: self._counts(LOGS.name),
            METRICS.name: self._counts(METRICS.name),
            "duties": {name: asdict(counts) for name, counts in self._duties.counts().items()},
            "prices": self._prices.status(),
            "unpriced_calls": self._unpriced.counts(),
            "notes": self.notes(),
            "duties_done_by": self._lease.holder,
            "store_restarts": self.embedded.restarts if self.embedded else 0,
        }

    def store_counts(self) -> dict[str, int]:
        """Ask the embedded store what its process has counted; empty: there is no answer."""
        return self.embedded.counts() if self.embedded else {}

    def notes(self) -> list[str]:
        """Return what people should know although the collector does its work; empty: nothing."""
        refused = [self._prices.status()["refused"], self._policy_file.refused]
        notes = [f"refused, the old one holds: {reason}" for reason in refused if reason]
        return [*notes, *self._unpriced.notes()]

    def faults(self) -> list[str]:
        """Return what keeps the collector from doing its work; empty: nothing."""
        faults = [spool.broken for spool in self.spools.values() if spool.broken]
        if self.embedded is not None and not self.embedded.healthy:
            faults.append("the embedded store keeps failing; see its log")
        for name, loader in self._loaders.items():
            if error := loader.counts().last_error:
                faults.append(f"the store does not take {name}: {error}")
        return faults + self._damage.faults()

    def doubts(self) -> list[str]:
        """Return what is wrong with what was stored; the collector goes on with its work."""
        return [*self._books.faults(), *self._balance.faults(), *self.canary.faults()]

    def _list_intake_duties(self) -> list[Duty]:
        """Return what keeps the door in order; the canary is left out where it is off."""
        every_s = self._settings.canary_every_s
        return [
            Duty("share keys", SHARE_S, self._share_keys),
            Duty("share key use", USE_S, self._share_use),
            Duty("scrape metrics", LOOK_S, self._scraper.scrape),
            Duty("cap dimensions", CARDINALITY_S, self._cardinality.look),
            Duty("check the books", CHECK_S, self._books.check),
            Duty("compare roll-ups", COMPARE_S, self._balance.compare, patient=True),
            Duty("keep the lease", RENEW_S, self._lease.keep),
            *([Duty("send the canary", every_s, self.canary.sing)] if every_s else []),
        ]

    def _is_waiting(self) -> bool:
        return self.spools[TRACES.name].counts().waiting_bytes > 0

    def _is_behind(self) -> bool:
        """Return whether a segment waits beside those that are being inserted."""
        return self.spools[TRACES.name].counts().waiting_segments > INSERTERS

    def _troubles(self) -> list[str]:
        alerts, duties = self.alerts.troubles(), self._duties.troubles()
        return [*self.faults(), *self.doubts(), *alerts, *duties]

    def _budgets(self) -> Sequence[Budget]:
        return self.policy.section(Budgets).entries

    def _webhooks(self) -> Sequence[Webhook]:
        return self.policy.section(Webhooks).entries

    def _routes(self) -> Sequence[Route]:
        return in_force(self.policy.section(Routes).entries, self._webhooks())

    def _list_duties(self) -> list[Duty]:
        """Return what the collector does again and again; a line each.

        True at the end of one: of several collectors at a store, the one with the lease does it.
        """
        finder = Finder(self._unhurried, lambda: self.policy.section(DetectSection), Findings)
        budgets = BudgetWatch(self._store, self._budgets)
        notice = Notice(self._store, self.incidents, self._troubles)
        return [
            Duty(
                "keep rows as long as told",
                APPLY_S,
                Retain(self._store, lambda: self.policy.section(Retention)).apply,
            ),
            Duty("look for damage", LOOK_EVERY_S, lambda: self._damage.look(self._store())),
            Duty("detect anomalies", EVERY_S, finder.run, True),
            Duty("keep ballast", KEEP_BALLAST_S, partial(keep_ballast, self._settings.data)),
            Duty("reload prices", RELOAD_EVERY_S, lambda: self._prices.reload(self._store())),
            Duty("reload tollbook.toml", RELOAD_EVERY_S, self._policy_file.reload),
            Duty(
                "count unpriced",
                COUNT_EVERY_S,
                lambda: self._unpriced.count(self._unhurried()),
                patient=True,
            ),
            Duty("watch budgets", WATCH_BUDGETS_S, budgets.watch, True),
            Duty("notice findings", NOTICE_S, notice.look, True),
            Duty("plan alerts", PLAN_S, Plan(self._store, self._routes).plan, True),
            Duty("write audit", WRITE_S, self.audit.write),
            Duty("deliver alerts", DELIVER_S, self.alerts.deliver, True),
            Duty("find copies", COPIES_EVERY_S, Copies(self._unhurried).search, True, patient=True),
            Duty(
                "book late charges",
                LATE_EVERY_S,
                LateCharges(self._unhurried).book,
                True,
                patient=True,
            ),
            Duty(
                "search savings",
                SEARCH_EVERY_S,
                Savings(self._unhurried).search,
                True,
                patient=True,
            ),
        ]

    def share_keys(self) -> None:
        """Put keys that were changed in force, those of the disk also while the store is away."""
        with contextlib.suppress(StoreUnavailable, StoreRefused):
            self._share_keys()

    def _share_keys(self) -> None:
        share_keys(self._key_file, self.keyring, self._store)

    def _share_use(self) -> None:
        share_use(self.allowance, self._run_id, self._store)

    def _write_audit(self) -> None:
        with contextlib.suppress(StoreUnavailable, StoreRefused):
            self.audit.write()

    def _store(self) -> ClickHouse:
        """Return the store; raises StoreUnavailable while it is not connected."""
        if self._opened is None:
            raise StoreUnavailable("the store is not opened yet")
        return self._opened.clickhouse

    def _unhurried(self) -> ClickHouse:
        """Return the store for what nobody waits for; raises as `_store` does."""
        return self._store().unhurried()

    def _begin_prices(self, clickhouse: ClickHouse) -> None:
        try:
            if self._prices.begin(clickhouse):
                log.info("a new price book is in force")
        except UnreadablePrices as error:
            # At the start somebody is there to read it; later the collector goes on without prices.
            if not self._started:
                raise
            log.error("no price book is in force: %s", error)

    def _counts(self, signal: str) -> dict[str, Any]:
        loader = self._loaders.get(signal)
        return {
            "spool": asdict(self.spools[signal].counts()),
            "load": asdict(loader.counts()) if loader else {},
        }

    def _store_address(self) -> StoreAddress:
        settings = self._settings
        if settings.clickhouse_url:
            return StoreAddress(
                settings.clickhouse_url,
                settings.clickhouse_user,
                settings.clickhouse_password,
                settings.clickhouse_database,
                settings.clickhouse_cluster,
            )
        self.embedded = EmbeddedStore(settings.data / "store")
        self.embedded.start()
        address = self.embedded.address
        return StoreAddress(
            address.url,
            address.user,
            address.password,
            settings.clickhouse_database,
            handover=self.embedded.handover,
        )


def _at_most(seconds: float, do: Callable[[], None]) -> None:
    """Do something, and go on without its end after so many seconds: a store may hang."""
    doing = threading.Thread(target=do, daemon=True)
    doing.start()
    doing.join(seconds)
