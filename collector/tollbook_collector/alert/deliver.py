"""Delivers the outbox: each message until its receiver takes it, at most for 75 hours.

A try is logged before the message's state is written, so a crash in between leads to another try
with the same id: at least once, never silently not. Each webhook has its own thread, so that a slow
one delays no other.
"""

import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from tollbook_collector.alert import mail, payloads
from tollbook_collector.alert.address import AddressRefused, Resolve, resolve, target
from tollbook_collector.alert.outbox import (
    Database,
    Message,
    message_id,
    read,
    tried,
    write,
)
from tollbook_collector.alert.post import TOTAL_S, Outcome, post
from tollbook_collector.alert.routes import Route, unknown_webhooks
from tollbook_collector.alert.signature import WrongSecret, headers
from tollbook_collector.alert.webhooks import SecretMissing, Webhook, missing_secrets, read_secret
from tollbook_collector.duties import each_alone
from tollbook_collector.settings import OPEN_TENANT
from tollbook_collector.store import sql

THREADS_MAX: Final = 16
# Of one webhook in one round; the rest waits for the next round, a few seconds later.
ROUND_MAX: Final = 50
# More that are due to one webhook at once are told as one message.
STORM: Final = 10
NEVER: Final = datetime.min.replace(tzinfo=UTC)
GONE: Final = 410
ATTEMPT_COLUMNS: Final = (
    "tenant",
    "message",
    "webhook",
    "attempt",
    "at",
    "took_ms",
    "status",
    "outcome",
    "error",
)


class UnknownWebhook(LookupError):
    """There is no webhook of this name in tollbook.toml."""


class Deliver:
    """Delivers messages.

    Args:
        store: Returns the store; raises StoreUnavailable while it is away.
        webhooks: Returns where to, as tollbook.toml has it now.
        routes: Returns the routes; some have messages sent together.
        now: The clock.
        resolver: Returns the addresses of a name.
        total_s: What one try may take.
    """

    def __init__(
        self,
        store: Callable[[], Database],
        webhooks: Callable[[], Sequence[Webhook]],
        routes: Callable[[], Sequence[Route]] = tuple,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        resolver: Resolve = resolve,
        total_s: float = TOTAL_S,
    ) -> None:
        self._store = store
        self._webhooks = webhooks
        self._routes = routes
        self._now = now
        self._resolver = resolver
        self._total_s = total_s
        self._pool = ThreadPoolExecutor(THREADS_MAX, "tollbook-alerts")
        self._busy: dict[str, Future[None]] = {}
        self._gone: set[str] | None = None
        self._lock = threading.Lock()
        self._failure_count = 0
        self._last_error = ""

    def deliver(self) -> None:
        """Begin to send what is due; a webhook that is still being sent to is left for later.

        Raises:
            StoreUnavailable: Nothing was begun.
        """
        now, store = self._now(), self._store()
        if self._gone is None:
            self._gone = {str(name) for (name,) in store.rows(sql.read("queries/webhooks_gone"))}
        waiting = read(store, "queries/alerts_due")
        names = {message.webhook for message in waiting if message.next_at <= now}
        for name in sorted(names):
            if name in self._busy and not self._busy[name].done():
                continue
            mine = [message for message in waiting if message.webhook == name]
            self._busy[name] = self._pool.submit(self._send_all, name, mine, now)

    def wait(self, timeout_s: float) -> None:
        """Wait until nothing is being sent.

        Raises:
            TimeoutError: Something still is.
        """
        for future in list(self._busy.values()):
            future.result(timeout_s)

    def close(self) -> None:
        """Begin nothing further; what is being sent ends by its own limit."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def troubles(self) -> list[str]:
        """Return what keeps alerts from arriving, a line each; empty: nothing."""
        gone = sorted(self._gone or ())
        troubles = [f"webhook {name} is gone: it answered {GONE}" for name in gone]
        troubles += missing_secrets(self._webhooks())
        troubles += unknown_webhooks(self._routes(), self._webhooks())
        if self._last_error:
            troubles.append(
                f"alerts cannot be sent: {self._last_error}, {self._failure_count} times"
            )
        return troubles

    def test(self, name: str, tenant: str = OPEN_TENANT) -> Outcome:
        """Send a message that says nothing but that it arrives, and return what came of it.

        Raises:
            UnknownWebhook: There is no such webhook.
        """
        webhook = self._webhook(name)
        if webhook is None:
            known = ", ".join(sorted(w.name for w in self._webhooks())) or "there are none"
            raise UnknownWebhook(f"{name!r} is no webhook of tollbook.toml; {known}")
        now = self._now()
        content = payloads.trial(now)
        message = Message(
            tenant=tenant,
            message=message_id("test", name, now.isoformat()),
            incident="",
            sequence=0,
            type="test",
            severity="info",
            title=content["data"]["title"],
            route="",
            webhook=name,
            content=json.dumps(content),
            state="waiting",
            reason="",
            attempts=0,
            next_at=now,
            created_at=now,
        )
        outcome = self._try(webhook, message)
        state = "delivered" if outcome.delivered else "dead"
        written = replace(message, state=state, reason=outcome.error[:300], attempts=1)
        write(self._store(), [written])
        if outcome.delivered and self._gone:
            self._gone.discard(name)
        return outcome

    def replay(self, tenant: str, begins: str) -> list[str]:
        """Let dead messages be tried again from the start, and return their ids.

        Args:
            tenant: Whose messages.
            begins: How their ids begin; empty: all that are dead.
        """
        now = self._now()
        dead = read(self._store(), "queries/alerts_dead", {"tenant": tenant, "message": begins})
        again = [
            replace(message, state="waiting", attempts=0, next_at=now, reason="")
            for message in dead
        ]
        write(self._store(), again)
        return [message.message for message in again]

    def _send_all(self, name: str, messages: Sequence[Message], now: datetime) -> None:
        try:
            due = self._together(messages, now)[:ROUND_MAX]
            each_alone(due, self._send, lambda message: message.message)
        except Exception as error:  # the head of a background task; counted and told
            with self._lock:
                self._failure_count += 1
                self._last_error = f"{type(error).__name__}: {error}"[:300]
        else:
            with self._lock:
                self._last_error = ""

    def _together(self, messages: Sequence[Message], now: datetime) -> list[Message]:
        """Return what is to be sent: messages that belong together, and storms, as one."""
        due = [message for message in messages if message.next_at <= now]
        # What is held for the morning is not drawn into what is sent at night.
        until = {r.name: now + r.group for r in self._routes() if r.group or r.quiet}
        grouped: dict[tuple[str, str], list[Message]] = {}
        for message in messages:
            fresh_one = message.attempts == 0 and message.type != "digest"
            if fresh_one and message.next_at <= until.get(message.route, NEVER):
                grouped.setdefault((message.tenant, message.route), []).append(message)
        alone = [m for m in due if m.attempts or m.type == "digest" or m.route not in until]
        fresh = [m for m in alone if m.attempts == 0 and m.type != "digest"]
        if len(fresh) > STORM:
            alone = [message for message in alone if message not in fresh]
            for message in fresh:
                grouped.setdefault((message.tenant, message.route), []).append(message)
        sent = list(alone)
        for members in grouped.values():
            if not any(member.next_at <= now for member in members):
                continue
            sent.append(members[0] if len(members) == 1 else self._digest(members, now))
        return sent

    def _digest(self, members: Sequence[Message], now: datetime) -> Message:
        content = payloads.digest([json.loads(member.content) for member in members], now)
        first = members[0]
        digest = replace(
            first,
            message=message_id("digest", *(member.message for member in members)),
            incident="",
            sequence=0,
            type="digest",
            severity=content["data"]["severity"],
            title=content["data"]["title"],
            content=json.dumps(content, ensure_ascii=False),
            created_at=now,
            next_at=now,
        )
        into = [replace(member, state="grouped", reason=digest.message) for member in members]
        # In one block: after a crash the members are in the digest, or wait as before.
        write(self._store(), [digest, *into])
        return digest

    def _send(self, message: Message) -> None:
        webhook = self._webhook(message.webhook)
        if webhook is None or message.webhook in (self._gone or ()):
            why = f"webhook {message.webhook} is gone, or no longer in tollbook.toml"
            write(self._store(), [replace(message, state="dead", reason=why)])
            return
        outcome = self._try(webhook, message)
        after = tried(message, self._now(), outcome.error, outcome.retry_after_s)
        if outcome.status == GONE and webhook.kind != "email":
            after = replace(after, state="dead")
            assert self._gone is not None
            self._gone.add(message.webhook)
        write(self._store(), [after])

    def _webhook(self, name: str) -> Webhook | None:
        return next((w for w in self._webhooks() if w.name == name), None)

    def _try(self, webhook: Webhook, message: Message) -> Outcome:
        """Make one try and log it."""
        at, started = self._now(), time.monotonic()
        try:
            outcome = self._post(webhook, message, at)
        except (SecretMissing, WrongSecret) as missing:
            outcome = Outcome(0, str(missing), refused=True)
        except AddressRefused as refusal:
            outcome = Outcome(0, str(refusal), refused=True)
        took_ms = int((time.monotonic() - started) * 1000)
        word = "delivered" if outcome.delivered else "refused" if outcome.refused else "failed"
        row = [
            message.tenant,
            message.message,
            message.webhook,
            message.attempts + 1,
            at,
            took_ms,
            outcome.status,
            word,
            outcome.error[:300],
        ]
        self._store().insert("alert_attempts", ATTEMPT_COLUMNS, [row])
        return outcome

    def _post(self, webhook: Webhook, message: Message, at: datetime) -> Outcome:
        content = json.loads(message.content)
        if webhook.kind == "email":
            return mail.send(webhook, message.message, content)
        key = read_secret(webhook.key) if webhook.key is not None else ""
        where = target(webhook.address(), webhook.networks, webhook.ports)
        if webhook.kind == "opsgenie" and message.type == "incident.resolved":
            path = f"/tollbook%2F{message.incident}/close?identifierType=alias"
            where = replace(where, path=where.path.rstrip("/") + path)
        body = payloads.body(webhook.kind, content, key)
        given = dict(headers(message.message, at, body, webhook.signing()))
        if webhook.kind == "opsgenie":
            given["authorization"] = f"GenieKey {key}"
        return post(
            where,
            webhook.networks,
            body,
            given,
            webhook.ports,
            self._resolver,
            self._total_s,
        )
