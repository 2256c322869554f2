"""Signing in: sessions, roles, and forms that no other site can send."""

import re
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from gates import PEPPER

from tollbook_collector.answer import session as sessions
from tollbook_collector.answer.api import create_api
from tollbook_collector.answer.login import own_path
from tollbook_collector.answer.pages.render import NAVIGATION
from tollbook_collector.answer.session import Session
from tollbook_collector.intake.keys import ADMIN, INGEST, QUERY, VIEW, Pepper, changed

from .conftest import Keyed

HTML = {"accept": "text/html"}
Browser = Callable[[str], TestClient]


@pytest.fixture(name="browser")
def _browser(keyed: Keyed) -> Browser:
    """Return a browser that has signed in with the key of a scope; empty: that has not."""
    api = create_api(keyed)

    def signed_in(scope: str) -> TestClient:
        client = TestClient(api, base_url="http://tollbook.test", follow_redirects=False)
        if scope:
            answer = client.post("/login", data={"key": keyed.tokens[scope], "next": "/calls"})
            assert (answer.status_code, answer.headers["location"]) == (303, "/calls")
        return client

    return signed_in


def csrf(client: TestClient) -> str:
    """Return the token that the forms of a page carry."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', client.get("/data", headers=HTML).text)
    assert found
    return found[1]


def test_who_has_not_signed_in_is_led_to_the_form_and_back(browser: Browser) -> None:
    client = browser("")

    asked = client.get("/calls?since=7d", headers=HTML)
    form = client.get(asked.headers["location"], headers=HTML)

    assert (asked.status_code, asked.headers["location"]) == (
        303,
        "/login?next=%2Fcalls%3Fsince%3D7d",
    )
    assert '<input type="hidden" name="next" value="/calls?since=7d">' in form.text
    assert client.get("/v1/spend", headers=HTML).status_code == 401


def test_a_wrong_key_and_one_that_only_sends_begin_no_session(
    keyed: Keyed, browser: Browser
) -> None:
    client = browser("")

    wrong = client.post("/login", data={"key": "tollbook_no"})
    sending = client.post("/login", data={"key": keyed.tokens[INGEST]})

    assert (wrong.status_code, sending.status_code) == (401, 403)
    assert not client.cookies


def test_a_browser_that_is_not_let_in_is_led_to_the_form_and_never_shown_json(
    keyed: Keyed, browser: Browser
) -> None:
    client = browser("")
    over = replace(sessions.begun(Session("", key=keyed.keys[VIEW].id)), expires_at=1)
    refused = [
        {},
        {"authorization": "Bearer tollbook_no"},
        {"authorization": "Basic eDp0b2xsYm9va19ubw=="},
        {"x-api-key": "tollbook_no"},
        {"cookie": f"{sessions.PLAIN_COOKIE}=no"},
        {"cookie": f"{sessions.PLAIN_COOKIE}={sessions.sealed(PEPPER, over)}"},
    ]
    ones = ["/calls/t/s", "/runs/r", "/incidents/i"]
    pages = [*(to for group in NAVIGATION for to, _, _ in group), *ones]

    # Each page, and each way of not being let in three times: more failures would be too many.
    for path, given in zip(pages, refused * 3, strict=True):
        page = client.get(path, headers={**HTML, **given})
        assert (page.status_code, page.content) == (303, b""), path
        assert page.headers["location"] == f"/login?next={quote(path, safe='')}"
    program = client.get("/calls", headers=refused[1])

    assert (program.status_code, program.headers["content-type"]) == (401, "application/json")


def test_who_sends_a_form_when_the_session_is_over_comes_back_to_its_page(
    browser: Browser,
) -> None:
    client = browser("")
    headers = {**HTML, "referer": "http://tollbook.test/explore?by=team"}

    sent = client.post("/explore/views", data={"name": "x", "query": ""}, headers=headers)
    unknown = client.post("/explore/views", data={"name": "x", "query": ""}, headers=HTML)

    assert (sent.status_code, sent.headers["location"]) == (
        303,
        "/login?next=%2Fexplore%3Fby%3Dteam",
    )
    assert unknown.headers["location"] == "/login?next=%2F"


def test_an_address_that_is_none_is_answered_in_the_form_that_was_asked_for(
    browser: Browser,
) -> None:
    client = browser(VIEW)

    page = client.get("/no-such-page", headers=HTML)
    wrong = client.get("/?since=1&since=", headers=HTML)
    program = client.get("/v1/calls?limit=many", headers=HTML)

    assert page.headers["content-type"] == wrong.headers["content-type"]
    assert (page.status_code, wrong.status_code) == (404, 400)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert (program.status_code, program.headers["content-type"]) == (422, "application/json")


def test_the_cookie_is_out_of_reach_of_scripts_and_holds_no_key(
    keyed: Keyed, browser: Browser
) -> None:
    answer = browser("").post("/login", data={"key": keyed.tokens[VIEW]})
    behind_tls = TestClient(create_api(keyed), base_url="https://tollbook.test")
    secure = behind_tls.post(
        "/login", data={"key": keyed.tokens[VIEW]}, follow_redirects=False
    ).headers["set-cookie"]

    plain = answer.headers["set-cookie"]
    assert all(word in plain for word in ("HttpOnly", "SameSite=lax", "Path=/"))
    assert keyed.tokens[VIEW] not in plain
    assert secure.startswith(f"{sessions.SECURE_COOKIE}=")
    assert "Secure" in secure
    assert "Domain" not in secure


@pytest.mark.parametrize(
    ("scope", "sql", "keys"), [(VIEW, 403, 403), (QUERY, 200, 403), (ADMIN, 200, 200)]
)
def test_a_role_may_what_it_may_and_nothing_more(
    browser: Browser, scope: str, sql: int, keys: int
) -> None:
    client = browser(scope)
    token = {"x-csrf-token": csrf(client), "content-type": "text/plain"}

    assert client.get("/v1/spend").status_code == 200
    assert client.post("/v1/sql", content="SELECT 1 AS one", headers=token).status_code == sql
    assert client.get("/v1/keys").status_code == keys


def test_a_form_needs_the_token_of_its_own_session(browser: Browser) -> None:
    client, other = browser(QUERY), browser(QUERY)
    text = {"content-type": "text/plain"}

    def ask(**headers: str) -> int:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.post("/v1/sql", content="SELECT 1", headers={**text, **given}).status_code

    assert ask() == 403
    assert ask(x_csrf_token=csrf(other)) == 403
    assert ask(x_csrf_token=csrf(client), sec_fetch_site="cross-site") == 403
    assert ask(x_csrf_token=csrf(client), origin="http://elsewhere.test") == 403
    assert ask(x_csrf_token=csrf(client), origin="http://tollbook.test") == 200


def test_a_key_in_a_header_needs_no_token(keyed: Keyed, browser: Browser) -> None:
    headers = {"authorization": f"Bearer {keyed.tokens[QUERY]}", "content-type": "text/plain"}

    assert browser("").post("/v1/sql", content="SELECT 1", headers=headers).status_code == 200


def test_signing_out_ends_the_session_and_not_only_the_cookie(browser: Browser) -> None:
    client = browser(VIEW)
    cookie = client.cookies[sessions.PLAIN_COOKIE]

    answer = client.post("/logout", data={"csrf": csrf(client)})
    client.cookies.set(sessions.PLAIN_COOKIE, cookie)

    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert client.get("/v1/spend").status_code == 401


def test_a_session_ends_with_its_key(keyed: Keyed, browser: Browser) -> None:
    client = browser(VIEW)
    key = keyed.keys[VIEW]

    keyed.keyring.put({key.id: changed(key, revoked_at=key.created_at)})

    assert client.get("/v1/spend").status_code == 401


def test_a_cookie_that_was_touched_or_is_over_is_no_session() -> None:
    session = sessions.begun(Session("", key="k"))
    cookie = sessions.sealed(PEPPER, session)
    over = sessions.sealed(PEPPER, replace(session, expires_at=1))

    assert sessions.unsealed(PEPPER, cookie) == session
    for wrong in (cookie[:-1], "x" + cookie, cookie + ".x", "", ".", "é.é", over, cookie * 50):
        assert sessions.unsealed(PEPPER, wrong) is None
    assert sessions.unsealed(Pepper(bytes(32)), cookie) is None


@pytest.mark.parametrize(
    "to",
    ["//evil.test", "/\\evil.test", "https://evil.test", "evil", "", "/a\r\nb", "/" + "x" * 3_000],
)
def test_nobody_is_led_to_another_site(to: str) -> None:
    assert own_path(to) == "/"
    assert own_path("/calls?since=7d") == "/calls?since=7d"


def test_an_open_collector_refuses_what_another_site_makes_a_browser_send(
    api: TestClient,
) -> None:
    foreign = {"sec-fetch-site": "cross-site", "content-type": "text/plain"}

    refused = api.post("/v1/sql", content="SELECT 1", headers=foreign)
    own = api.post("/v1/sql", content="SELECT 1", headers={"content-type": "text/plain"})

    assert (refused.status_code, own.status_code) == (403, 200)


def test_an_admin_makes_and_revokes_a_key_on_the_page_and_its_text_is_shown_once(
    browser: Browser,
) -> None:
    client = browser(ADMIN)
    form = {"csrf": csrf(client), "scope": "ingest", "name": "checkout"}

    made = client.post("/settings/keys", data=form, headers=HTML)

    assert "shown this once" in made.text
    listed = client.get("/settings", headers=HTML).text
    assert "checkout" in listed
    assert "shown this once" not in listed


@pytest.mark.parametrize("scope", [VIEW, QUERY])
def test_who_is_no_admin_sees_no_keys_and_makes_none(browser: Browser, scope: str) -> None:
    client = browser(scope)

    page = client.get("/settings", headers=HTML)
    made = client.post("/settings/keys", data={"csrf": csrf(client)}, headers=HTML)

    assert (page.status_code, made.status_code) == (200, 403)
    assert "Make a key" not in page.text


def test_a_viewer_cannot_act_on_what_pages_show(browser: Browser) -> None:
    client = browser(VIEW)
    form = {"csrf": csrf(client), "name": "x", "query": ""}

    refused = [
        client.post(path, data=form, headers=HTML).status_code
        for path in ("/explore/views", "/incidents/inc_1/resolve", "/ledger/2026-01/close")
    ]

    assert refused == [403, 403, 403]


def test_a_form_without_the_sessions_token_makes_no_key(browser: Browser) -> None:
    made = browser(ADMIN).post("/settings/keys", data={"scope": "admin"}, headers=HTML)

    assert made.status_code == 403
