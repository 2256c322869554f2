"""Scraping: metrics of inference servers that only show them, taken by asking, as an option.

What is asked is [[scrape]] in tollbook.toml. What comes goes into the spool of metrics like what is
sent: on disk, counted in the books, in `metric_points`.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http.client import HTTPException
from typing import Final
from urllib.error import URLError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from pydantic import Field

from tollbook_collector.intake.exposition import read, to_otlp
from tollbook_collector.policy import Section
from tollbook_collector.settings import OPEN_TENANT
from tollbook_collector.spool.append import Spool, SpoolFailed, SpoolFull

# How often it is looked whose turn it is.
LOOK_S: Final = 1.0
TIMEOUT_S: Final = 5.0
ANSWER_BYTES_MAX: Final = 8 * 1024 * 1024
TARGETS_MAX: Final = 100
DURABLE_S: Final = 30.0


class ScrapeFailed(Exception):
    """A server did not show its metrics; the message is why."""


class Target(Section):
    """A server whose metrics are asked for.

    Attributes:
        url: Where it shows them, as http://127.0.0.1:8000/metrics.
        service: Becomes service.name.
        tenant: Whose data it is.
        every_s: Seconds between two questions.
        names: Only metrics whose names begin so; none: all.
    """

    url: str = Field(pattern=r"^https?://[^/\s@]+(/\S*)?$")
    service: str = Field(min_length=1, max_length=200)
    tenant: str = Field(default=OPEN_TENANT, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    every_s: float = Field(default=15.0, ge=5.0, le=3_600.0)
    names: tuple[str, ...] = ()


class Scrapes(Section):
    """[[scrape]]: the servers whose metrics are asked for."""

    entries: tuple[Target, ...] = Field(default=(), max_length=TARGETS_MAX)


@dataclass
class ScrapeCounts:
    """What scraping has done since the start.

    Args:
        answers: Answers that were kept.
        points: Data points in them.
        failures: Questions without an answer that could be kept.
        skipped_lines: Lines that could not be read, or were too many.
        last_error: Of the last failure.
    """

    answers: int = 0
    points: int = 0
    failures: int = 0
    skipped_lines: int = 0
    last_error: str = ""


class _NoRedirect(HTTPRedirectHandler):
    """Follows nothing: a server says its own metrics or none."""

    def redirect_request(self, *args: object, **keywords: object) -> None:
        """Return nothing, so that the redirect is an error."""


class Scraper:
    """Asks servers for their metrics when it is their turn.

    Args:
        targets: Gives the servers.
        spool: Where what they show goes.
        now: A clock that never goes back, in seconds; an argument so that a test can turn it.
    """

    def __init__(
        self,
        targets: Callable[[], tuple[Target, ...]],
        spool: Spool,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._targets = targets
        self._spool = spool
        self._now = now
        self._due: dict[Target, float] = {}
        self._counts = ScrapeCounts()
        self._opener = build_opener(ProxyHandler({}), _NoRedirect)

    def scrape(self) -> None:
        """Ask those whose turn it is; one that fails is counted, and the others are asked."""
        targets = self._targets()
        now = self._now()
        self._due = {target: self._due.get(target, now) for target in targets}
        for target in targets:
            if self._due[target] > now:
                continue
            self._due[target] = now + target.every_s
            try:
                self._ask(target)
            except (ScrapeFailed, SpoolFull, SpoolFailed) as failure:
                self._counts.failures += 1
                self._counts.last_error = f"{target.url}: {failure}"

    def counts(self) -> dict[str, object]:
        """Return what was done since the start."""
        return asdict(self._counts)

    def _ask(self, target: Target) -> None:
        found = read(self._answer(target.url))
        if target.names:
            found.samples = [s for s in found.samples if s.name.startswith(target.names)]
        self._counts.skipped_lines += found.skipped
        resource = {"service.name": target.service, "url.full": target.url}
        body, points = to_otlp(found, resource, time.time_ns())
        if points:
            self._spool.append(target.tenant, "", body, points).result(DURABLE_S)
        self._counts.answers += 1
        self._counts.points += points

    def _answer(self, url: str) -> str:
        request = Request(url, headers={"accept": "text/plain; version=0.0.4"})
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                content = bytes(answer.read(ANSWER_BYTES_MAX + 1))
        except (URLError, HTTPException, OSError) as error:
            raise ScrapeFailed(f"{getattr(error, 'reason', error) or error}") from error
        if len(content) > ANSWER_BYTES_MAX:
            raise ScrapeFailed(f"it shows more than {ANSWER_BYTES_MAX} B")
        return content.decode(errors="replace")
