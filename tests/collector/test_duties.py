"""Duties: each goes on, whatever happens in one of its rounds."""

import itertools
import threading

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tollbook_collector import duties as module
from tollbook_collector.duties import Duties, Duty

TIMEOUT_S = 60


def test_a_duty_that_fails_is_counted_and_done_again() -> None:
    rounds = itertools.count()
    third = threading.Event()

    def fail_once() -> None:
        number = next(rounds)
        if number == 0:
            raise ValueError("no luck")
        if number == 2:
            third.set()

    duties = Duties([Duty("try luck", 0.0, fail_once)])
    duties.start()
    assert third.wait(TIMEOUT_S)
    duties.stop()
    counts = duties.counts()["try luck"]

    assert counts.failures == 1
    assert counts.rounds >= 2
    assert counts.last_error == ""


def test_the_last_error_says_what_happened() -> None:
    failed = threading.Event()

    def fail() -> None:
        failed.set()
        raise ValueError("no luck")

    duties = Duties([Duty("try luck", 1000.0, fail)])
    duties.start()
    assert failed.wait(TIMEOUT_S)
    duties.stop()

    assert duties.counts()["try luck"].last_error == "ValueError: no luck"


def test_a_duty_in_its_pause_ends_at_once() -> None:
    ran = threading.Event()
    duties = Duties([Duty("rest", 1000.0, ran.set)])
    duties.start()
    assert ran.wait(TIMEOUT_S)

    duties.stop()

    assert duties.counts()["rest"].rounds == 1


def test_a_duty_that_one_collector_does_alone_waits_for_its_turn() -> None:
    asked, ran, everyones = threading.Event(), threading.Event(), threading.Event()
    turn = threading.Event()

    def leads() -> bool:
        asked.set()
        return turn.is_set()

    listed = [Duty("tell people", 0.0, ran.set, alone=True), Duty("rest", 0.0, everyones.set)]
    duties = Duties(listed, leads)
    duties.start()
    assert asked.wait(TIMEOUT_S)
    assert everyones.wait(TIMEOUT_S)
    before = duties.counts()["tell people"].rounds
    turn.set()
    assert ran.wait(TIMEOUT_S)
    duties.stop()

    assert before == 0


def test_a_patient_duty_lets_spans_go_first_and_others_do_not() -> None:
    asked, ran, others = threading.Event(), threading.Event(), threading.Event()
    caught_up = threading.Event()

    def behind() -> bool:
        asked.set()
        return not caught_up.is_set()

    listed = [Duty("search", 0.0, ran.set, patient=True), Duty("tell", 0.0, others.set)]
    duties = Duties(listed, behind=behind)
    duties.start()
    assert asked.wait(TIMEOUT_S)
    assert others.wait(TIMEOUT_S)
    before = duties.counts()["search"].rounds
    caught_up.set()
    assert ran.wait(TIMEOUT_S)
    duties.stop()

    assert before == 0


def test_the_patience_of_a_duty_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tollbook_collector.duties.PATIENCE_S", 0.0)
    ran = threading.Event()

    duties = Duties([Duty("search", 0.0, ran.set, patient=True)], behind=lambda: True)
    duties.start()

    assert ran.wait(TIMEOUT_S)
    duties.stop()


def test_a_round_is_a_span_of_the_sdk_that_the_collector_runs_under(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert isinstance(module.TRACER, trace.ProxyTracer), "it sets up no SDK of its own"
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(module, "TRACER", provider.get_tracer("test"))
    failed = threading.Event()

    def fail() -> None:
        failed.set()
        raise ValueError("no luck")

    duties = Duties([Duty("try luck", 1000.0, fail)])
    duties.start()
    assert failed.wait(TIMEOUT_S)
    assert duties.stop(TIMEOUT_S)
    (span,) = exporter.get_finished_spans()

    assert span.name == "try luck"
    assert span.status.description == "ValueError: no luck"
    assert duties.counts()["try luck"].failures == 1
