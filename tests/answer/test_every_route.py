"""Every route: without a key, with a key that may not, and with input that makes no sense."""

from collections.abc import Iterator

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings

from tollbook_collector.answer.api import create_api
from tollbook_collector.intake.keys import INGEST, VIEW
from tollbook_collector.store.client import ClickHouse

from .test_login import Keyed

# Open to everybody, and what they may do there: they say little, or let people in.
OPEN = {
    "/health",
    "/live",
    "/ready",
    "/ping",
    "/login",
    "/login/oidc",
    "/login/callback",
    "/openapi.json",
}
# These ask parts that a collector which only answers has not.
NOT_HERE = {"/metrics", "/v1/alerts/test", "/v1/alerts/replay"}
# Asked by programs with the key that they send with.
OF_SENDERS = {"/v1/limits"}


@pytest.fixture(name="collector", scope="module")
def _collector(priced: ClickHouse, tmp_path_factory: pytest.TempPathFactory) -> Keyed:
    return Keyed(priced, "every-route", tmp_path_factory.mktemp("keys"))


def routes(api: FastAPI) -> Iterator[tuple[str, str]]:
    """Yield method and path of all routes, with something in the place of each parameter."""
    for route in _flat(api.routes):
        if route.path in OPEN:
            continue
        path = route.path
        for name in route.param_convertors:
            path = path.replace(f"{{{name}}}", "a" * 32).replace(f"{{{name}:path}}", "a")
        for method in sorted(route.methods or ()):
            yield method, path


def _flat(items: object) -> Iterator[APIRoute]:
    for route in items:  # type: ignore[attr-defined]
        if isinstance(route, APIRoute):
            yield route


def test_no_route_answers_without_a_key(collector: Keyed) -> None:
    api = create_api(collector)
    client = TestClient(api, follow_redirects=False)
    asked = list(routes(api))

    answered = {(method, path): client.request(method, path).status_code for method, path in asked}

    assert len(asked) > 40
    assert {key: status for key, status in answered.items() if status not in (401, 429)} == {}


def test_a_key_that_only_sends_reads_nothing(collector: Keyed) -> None:
    api = create_api(collector)
    client = TestClient(api, follow_redirects=False)
    headers = {"authorization": f"Bearer {collector.tokens[INGEST]}"}

    answered = {
        (method, path): client.request(method, path, headers=headers).status_code
        for method, path in routes(api)
        if not (method == "POST" and path in OF_SENDERS)
    }

    assert {key: status for key, status in answered.items() if status != 403} == {}


def test_a_viewer_changes_nothing(collector: Keyed) -> None:
    api = create_api(collector)
    client = TestClient(api, follow_redirects=False)
    headers = {"authorization": f"Bearer {collector.tokens[VIEW]}"}

    answered = {
        (method, path): client.request(method, path, headers=headers).status_code
        for method, path in routes(api)
        if method not in ("GET", "HEAD") and path != "/logout"
    }

    assert len(answered) > 8
    assert {key: status for key, status in answered.items() if status != 403} == {}


@pytest.mark.filterwarnings("ignore")  # of the library itself
def test_input_that_makes_no_sense_is_an_answer_and_no_failure(api: TestClient) -> None:
    """What the description says may be sent, and what it does not: never a 500."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", api.app)
    asked = 0

    def ask_about(operation: schemathesis.schemas.APIOperation) -> None:
        @given(case=operation.as_strategy())
        @settings(
            max_examples=1,
            phases=[Phase.generate],
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: schemathesis.Case) -> None:
            answer = case.call()
            assert answer.status_code < 500, f"{case.method} {case.path}: {answer.text}"

        ask()

    for result in schema.get_all_operations():
        if result.ok().path not in NOT_HERE:
            ask_about(result.ok())
            asked += 1

    assert asked > 40
