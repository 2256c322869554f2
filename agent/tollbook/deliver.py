"""The export thread's work: encode calls, keep the spans, and send them until they are taken."""

import os
import random
import uuid
from collections import deque
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from time import monotonic, time_ns
from typing import Final

from tollbook import attributes
from tollbook.export import Counts, Ended
from tollbook.ids import new_ids
from tollbook.meter import Observation
from tollbook.model_call import Call
from tollbook.price import RATES_PATH, Cost, PriceBook
from tollbook.pseudonym import prompt_digest, with_pseudonyms
from tollbook.reading import content_of_body, read
from tollbook.scope import NO_TAGS
from tollbook.send import SEND_TIMEOUT_S, Answer, Sender, compress
from tollbook.settings import Settings
from tollbook.span import export_request, resource_bytes, scope_bytes, span_bytes
from tollbook.span_file import Kept, SpanFile
from tollbook.step import Finished, Step, step_bytes
from tollbook.tally import SPAN_REASONS, UNREADABLE, Losses
from tollbook.warn import warn

BATCH_SPANS_MAX: Final = 512
BATCH_BYTES_MAX: Final = 2**20  # before compression
BACKLOG_BYTES_MAX: Final = 16 * 2**20  # of encoded spans that wait for the collector
BACKOFF_S: Final = 1.0  # after the first failed attempt; doubles
BACKOFF_S_MAX: Final = 30.0


class Encoder:
    """Makes spans of what was put on the queue. Used by one thread at a time.

    Args:
        losses: Where cut texts are counted.
    """

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._prices = PriceBook(RATES_PATH, losses)

    def record(self, ended: Ended, settings: Settings) -> tuple[Call | Step, Cost | None]:
        """Return the call or step, and the cost of a call; raises what reading it raises."""
        if isinstance(ended, Observation):
            call = read(ended, dict(settings.tags) if settings.tags else NO_TAGS)
            with_content = ended.content is not None
            record: Call | Step = (
                self._with_content(call, ended, settings) if with_content else call
            )
        elif isinstance(ended, Finished):
            record = ended.tagged(dict(settings.tags))
        else:
            raise TypeError(f"{type(ended).__name__} is on the queue, but is no call and no span")
        if settings.pseudonyms and settings.digest_key is not None:
            tags = with_pseudonyms(record.tags, settings.pseudonyms, settings.digest_key)
            record = record._replace(tags=tags)
        return record, self._prices.cost(record) if isinstance(record, Call) else None

    def _with_content(self, call: Call, ended: Observation, settings: Settings) -> Call:
        # Loaded where content is on, and only there.
        from tollbook.disclose import disclosed

        taken = ended.content
        assert taken is not None
        if settings.digest_key is not None:
            digest = prompt_digest(settings.digest_key, call.request.model, taken.prompt)
            call = call._replace(prompt_digest=digest)
        if not settings.content:
            return call
        content = disclosed(
            taken,
            content_of_body(ended),
            settings.content,
            settings.content_chars_max,
            settings.redact,
            self._losses,
        )
        return call._replace(content=content)

    def span(self, ended: Ended, settings: Settings) -> bytes:
        """Return a `Span` message; raises what reading it raises."""
        record, cost = self.record(ended, settings)
        if isinstance(record, Step):
            return step_bytes(record, self._losses)
        return span_bytes(record, cost, self._losses)


class Delivery:
    """Spans on their way. Used by one thread at a time; its counts may be read by any.

    Args:
        losses: Where what cannot be read is counted.
        counts: Says what was delivered, waits and was lost, for the reports.
        span_file: Where spans are kept until they are delivered, or None.

    Attributes:
        delivered: Spans that the collector took.
        rejected: Spans that it refused for good.
        backlog_full: Spans that were dropped because it was away for too long.
        failures: Attempts that failed, in all.
    """

    def __init__(self, losses: Losses, counts: Counts, span_file: SpanFile | None = None) -> None:
        self.delivered = 0
        self.rejected = 0
        self.backlog_full = 0
        self.failures = 0
        self._losses = losses
        self._encoder = Encoder(losses)
        self._span_file = span_file
        self._counts = counts
        self._reports = 0  # reports that were made
        self._reported = 0  # the sum of the losses in the last report that was taken
        self._reporting = 0  # and in the one that is being sent
        self._sender = Sender()
        self._backlog: deque[bytes] = deque()
        self._backlog_bytes = 0
        self._pending = b""  # the compressed batch that is being sent, the same for every attempt
        self._pending_spans = 0
        self._pending_kept: list[bytes] = []  # its spans, if they are on disk too
        self._failed_in_a_row = 0
        self._not_before = 0.0  # monotonic seconds
        self._told_to_wait = False  # whether that time is the collector's wish
        # The system's source: the program's own random numbers stay as they would be without us.
        self._random = random.SystemRandom()
        self._instance_id = str(uuid.uuid4())
        self._scope = scope_bytes(attributes.SCOPE_NAME, sdk_version())

    def add(self, ended: Ended, settings: Settings) -> None:
        """Encode a call and keep its span; what cannot be read is counted and dropped."""
        try:
            span = ended.span if isinstance(ended, Kept) else self._encoder.span(ended, settings)
        except Exception:
            self._losses.count(UNREADABLE)
            return
        self._backlog.append(span)
        self._backlog_bytes += len(span)
        while self._backlog_bytes > BACKLOG_BYTES_MAX:
            dropped = self._backlog.popleft()
            self._backlog_bytes -= len(dropped)
            self.backlog_full += 1
            if self._span_file is not None:
                self._span_file.settled([dropped])

    def waiting(self) -> int:
        """Return the number of spans that wait."""
        return len(self._backlog) + self._pending_spans

    def send(self, settings: Settings, deadline: float | None, *, impatient: bool) -> None:
        """Send batches until none is left or one fails.

        Args:
            settings: Where to.
            deadline: Monotonic seconds at which to stop, None for no deadline.
            impatient: Whether to try before a pause of our own is over; one that the collector
                asked for is kept in any case.
        """
        while self.waiting():
            now = monotonic()
            if now < self._not_before and (self._told_to_wait or not impatient):
                return
            if deadline is not None and now >= deadline:
                return
            if not self._pending:
                self._next_batch(settings)
            timeout_s = SEND_TIMEOUT_S if deadline is None else min(SEND_TIMEOUT_S, deadline - now)
            answer = self._sender.send(settings, self._pending, timeout_s)
            if not self._took(answer, settings):
                return

    def _next_batch(self, settings: Settings) -> None:
        spans: list[bytes] = []
        size_bytes = 0
        while self._backlog and len(spans) < BATCH_SPANS_MAX and size_bytes < BATCH_BYTES_MAX:
            spans.append(self._backlog.popleft())
            size_bytes += len(spans[-1])
        self._backlog_bytes -= size_bytes
        self._pending_spans = len(spans)
        if self._span_file is not None:
            self._pending_kept = spans
        report = self._next_report()
        request = export_request(self._resource(settings), self._scope, [*spans, *report])
        self._pending = compress(request)

    def _next_report(self) -> list[bytes]:
        """Return a span with the counts of what was lost, if there is more than was reported.

        The counts are those since the process began, so that the newest report that arrives says
        all, and one that arrives twice changes nothing.
        """
        delivered, queued, lost = self._counts()
        self._reporting = sum(lost.values())
        if self._reporting == self._reported:
            return []
        self._reports += 1
        now_ns = time_ns()
        trace_id, span_id = new_ids()
        step = Step(
            name="tollbook.report",
            trace_id=trace_id.to_bytes(16, "big"),
            span_id=span_id.to_bytes(8, "big"),
            parent_span_id=b"",
            start_time_ns=now_ns,
            end_time_ns=now_ns,
            attributes={
                attributes.REPORT_SEQUENCE: self._reports,
                attributes.REPORT_ENDED: delivered + queued + sum(lost[r] for r in SPAN_REASONS),
                attributes.REPORT_DELIVERED: delivered,
                **{attributes.REPORT_LOST_PREFIX + reason: n for reason, n in lost.items() if n},
            },
        )
        return [step_bytes(step, self._losses)]

    def report(self, settings: Settings, timeout_s: float) -> None:
        """Send a report alone, if there is something to report, with one attempt."""
        if self._pending or not (report := self._next_report()):
            return
        request = compress(export_request(self._resource(settings), self._scope, report))
        if self._sender.send(settings, request, timeout_s).delivered:
            self._reported = self._reporting

    def _resource(self, settings: Settings) -> bytes:
        return resource_bytes(
            {
                **dict(settings.resource),
                attributes.SERVICE_NAME: settings.service_name,
                "service.instance.id": self._instance_id,
                "process.pid": os.getpid(),
                "telemetry.sdk.language": "python",
                "telemetry.sdk.name": "tollbook",
                "telemetry.sdk.version": sdk_version(),
            }
        )

    def _took(self, answer: Answer, settings: Settings) -> bool:
        """Record what became of the pending batch; return whether to go on with the next."""
        spans = self._pending_spans
        if answer.retryable:
            self._postpone(answer, settings)
            return False
        # First of all: who reads that they are settled must not find them waiting still.
        self._pending, self._pending_spans = b"", 0
        if answer.delivered:
            refused = min(answer.rejected_spans, spans)
            self.delivered += spans - refused
            self._reported = self._reporting
        else:
            refused = spans
        if refused:
            self.rejected += refused
            warn(
                "%s refused %d of %d spans (%s)",
                settings.traces_url,
                refused,
                spans,
                answer.said,
            )
        if self._span_file is not None:
            self._span_file.settled(self._pending_kept)
            self._pending_kept = []
        self._failed_in_a_row = 0
        self._not_before, self._told_to_wait = 0.0, False
        return True

    def _postpone(self, answer: Answer, settings: Settings) -> None:
        if self._failed_in_a_row == 0:
            warn(
                "%s did not take %d spans (%s); they are kept and sent again",
                settings.traces_url,
                self._pending_spans,
                answer.said,
            )
        backoff_s = min(BACKOFF_S * 2**self._failed_in_a_row, BACKOFF_S_MAX)
        pause_s = backoff_s * self._random.uniform(0.5, 1.0)
        self._told_to_wait = answer.retry_after_s is not None
        if answer.retry_after_s is not None:
            pause_s = max(answer.retry_after_s, pause_s)
        self._not_before = monotonic() + pause_s
        self._failed_in_a_row = min(self._failed_in_a_row + 1, 16)
        self.failures += 1


@cache
def sdk_version() -> str:
    """Return the version of the installed distribution; to look it up takes a millisecond."""
    try:
        return version("tollbook")
    except PackageNotFoundError:
        return "0"
