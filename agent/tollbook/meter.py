"""The meter: measures one call of a client library's request method, and never is in its way.

On the caller's path only clocks, ids and references are taken; reading them is the export thread's
work. Whatever fails in here is counted and hidden: the caller gets what the library gave.
"""

import functools
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

from tollbook.ends import Ends, facts_of_ends
from tollbook.export import Exporter
from tollbook.ids import new_ids
from tollbook.model_call import Usage
from tollbook.parent import parent_of
from tollbook.process import Process
from tollbook.resent import RESENT
from tollbook.scope import CURRENT
from tollbook.tally import BODY_DROPPED, CONTENT_DROPPED, FAULT

if TYPE_CHECKING:  # only programs with a limit load it
    from tollbook.admission import Admission, Reservation
    from tollbook.content import Taken

# Facts of a stream that are kept: a provider that repeats its usage in every chunk must not make
# us hold them all, the last one counts.
STREAM_FACTS_MAX: Final = 64

Result = TypeVar("Result")


class Facts(NamedTuple):
    """What one answer or one event of a stream says; references into the library's objects."""

    response_id: object = None
    model: object = None
    service_tier: object = None
    usage: object = None
    finish_reasons: tuple[tuple[int, object], ...] = ()
    last: bool = False  # whether the provider says no more about usage after this
    error: object = None


class Asked(NamedTuple):
    """What the caller asked for; immutable values only, as they may change the rest."""

    model: object = None
    stream: object = None
    max_tokens: object = None
    temperature: object = None
    top_p: object = None
    choice_count: object = None
    seed: object = None
    reasoning_level: object = None
    service_tier: object = None
    conversation_id: object = None
    output_type: object = None
    input_characters: object = None  # that are to be spoken


class Api(Protocol):
    """One interface of a provider: chat completions, messages, …."""

    @property
    def operation(self) -> str:
        """The operation in the GenAI conventions: chat, embeddings, …."""

    @property
    def api_type(self) -> str | None:
        """Which of OpenAI's interfaces it is, None for other providers."""

    @property
    def provider(self) -> str:
        """The provider whose interface it is; a known host says otherwise."""

    @property
    def complete_at_end(self) -> bool:
        """Whether a stream that was read to its end has said its whole usage."""

    @property
    def ends(self) -> Ends | None:
        """How the ends of a stream are kept, None where each of its events is read."""

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Return the plain values of a request body. On the caller's path."""

    def answer(self, answer: Any) -> Facts:
        """Return the facts of a whole answer, a model or a dict. On the caller's path."""

    def event(self, event: Any, first: bool) -> Facts | None:
        """Return the facts of a stream's event, None if it has none. On the caller's path."""

    def usage(self, usages: Sequence[Any], provider: str) -> Usage:
        """Return the `Usage` that the usage objects of one call make. On the export thread.

        Args:
            usages: What the answer or the events of a stream said, in their order.
            provider: Who answered, which decides about what is part of a total.
        """


class Observation:
    """One call under way: what the meter saw of it, until the export thread reads it."""

    __slots__ = (
        "_open",
        "api",
        "asked",
        "base_url",
        "body",
        "body_bytes",
        "content",
        "decode",
        "duration_ns",
        "ended",
        "ends",
        "error_type",
        "exporter",
        "facts",
        "first_chunk_ns",
        "ids",
        "last_events",
        "only",
        "parent",
        "resent",
        "reservation",
        "scope",
        "start_time_ns",
        "started_ns",
        "streamed",
    )

    def __init__(self, api: Api, asked: Asked, base_url: object, exporter: Exporter) -> None:
        self.api = api
        self.asked = asked
        self.base_url = base_url
        self.exporter = exporter
        self.scope = scope = CURRENT.get()
        self.parent = parent_of(scope)
        # What the limits of the scope hold back for this call until its cost is known.
        self.reservation: Reservation | None = None
        self.ids = new_ids()
        self.facts: list[Facts] = []
        # Of a stream that says all at its ends: how these are kept, and its last events, unread.
        self.ends: Ends | None = None
        self.last_events: Sequence[Any] | None = None
        self.only: str | None = None  # the type of its events that need to be seen
        # Of a raw response: its bytes, their number, and what decodes them (None: nothing).
        self.body: list[bytes] | None = None
        self.body_bytes = 0
        # What was asked and answered, where a program has chosen that it may leave.
        self.content: Taken | None = None
        self.decode: Callable[[list[bytes]], bytes] | None = None
        self.error_type: str | None = None
        self.resent = 0  # times that the library sent it again
        self.streamed = False  # whether the caller got a stream
        self.ended = False  # whether a stream was read to its end
        self.first_chunk_ns: int | None = None
        self.duration_ns = 0
        # Finishing takes this token: only one of several threads or a finalizer can.
        self._open = [True]
        self.start_time_ns = time_ns()
        self.started_ns = perf_counter_ns()

    @property
    def is_over(self) -> bool:
        """Whether it was finished."""
        return not self._open

    def begin_now(self) -> None:
        """Take this moment for the start of the call, in place of that when it was made."""
        self.start_time_ns = time_ns()
        self.started_ns = perf_counter_ns()

    def count_resends(self) -> None:
        """Take over how often the library sent the call again."""
        self.resent = max(RESENT.get(), 0)
        RESENT.set(0)

    def fail(self, error: BaseException) -> None:
        """Record that the call ended with an exception, of which only the class is kept."""
        if RESENT.get():
            self.count_resends()
        self.finish(type(error).__qualname__)

    def finish(self, error_type: str | None = None) -> None:
        """Record the end of the call; the first end counts. Takes no lock, never raises."""
        if not self._open:
            return
        try:
            duration_ns = perf_counter_ns() - self.started_ns
            self._open.pop()
        except IndexError:
            return
        try:
            self.exporter.open.discard(self)
            self.duration_ns = duration_ns
            self.error_type = error_type
            if self.last_events is not None:
                if self.ends is not None and self.ends.as_text:
                    self._keep_text(self.last_events)
                else:
                    self.read_events()
            if self.reservation is not None:
                self.reservation.settle(self)
            if self.content is not None:
                self.body_bytes += self.content.size_bytes
            self.exporter.put(self)
        except Exception:
            self.exporter.losses.count(FAULT)

    def saw_first_chunk(self) -> None:
        """Record that the first chunk of a stream is here."""
        if RESENT.get():  # of a request that is sent when it is first read
            self.count_resends()
        self.first_chunk_ns = perf_counter_ns() - self.started_ns

    def see_first(self, event: Any) -> Callable[[Any], None]:
        """See the first event of a stream; return what sees the others (of type `only`)."""
        see: Callable[[Any], None] = self.saw
        try:
            self.first_chunk_ns = perf_counter_ns() - self.started_ns
            if RESENT.get():  # of a request that is sent when it is first read
                self.count_resends()
            ends, one = self.api.ends, self.asked.choice_count in (None, 1)
            if ends is None or ends.only is not None or not one or self.content is not None:
                if ends is not None and self.content is None and type(event) is not dict:
                    self.only = ends.only
                self.saw(event)
                return see
            count = ends.last if ends.own_host is None else ends.count(self.base_url)
            last: deque[Any] = deque(maxlen=count)
            self.ends, self.last_events, see = ends, last, last.append
            if ends.keeping is not None:
                see = ends.keeping(see, self.saw, self.exporter.losses)
            if ends.repeat:
                see(event)
            elif (facts := self.api.event(event, not self.facts)) is not None:
                self.facts.append(facts)
        except Exception:
            self.exporter.losses.count(FAULT)
        return see

    def _keep_text(self, events: Iterable[Any]) -> None:
        """Leave the last events of a stream, which are text, to the export thread."""
        try:
            self.last_events = kept = tuple(events)
        except RuntimeError:  # the process ends, and another thread reads the stream on
            self.last_events = kept = ()
        self.body_bytes += sum(map(len, kept))

    def read_events(self) -> None:
        """Read the last events of a stream that are kept, and forget them. Never raises.

        Models are read at once: where their many small objects live on, the next ones are made in
        memory that no cache has, and the collector of garbage looks at them all.
        """
        kept, self.last_events = self.last_events, None
        if kept is None or self.ends is None:
            return
        try:
            events = tuple(kept)
        except RuntimeError:  # the process ends, and another thread reads the stream on
            return
        read = self.ends.read or self.api.event
        alone = not self.facts
        self.facts.extend(facts_of_ends(events, read, self.exporter.losses, alone=alone))
        if events and not self.facts:
            self.facts.append(Facts())

    def saw(self, event: Any) -> None:
        """Keep the facts of a stream's event. Never raises."""
        try:
            if self.content is not None:
                self.content.saw(event)
            facts = self.api.event(event, not self.facts)
            if facts is not None:
                self.keep(facts)
        except Exception:
            self.exporter.losses.count(FAULT)

    def keep_body(self, body: bytes) -> None:
        """Keep a whole answer's bytes for the export thread, which are bounded with all others."""
        self.body = [body]
        self.body_bytes += len(body)

    def drop_body(self) -> None:
        """Forget content and the raw body: the call is recorded without its usage.

        Events that were kept unread are read now.
        """
        self.read_events()
        self.asked = self.asked._replace()  # read now, where its bytes were kept
        if self.content is not None:
            self.content = None
            self.exporter.losses.count(CONTENT_DROPPED)
        if self.body is not None:
            self.body = None
            self.exporter.losses.count(BODY_DROPPED)
        self.body_bytes = 0

    def keep(self, facts: Facts) -> None:
        """Keep these facts; of very many, the first and the last ones."""
        kept = self.facts
        if len(kept) >= STREAM_FACTS_MAX:
            del kept[STREAM_FACTS_MAX // 2]
        kept.append(facts)


class Arguments:
    """The arguments of a request method, which a limit may replace to have another model asked."""

    __slots__ = ("args", "kwargs")

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args = args
        self.kwargs = kwargs


class Library(Protocol):
    """How to read the arguments and results of one client library's request method."""

    def begin(
        self, client: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], exporter: Exporter
    ) -> Observation | None:
        """Return an observation if the request is a model call."""

    def settle(self, observation: Observation, result: Any) -> Any:
        """Record what came back: finish the observation, or tap the stream that will.

        Returns what the caller gets: the result, or a generator of the same kind in its place.
        """


class Meter:
    """Wraps the request methods of one library."""

    def __init__(self, library: Library, process: Process) -> None:
        self._library = library
        self._process = process

    def wrap(self, request: Callable[..., Result]) -> Callable[..., Result]:
        """Return a request method that is metered and otherwise `request`."""

        @functools.wraps(request)
        def metered(client: Any, *args: Any, **kwargs: Any) -> Result:
            observation = self._begin(client, args, kwargs)
            if observation is None:
                return request(client, *args, **kwargs)
            if observation.scope.guards or self._process.guards:
                args, kwargs = self._admit(observation, args, kwargs)
            try:
                result = request(client, *args, **kwargs)
            except BaseException as error:
                observation.fail(error)
                raise
            return self._settle(observation, result)

        return metered

    def wrap_async(
        self, request: Callable[..., Awaitable[Result]]
    ) -> Callable[..., Awaitable[Result]]:
        """Return an async request method that is metered and otherwise `request`."""

        @functools.wraps(request)
        async def metered(client: Any, *args: Any, **kwargs: Any) -> Result:
            observation = self._begin(client, args, kwargs)
            if observation is None:
                return await request(client, *args, **kwargs)
            if observation.scope.guards or self._process.guards:
                args, kwargs = await self._admit_async(observation, args, kwargs)
            try:
                result = await request(client, *args, **kwargs)
            except BaseException as error:
                observation.fail(error)
                raise
            return self._settle(observation, result)

        return metered

    @contextmanager
    def observed(
        self, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Iterator[tuple[Callable[[Any], None], tuple[Any, ...], dict[str, Any]]]:
        """Observe a method that hands out its result inside a context, as a stream is opened.

        Yields what is to be told the result, and the arguments to call the method with. An
        exception inside of the context ends the call.
        """
        observation = self._begin(client, args, kwargs)
        if observation is not None and (observation.scope.guards or self._process.guards):
            args, kwargs = self._admit(observation, args, kwargs)

        def settle(result: Any) -> None:
            if observation is not None:
                self._settle(observation, result)

        try:
            yield settle, args, kwargs
        except GeneratorExit:  # the caller's own generator was closed early
            if observation is not None:
                observation.finish()
            raise
        except BaseException as error:
            if observation is not None:
                observation.fail(error)
            raise

    def _begin(
        self, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Observation | None:
        try:
            exporter = self._process.exporter
            if exporter is None or not exporter.enabled:
                return None
            if RESENT.get():  # of a request that is no model call
                RESENT.set(0)
            observation = self._library.begin(client, args, kwargs, exporter)
            settings = exporter.settings
            if observation is not None and (settings.content or settings.digest_key is not None):
                self._take_prompt(observation, args, kwargs)
            return observation
        except Exception:
            self._process.losses.count(FAULT)
            return None

    def _take_prompt(
        self, observation: Observation, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        """Take what is asked; where it cannot be read, the call is recorded without it."""
        try:
            from tollbook.content import Taken, body_in

            observation.content = Taken(
                body_in(args, kwargs), observation.exporter.settings.content
            )
        except Exception:
            self._process.losses.count(CONTENT_DROPPED)

    def _admit(
        self, observation: Observation, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Hold the call to the limits of its scope; what stops it is the one thing that raises.

        Returns the arguments to call with: those given, or those that ask another model.
        """
        arguments = Arguments(args, kwargs)
        admission = self._admission(observation, arguments)
        if admission is not None:
            try:
                observation.reservation = admission.decide()
            except BaseException as refused:
                observation.fail(refused)
                raise
        return arguments.args, arguments.kwargs

    async def _admit_async(
        self, observation: Observation, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        arguments = Arguments(args, kwargs)
        admission = self._admission(observation, arguments)
        if admission is not None:
            try:
                observation.reservation = await admission.decide_async()
            except BaseException as refused:
                observation.fail(refused)
                raise
        return arguments.args, arguments.kwargs

    def _admission(self, observation: Observation, arguments: Arguments) -> "Admission | None":
        try:
            from tollbook.admission import admission_of

            guards = (*self._process.guards, *observation.scope.guards)
            limits = self._process.shared_limits()
            return admission_of(observation, limits, guards, self._library, arguments)
        except Exception:
            self._process.losses.count(FAULT)
            return None

    def _settle(self, observation: Observation, result: Result) -> Result:
        try:
            if RESENT.get():
                observation.count_resends()
            if observation.content is not None:
                observation.content.answered(result)
            settled: Result = self._library.settle(observation, result)
            return settled
        except Exception:
            self._process.losses.count(FAULT)
            # The call happened: without its usage it is still counted.
            observation.finish()
            return result
