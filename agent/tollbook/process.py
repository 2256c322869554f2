"""The one place of process state: the exporter in use, the losses, and what a fork does to them."""

import _thread
import atexit
import importlib
import os
import sys
from typing import TYPE_CHECKING, Final

from tollbook.tally import FAULT, SPAN_REASONS, Losses

if TYPE_CHECKING:  # imported when they are needed: `import tollbook` is to cost next to nothing
    from tollbook.admission import Limits
    from tollbook.budgets import Ledgers
    from tollbook.export import Exporter
    from tollbook.flushed import Flushed
    from tollbook.guard import Guard
    from tollbook.settings import Settings

EXIT_TIMEOUT_S: Final = 0.8  # how long the end of the process may wait for the collector
REPORT_TIMEOUT_S: Final = 0.5  # and then for a report of what was lost, if all else was taken
FLUSH_TIMEOUT_S_MAX: Final = 3600.0
# Among multiprocessing's finalizers: after those of the program, which have a higher priority.
FINALIZER_PRIORITY: Final = -100
WORKER_MODULES: Final = ("multiprocessing.util", "billiard.util")
# What threads import late. A child that is forked while one of them does could never import it:
# the lock of the import stays with a thread that the child does not have.
IMPORTED_LATE: Final = (
    "tollbook.deliver",
    "tollbook.admission",
    "tollbook.agent_run",
    "tollbook.baggage",
    "tollbook.budgets",
    "tollbook.circuit",
    "tollbook.decoration",
    "tollbook.disclose",
    "tollbook.evaluation",
    "tollbook.flushed",
    "tollbook.hand_over",
    "tollbook.loop",
    "tollbook.own_call",
    "tollbook.served",
    "tollbook.span_file",
    "tollbook.vector",
    "tollbook.warn",
    "email.utils",  # for the dates of `Retry-After`
    "encodings.idna",  # for the name of the collector's host
)


class Process:
    """State of the SDK in this process."""

    # Multiprocessing's registry of what to do after a fork holds its entries weakly.
    __slots__ = (
        "__weakref__",
        "_ledgers",
        "_made",
        "exporter",
        "guards",
        "hooked",
        "losses",
    )

    def __init__(self) -> None:
        self.losses = Losses()
        self.exporter: Exporter | None = None
        self.hooked = False
        self.guards: tuple[Guard, ...] = ()  # limits of every call, whatever its scope
        self._made: dict[str, Limits] = {}  # "limits", once there are some
        self._ledgers: Ledgers | None = None

    def shared_limits(self) -> "Limits":
        """Return what all limits share, made when the first limit is met."""
        limits = self._made.get("limits")
        if limits is None:
            from tollbook.admission import Limits

            # One step, so that of several threads one wins, and no lock: a child that is forked
            # while another thread holds one could never take it.
            limits = self._made.setdefault("limits", Limits(self.losses))
        return limits

    def ledgers(self) -> "Ledgers":
        """Return the spending of budgets that outlive a block. With the lock of the limits held."""
        if self._ledgers is None:
            from tollbook.budgets import Ledgers

            self._ledgers = Ledgers()
        return self._ledgers

    def start(self, settings: "Settings") -> None:
        """Send with these settings from now on. Starts no thread and opens no socket."""
        from tollbook.export import Exporter

        before = self.exporter
        if before is None or before.settings.handed_over != settings.handed_over:
            self.exporter = Exporter(settings, self.losses)
        else:
            before.settings = settings
        self._keep_spans(settings)
        self._serve_limits(settings)
        if settings.budget_usd is not None and not self.hooked:
            from tollbook.budgets import budget

            self.guards = (*self.guards, budget(usd=settings.budget_usd, key="process"))
        if not self.hooked:
            self.hooked = True
            atexit.register(self.exit)
            os.register_at_fork(before=self.before_fork, after_in_child=self.fork)
            self._flush_at_end_of_worker()
            if settings.handle_sigterm:
                from tollbook.termination import Termination

                Termination(self.exit, self.begin_to_end, self.losses, self.is_exporting).install()

    def _serve_limits(self, settings: "Settings") -> None:
        """Obey the collector's limits if that is wanted; `closed` asks for them here and now."""
        exporter = self.exporter
        if exporter is None:
            return
        if settings.limits == "off" or settings.handed_over:
            self.guards = tuple(guard for guard in self.guards if guard is not exporter.served)
            exporter.served = None
            return
        if exporter.served is not None:
            return
        from tollbook.served import Served

        program = os.urandom(16).hex()
        served = Served(self.shared_limits(), self.losses, program, settings)
        exporter.served = served
        self.guards = (*self.guards, served)
        if settings.limits == "closed":
            served.ask(settings)

    def _keep_spans(self, settings: "Settings") -> None:
        """Keep spans on disk if that is wanted, and take over those of processes that are gone."""
        exporter = self.exporter
        if settings.span_directory is None or exporter is None or exporter.span_file is not None:
            return
        if settings.handed_over:
            return
        from tollbook.settings import SettingInvalid
        from tollbook.span_file import SpanFile, recovered

        try:
            span_file = SpanFile(settings.span_directory, self.losses)
            left = recovered(settings.span_directory, span_file.path, self.losses)
            for path, spans in left:
                for span in spans:
                    exporter.put(span_file.take_over(span))
                path.unlink(missing_ok=True)
        except OSError as error:
            raise SettingInvalid(
                f"TOLLBOOK_SPAN_DIRECTORY is {settings.span_directory!r}: {error}; name a directory"
                " that this process may write"
            ) from error
        exporter.span_file = span_file

    def is_exporting(self) -> bool:
        """Return whether it is the export thread that asks."""
        return self.exporter is not None and self.exporter.thread_id == _thread.get_ident()

    def begin_to_end(self) -> None:
        """Send what is there, for a moment: the program is about to end by itself."""
        if self.exporter is not None:
            self.exporter.wake()
            self.exporter.flush(EXIT_TIMEOUT_S, attempts=1)

    def stop(self) -> None:
        """Meter nothing from now on; what was metered is still sent."""
        if self.exporter is not None:
            self.exporter.enabled = False

    def flush(self, timeout: float) -> "Flushed":
        """Wait for delivery for at most `timeout` seconds and tell how things stand."""
        from tollbook.flushed import Flushed

        exporter = self.exporter
        if exporter is None:
            return Flushed(0, 0, 0, self.losses.values())
        exporter.flush(min(max(timeout, 0.0), FLUSH_TIMEOUT_S_MAX))
        delivered, queued, lost = exporter.counts()
        return Flushed(delivered, queued, sum(lost[reason] for reason in SPAN_REASONS), lost)

    def exit(self) -> None:
        """Record open streams; send what is left, for `EXIT_TIMEOUT_S` and with one attempt."""
        try:
            exporter = self.exporter
            if exporter is None:
                return
            exporter.finish_open()
            exporter.flush(EXIT_TIMEOUT_S, attempts=1)
            exporter.report(REPORT_TIMEOUT_S)
            delivered, queued, _ = exporter.counts()
            if exporter.span_file is not None:
                exporter.span_file.close()
            if queued:
                from tollbook.warn import warn

                warn(
                    "the process ends with %d spans that %s did not take (%d delivered)",
                    queued,
                    exporter.settings.traces_url,
                    delivered,
                )
        except Exception:
            self.losses.count(FAULT)

    def before_fork(self) -> None:
        """Import what would be imported late, so that no thread is in the middle of that now."""
        try:
            if self.exporter is not None and self.exporter.enabled:
                for name in (*IMPORTED_LATE, *_being_imported()):
                    importlib.import_module(name)
        except Exception:
            self.losses.count(FAULT)

    def fork(self) -> None:
        """Begin anew in a forked child: what the parent has queued stays the parent's."""
        try:
            before = self.exporter
            self.losses = Losses()
            if before is not None:
                from tollbook.export import Exporter

                self.exporter = Exporter(before.settings, self.losses)
                self.exporter.enabled = before.enabled
                before.disown()
                if before.span_file is not None:
                    before.span_file.disown()
                self._keep_spans(before.settings)
            self._made = {}  # another thread of the parent may have held the lock of its limits
            if before is not None and before.served is not None and self.exporter is not None:
                # The lease is the parent's; the child asks for one of its own.
                child = before.served.in_child(self.shared_limits(), self.losses)
                self.guards = tuple(child if g is before.served else g for g in self.guards)
                self.exporter.served = child
            self._flush_at_end_of_worker()
        except Exception:
            self.losses.count(FAULT)

    def _flush_at_end_of_worker(self) -> None:
        # A child of multiprocessing, or of Celery's billiard, ends with os._exit, which skips
        # atexit but not its finalizers; it forgets those that were registered before it runs,
        # hence the detour. A child that is past that when it comes here registers at once.
        for name in WORKER_MODULES:
            util = sys.modules.get(name)
            if util is not None:
                util.register_after_fork(self, _register_finalizers)
        process = sys.modules.get("multiprocessing.process")
        if process is not None and process.parent_process() is not None:
            _register_finalizers(self)


def _being_imported() -> list[str]:
    """Return the modules that a thread of ours may be in the middle of, as those of `clients`."""
    return [
        name
        for name, module in tuple(sys.modules.items())
        if (name.startswith("tollbook.") or name == "logging")
        and getattr(getattr(module, "__spec__", None), "_initializing", False)
    ]


def _register_finalizers(process: Process) -> None:
    for name in WORKER_MODULES:
        util = sys.modules.get(name)
        if util is not None:
            util.Finalize(None, process.exit, exitpriority=FINALIZER_PRIORITY)


PROCESS: Final = Process()


def flush(timeout: float = 2.0) -> "Flushed":
    """Wait until every call metered so far is delivered or given up, and tell how things stand.

    Args:
        timeout: Seconds to wait at most; 0 only asks.

    Returns:
        The counts since `instrument()`, as they are at the return. Never raises.
    """
    try:
        return PROCESS.flush(float(timeout))
    except Exception:
        PROCESS.losses.count(FAULT)
        from tollbook.flushed import Flushed

        return Flushed(0, 0, 0, PROCESS.losses.values())
