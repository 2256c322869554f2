"""The API over a real store, for a tenant of the test's own; its pages in a real browser."""

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi.testclient import TestClient
from gates import PEPPER
from playwright.sync_api import Browser, Page, sync_playwright

from tollbook_collector.alert.incidents import Incidents
from tollbook_collector.answer.api import create_api
from tollbook_collector.answer.audit import Audit
from tollbook_collector.app import SECTIONS
from tollbook_collector.intake.allowance import Allowance
from tollbook_collector.intake.key_desk import KeyDesk
from tollbook_collector.intake.key_file import KeyFile
from tollbook_collector.intake.keyring import OPEN_KEY, Keyring
from tollbook_collector.intake.keys import ADMIN, INGEST, QUERY, VIEW, Key, new_key
from tollbook_collector.money.allocation import Allocation
from tollbook_collector.policy import Policy
from tollbook_collector.store.client import ClickHouse

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


class RingOf(Keyring):
    """A keyring that lets everybody in as one tenant, as an open collector does."""

    def __init__(self, tenant: str) -> None:
        super().__init__(PEPPER)
        self._everybody = replace(OPEN_KEY, tenant=tenant)

    def check(self, token: str, scope: str, source: str) -> Key:
        return self._everybody


class Reading:
    """A collector that only answers, as a tenant of the test's own."""

    def __init__(self, store: ClickHouse, tenant: str) -> None:
        self.store = self.ledger = store
        self.incidents = Incidents(lambda: store)
        self.policy = Policy(None, SECTIONS)
        self.allocation = Allocation()
        self.keyring = RingOf(tenant)
        self.allowance = Allowance()
        self.key_desk = KeyDesk(KeyFile(Path("no-such-directory")))
        self.user_sql = True
        self.takes_spans = True
        self.audit = Audit(lambda: store)
        self.oidc_secret = ""

    def share_keys(self) -> None:
        """Do nothing: no key is changed here."""

    def status(self) -> dict[str, Any]:
        return {}

    def store_counts(self) -> dict[str, int]:
        return {}

    def doubts(self) -> list[str]:
        return []

    def faults(self) -> list[str]:
        return []


class Keyed(Reading):
    """A collector of one tenant with a key of each scope."""

    def __init__(self, store: ClickHouse, tenant: str, directory: Path) -> None:
        super().__init__(store, tenant)
        self.keyring = Keyring(PEPPER)
        self.key_desk = KeyDesk(KeyFile(directory))
        made = {scope: new_key(PEPPER, tenant, (scope,)) for scope in (VIEW, QUERY, ADMIN, INGEST)}
        self.keys = {scope: key for scope, (key, _) in made.items()}
        self.tokens = {scope: token for scope, (_, token) in made.items()}
        self.keyring.put({key.id: key for key in self.keys.values()})


@pytest.fixture(name="keyed")
def _keyed(priced: ClickHouse, tenant: str, tmp_path: Path) -> Keyed:
    return Keyed(priced, tenant, tmp_path)


@pytest.fixture
def api(priced: ClickHouse, tenant: str) -> Iterator[TestClient]:
    """The API of a collector whose tenant is the test's own."""
    with TestClient(create_api(Reading(priced, tenant)), raise_server_exceptions=True) as client:
        yield client


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def serving(application: Any) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application, log_config=None, ws="none"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


Opened = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, priced: ClickHouse, tenant: str) -> Iterator[Opened]:
    """Open a page of the tenant's; what the browser complains of fails the test at its end."""
    complaints: list[str] = []
    contexts = []
    with serving(create_api(Reading(priced, tenant))) as address:

        def complain(text: str) -> None:
            if "status of 400" not in text:  # a wrong question, which a test asks on purpose
                complaints.append(text)

        def open_page(path: str, width: int = 1280, **options: Any) -> Page:
            context = browser.new_context(viewport={"width": width, "height": 900}, **options)
            contexts.append(context)
            page = context.new_page()
            page.on("console", lambda message: complain(message.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(address + path)
            return page

        yield open_page
        for context in contexts:
            context.close()
    assert complaints == []
