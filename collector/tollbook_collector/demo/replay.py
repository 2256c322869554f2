"""Replays the plan of one service through the real clients; a process for each service.

Run by `python -m tollbook_collector.demo.replay`; says how far it is, one JSON object a line, and
ends with status 1 if a call did not go as planned or a span did not reach the collector.
"""

import argparse
import json
import logging
import sys
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final

import anthropic
import openai

import tollbook
from tollbook_collector.demo.answers import HEADER, header_of
from tollbook_collector.demo.lifeline import end_with_parent
from tollbook_collector.demo.plan import PlannedCall, plan_calls

THREADS: Final = 8
PROGRESS_S: Final = 0.2
CALL_TIMEOUT_S: Final = 30.0
FLUSH_S: Final = 30.0
OUTPUT_TOKENS_MAX: Final = 4096
# Nobody reads it: the provider was told what to answer.
PROMPT: Final = "Please answer this line of the trace."


class UnplannedOutcome(Exception):
    """A call did not end as its plan says."""


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients of both providers, each used by all threads."""

    openai: openai.OpenAI
    anthropic: anthropic.Anthropic

    @classmethod
    def at(cls, provider_url: str) -> "Clients":
        """Return clients of the provider at an address, which never try again."""
        return cls(
            openai=openai.OpenAI(
                api_key="demo",
                base_url=f"{provider_url}/v1",
                max_retries=0,
                timeout=CALL_TIMEOUT_S,
            ),
            anthropic=anthropic.Anthropic(
                api_key="demo", base_url=provider_url, max_retries=0, timeout=CALL_TIMEOUT_S
            ),
        )

    def close(self) -> None:
        """Close their connections."""
        self.openai.close()
        self.anthropic.close()


def make_call(clients: Clients, call: PlannedCall) -> int | None:
    """Make one call and read its answer to the end; return the status it failed with, or None.

    Raises:
        openai.APIConnectionError, anthropic.APIConnectionError: The provider was not reached.
    """
    ask = {"chat_completions": _chat, "responses": _respond, "messages": _message}[call.api]
    try:
        ask(clients, call, {HEADER: header_of(call)})
    except (openai.APIStatusError, anthropic.APIStatusError) as error:
        return int(error.status_code)
    return None


def _chat(clients: Clients, call: PlannedCall, headers: dict[str, str]) -> None:
    create = clients.openai.chat.completions.create
    if not call.stream:
        create(
            model=call.model,
            messages=[{"role": "user", "content": PROMPT}],
            extra_headers=headers,
        )
        return
    stream = create(
        model=call.model,
        messages=[{"role": "user", "content": PROMPT}],
        stream=True,
        stream_options={"include_usage": True},
        extra_headers=headers,
    )
    for _ in stream:
        pass


def _respond(clients: Clients, call: PlannedCall, headers: dict[str, str]) -> None:
    create = clients.openai.responses.create
    if not call.stream:
        create(model=call.model, input=PROMPT, extra_headers=headers)
        return
    for _ in create(model=call.model, input=PROMPT, stream=True, extra_headers=headers):
        pass


def _message(clients: Clients, call: PlannedCall, headers: dict[str, str]) -> None:
    create = clients.anthropic.messages.create
    if not call.stream:
        create(
            model=call.model,
            max_tokens=OUTPUT_TOKENS_MAX,
            messages=[{"role": "user", "content": PROMPT}],
            extra_headers=headers,
        )
        return
    stream = create(
        model=call.model,
        max_tokens=OUTPUT_TOKENS_MAX,
        messages=[{"role": "user", "content": PROMPT}],
        stream=True,
        extra_headers=headers,
    )
    for _ in stream:
        pass


class Replay:
    """The calls of a service under way, made by a few threads.

    Args:
        clients: The clients to make them with.
        calls: The calls, in order.
    """

    def __init__(self, clients: Clients, calls: list[PlannedCall]) -> None:
        self._clients = clients
        self._calls = iter(calls)
        self._lock = threading.Lock()
        self.done = 0
        self.failed = 0

    def run(self) -> None:
        """Make all calls and print how far it is every PROGRESS_S.

        Raises:
            UnplannedOutcome: A call succeeded or failed against its plan.
        """
        with ThreadPoolExecutor(THREADS) as pool:
            threads: set[Future[None]] = {pool.submit(self._make_calls) for _ in range(THREADS)}
            while threads:
                ended, threads = wait(threads, PROGRESS_S, FIRST_COMPLETED)
                for thread in ended:
                    thread.result()
                say(done=self.done, failed=self.failed)

    def _make_calls(self) -> None:
        try:
            while (call := self._next()) is not None:
                self._make(call)
        finally:
            # After a failure of one thread, the others end with the call that they are at.
            self._forget_the_rest()

    def _make(self, call: PlannedCall) -> None:
        with tollbook.tags(team=call.team, feature=call.feature, customer=call.customer):
            status = make_call(self._clients, call)
        if status != call.error_status:
            raise UnplannedOutcome(
                f"call {call.number} ({call.model}) was to end with"
                f" {call.error_status or 'an answer'}, and ended with {status or 'an answer'}"
            )
        with self._lock:
            self.done += 1
            self.failed += status is not None

    def _next(self) -> PlannedCall | None:
        with self._lock:
            return next(self._calls, None)

    def _forget_the_rest(self) -> None:
        with self._lock:
            self._calls = iter(())


def say(**progress: int) -> None:
    """Print one line for the parent."""
    sys.stdout.write(json.dumps(progress) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Replay and deliver; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--service", required=True, help="whose calls of the plan")
    parser.add_argument("--calls", required=True, type=int, help="of the whole plan")
    parser.add_argument("--provider", required=True, help="address of the provider")
    parser.add_argument("--endpoint", required=True, help="address of the collector, for OTLP")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    end_with_parent()
    tollbook.instrument(service=arguments.service, endpoint=arguments.endpoint)
    plan = [call for call in plan_calls(arguments.calls) if call.service == arguments.service]
    clients = Clients.at(arguments.provider)
    try:
        Replay(clients, plan).run()
    except (UnplannedOutcome, openai.OpenAIError, anthropic.AnthropicError) as failure:
        sys.stderr.write(f"{arguments.service}: {type(failure).__name__}: {failure}\n")
        return 1
    finally:
        clients.close()
    flushed = tollbook.flush(FLUSH_S)
    say(done=len(plan), delivered=flushed.delivered)
    if flushed.delivered == len(plan) and not flushed.dropped and not flushed.queued:
        return 0
    sys.stderr.write(
        f"{arguments.service}: of {len(plan)} spans {flushed.delivered} reached the collector,"
        f" {flushed.queued} wait and {flushed.dropped} were dropped ({dict(flushed.lost)})\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
