"""For tests of programs that tollbook meters: what was captured, without a collector.

with tollbook.testing.captured() as calls:
    answer_the_customer()
assert [call.model for call in calls] == ["gpt-4o"]
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, overload

from tollbook import clients
from tollbook.deliver import Encoder
from tollbook.export import Ended, Exporter
from tollbook.model_call import Call, Usage
from tollbook.process import PROCESS
from tollbook.settings import Settings
from tollbook.step import Step
from tollbook.tally import UNREADABLE, Losses

CAPTURE_TIMEOUT_S: Final = 10.0  # for the calls of the block to be read


@dataclass(frozen=True, slots=True)
class CapturedCall:
    """One model call.

    Attributes:
        provider: Name of the provider.
        operation: `chat`, `embeddings`, ….
        model: The model that answered, else the one that was asked.
        usage: Its tokens, None where the provider did not say.
        usage_complete: Whether they are all.
        cost_usd: What it cost, None where that is unknown.
        error_type: Class of the exception that the caller got, or None.
        tags: Tags by name.
        run_id: Id of the run, or None.
        run_name: Name of the run, or None.
        duration_ns: How long it took, in nanoseconds.
    """

    provider: str
    operation: str
    model: str | None
    usage: Usage | None
    usage_complete: bool
    cost_usd: Decimal | None
    error_type: str | None
    tags: Mapping[str, str]
    run_id: str | None
    run_name: str | None
    duration_ns: int


@dataclass(frozen=True, slots=True)
class CapturedStep:
    """A run that ended, or a score.

    Attributes:
        name: Name of its span, such as `invoke_agent refund-agent`.
        attributes: Attributes by name, in the names of `tollbook.attributes`.
        error_type: Class of the exception that ended it, or None.
        tags: Tags by name.
    """

    name: str
    attributes: Mapping[str, object]
    error_type: str | None
    tags: Mapping[str, str]


class Captured(Sequence[CapturedCall]):
    """The calls that ended in the block so far, in the order of their ends.

    Attributes:
        steps: Runs and scores that ended.
        lost: Counts of what was lost, by reason; all zero unless something is wrong.
    """

    def __init__(self, outlet: "_Memory", exporter: Exporter) -> None:
        self._outlet = outlet
        self._exporter = exporter

    @property
    def steps(self) -> Sequence[CapturedStep]:
        """Runs and scores that ended so far."""
        self._exporter.flush(CAPTURE_TIMEOUT_S)
        return tuple(self._outlet.steps)

    @property
    def lost(self) -> Mapping[str, int]:
        """Losses by reason."""
        return self._exporter.counts()[2]

    @overload
    def __getitem__(self, index: int) -> CapturedCall: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[CapturedCall]: ...
    def __getitem__(self, index: int | slice) -> CapturedCall | Sequence[CapturedCall]:
        self._exporter.flush(CAPTURE_TIMEOUT_S)
        return tuple(self._outlet.calls)[index]

    def __len__(self) -> int:
        self._exporter.flush(CAPTURE_TIMEOUT_S)
        return len(self._outlet.calls)


class _Memory:
    """An outlet that keeps what it is given."""

    def __init__(self, losses: Losses) -> None:
        self.delivered = 0
        self.rejected = 0
        self.backlog_full = 0
        self.failures = 0
        self.calls: list[CapturedCall] = []
        self.steps: list[CapturedStep] = []
        self._losses = losses
        self._encoder = Encoder(losses)

    def add(self, ended: Ended, settings: Settings) -> None:
        """Keep it; what cannot be read is counted."""
        try:
            record, cost = self._encoder.record(ended, settings)
        except Exception:
            self._losses.count(UNREADABLE)
            return
        if isinstance(record, Step):
            self.steps.append(_step(record))
        else:
            self.calls.append(_call(record, cost.usd if cost is not None else None))
        self.delivered += 1

    def waiting(self) -> int:
        """Return 0."""
        return 0

    def send(self, settings: Settings, deadline: float | None, *, impatient: bool) -> None:
        """Do nothing: all is here."""

    def report(self, settings: Settings, timeout_s: float) -> None:
        """Do nothing: the counts are in `lost`."""


def _call(call: Call, cost_usd: Decimal | None) -> CapturedCall:
    return CapturedCall(
        provider=call.provider,
        operation=call.operation,
        model=call.response.model or call.request.model,
        usage=call.response.usage,
        usage_complete=call.response.usage_complete,
        cost_usd=cost_usd,
        error_type=call.error_type,
        tags=call.tags,
        run_id=call.run_id,
        run_name=call.run_name,
        duration_ns=call.end_time_ns - call.start_time_ns,
    )


def _step(step: Step) -> CapturedStep:
    said = {name: value for name, value in step.attributes.items() if value is not None}
    return CapturedStep(step.name, said, step.error_type, step.tags)


@contextmanager
def captured() -> Iterator[Captured]:
    """Capture the model calls of a block instead of sending them.

    Meters the client libraries if `instrument()` did not; sends nothing, reads no setting, and
    what was in use before is back after the block. For one test at a time: calls of other threads
    are captured too.
    """
    losses = Losses()
    outlet = _Memory(losses)
    exporter = Exporter(Settings("http://localhost:4318/v1/traces", "captured"), losses, outlet)
    before, PROCESS.exporter = PROCESS.exporter, exporter
    clients.install(PROCESS)
    try:
        yield Captured(outlet, exporter)
    finally:
        PROCESS.exporter = before
