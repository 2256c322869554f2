"""What each role is shown to do on the pages: all that it may, and nothing that it may not."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from conftest import Insert
from fastapi.testclient import TestClient
from otlp_requests import call
from playwright.sync_api import Browser

from tollbook_collector.answer.api import create_api
from tollbook_collector.answer.incidents import incidents
from tollbook_collector.answer.pages.render import NAVIGATION
from tollbook_collector.answer.views import save
from tollbook_collector.intake.keys import ADMIN, QUERY, VIEW

from .conftest import CHROMIUM, Keyed, serving
from .found import finding

HTML = {"accept": "text/html"}


def prepared(keyed: Keyed, insert: Insert) -> str:
    """Make what pages offer to act on: a month that is over, a view, an incident; return its id."""
    now = datetime.now(UTC)
    last_month = (now.replace(day=1) - timedelta(days=3)).replace(hour=12)
    insert(keyed.store, [call("openai", "gpt-5-mini", 1000, 100, at) for at in (now, last_month)])
    tenant = keyed.keys[ADMIN].tenant
    save(keyed.store, tenant, "Teams", "by=team", "finops")
    keyed.incidents.tell([finding(tenant, ["search"], {})])
    (incident,) = incidents(keyed.store, tenant, "all")
    return str(incident["incident"])


@pytest.mark.parametrize(("scope", "forms"), [(VIEW, 0), (QUERY, 7), (ADMIN, 9)])
def test_a_role_is_shown_no_form_that_it_may_not_send(
    keyed: Keyed, insert: Insert, scope: str, forms: int
) -> None:
    incident = prepared(keyed, insert)
    client = TestClient(create_api(keyed), base_url="http://tollbook.test", follow_redirects=False)
    client.post("/login", data={"key": keyed.tokens[scope]})
    pages = [path for group in NAVIGATION for path, _, _ in group] + [f"/incidents/{incident}"]
    texts = [client.get(path, headers=HTML).text for path in pages]

    shown = {one for text in texts for one in re.findall('method="post" action="([^"]+)"', text)}
    shown.remove("/logout")

    (csrf,) = {one for text in texts for one in re.findall('name="csrf" value="([^"]+)"', text)}
    form = {"csrf": csrf, "name": "", "note": "", "value": "", "scope": "none"}
    sent = {path: client.post(path, data=form, headers=HTML).status_code for path in shown}
    assert len(shown) == forms
    assert 403 not in sent.values()


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
def test_a_viewer_reads_why_there_is_nothing_to_press(
    keyed: Keyed, insert: Insert, browser: Browser
) -> None:
    incident = prepared(keyed, insert)
    with serving(create_api(keyed)) as address:
        page = browser.new_page()
        page.goto(f"{address}/login?next=/explore")
        page.get_by_label("key").fill(keyed.tokens[VIEW])
        page.get_by_role("button", name="Sign in").click()
        saving = page.locator(".note", has_text="save").inner_text()
        save_buttons = page.get_by_role("button", name="Save", exact=True).count()
        page.goto(f"{address}/incidents/{incident}")
        judging = page.locator(".note", has_text="judge").inner_text()
        buttons = page.locator("main button").all_inner_texts()
        page.close()

    reason = "one has to be an analyst; you are signed in as viewer."
    assert (saving, save_buttons) == (f"To save or remove a view {reason}", 0)
    assert judging == f"To take, judge, snooze or end an incident {reason}"
    assert [name for name in buttons if "CSV" not in name] == []
