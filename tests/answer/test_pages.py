"""The pages in a real browser: each answers in words, draws, sorts, and runs no script but ours."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urljoin

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import Insert
from otlp_requests import Span, cache_write, call
from playwright.sync_api import Page

from tollbook_collector.alert.incident import noted
from tollbook_collector.alert.incidents import Incidents
from tollbook_collector.answer.pages import words
from tollbook_collector.store.client import ClickHouse

from .conftest import CHROMIUM, Opened
from .found import finding, insert_budget

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
PAGES = [
    *("/", "/explore", "/calls", "/runs", "/agents", "/models", "/compare"),
    *("/incidents", "/drift", "/budgets", "/savings"),
    *("/prices", "/ledger", "/data", "/settings"),
]
NOW = datetime.now(UTC) - timedelta(minutes=2)
TRACE = bytes(range(1, 17))
AXE = {"runOnly": ["wcag2a", "wcag2aa"], "resultTypes": ["violations"]}
# Text that becomes a script wherever it is not escaped: in text, attributes, URLs and JSON.
HOSTILE = [
    "<script>window.stolen=1</script>",
    '"><img src=x onerror=window.stolen=1>',
    "'-window.stolen=1-'",
    "javascript:window.stolen=1",
    "</script><svg onload=window.stolen=1>",
    "{{7*7}}${7*7}<%=7*7%>",
    "\u202e\u0000\u2028<iframe srcdoc='<script>parent.stolen=1</script>'>",
]


@pytest.fixture
def spans(priced: ClickHouse, insert: Insert) -> list[Span]:
    """A run of two calls, some other calls, one that failed and one without a price."""
    root = Span({}, at=NOW, name="refund", trace_id=TRACE, span_id=b"r" * 8, duration_ns=3 * 10**9)
    sent = [
        root,
        *(
            Span(
                call(
                    *("openai", "gpt-5-mini", 1000 * n, 100),
                    tollbook__run__id="refund-1",
                    tollbook__run__name="refund",
                    gen_ai__agent__name="refund",
                ).attributes,
                at=NOW + timedelta(seconds=n),
                trace_id=TRACE,
                span_id=bytes([n]) * 8,
                parent_span_id=b"r" * 8,
            )
            for n in (1, 2)
        ),
        call("anthropic", "claude-haiku-4-5", 5000, 50, NOW, tollbook__tags__team="search"),
        call("openai", "gpt-5-mini", None, None, NOW, status_code=2),
        call("openai", "no-such-model", 7, 7, NOW),
    ]
    insert(priced, sent)
    return sent


def heading(page: Page) -> str:
    return page.locator("h1").inner_text()


def test_the_overview_says_what_was_spent_on_how_many_calls(
    opened: Opened, spans: list[Span]
) -> None:
    page = opened("/")

    # USD for a million tokens: gpt-5-mini 0.25 and 2, claude-haiku-4-5 1 and 5:
    # (3000 * 0.25 + 200 * 2 + 5000 * 1 + 50 * 5) / 1000000 = 0.0064
    assert heading(page) == "$0.00640 in the last 24 hours on 5 calls."
    assert page.locator("h1 strong").get_attribute("title") == "0.0064 USD"
    assert "1 call failed" in page.locator(".lead").inner_text()
    assert "1 call has no price and is not in the sum" in page.locator(".lead").inner_text()
    assert page.locator(".chart canvas").count() == 1


def test_a_call_shows_the_arithmetic_of_its_cost_and_its_trace(
    opened: Opened, spans: list[Span]
) -> None:
    page = opened(f"/calls/{TRACE.hex()}/{'02' * 8}")

    assert "for $0.000700." in heading(page)
    rows = page.locator("table.sum tr").all_inner_texts()
    assert [row.split("\t") for row in rows] == [
        ["input", "2,000", "\N{MULTIPLICATION SIGN} 0.25 USD a million", "0.0005 USD"],
        ["output", "100", "\N{MULTIPLICATION SIGN} 2 USD a million", "0.0002 USD"],
        ["cost of record", "0.0007 USD"],
    ]
    assert page.locator(".waterfall tbody th").all_inner_texts() == [
        *("refund", "gpt-5-mini", "gpt-5-mini"),
    ]


def test_a_call_shows_what_was_billed_beside_its_tokens(
    opened: Opened, priced: ClickHouse, insert: Insert
) -> None:
    search = {"tollbook.usage.web_search_requests": 2}
    span = call("openai", "gpt-5-mini", 2000, 100, NOW, **search)
    insert(priced, [replace(span, trace_id=TRACE, span_id=b"w" * 8)])

    page = opened(f"/calls/{TRACE.hex()}/{(b'w' * 8).hex()}")

    rows = page.locator("table.sum tr").all_inner_texts()
    assert [row.split("\t") for row in rows][2:] == [
        ["web search", "2", "\N{MULTIPLICATION SIGN} 0.01 USD each", "0.02 USD"],
        ["cost of record", "0.0207 USD"],
    ]
    assert "web_search 2" in page.locator(".facts").inner_text().replace("\n", " ")


def test_from_the_overview_one_comes_to_a_call_by_links(opened: Opened, spans: list[Span]) -> None:
    page = opened("/")

    page.get_by_role("link", name="claude-haiku-4-5").click()
    assert heading(page) == "1 call in the last 24 hours for $0.00525, the newest first."
    page.locator("tbody th a").first.click()

    assert heading(page).startswith("claude-haiku-4-5 answered in 1 s")


def test_filters_and_order_are_in_the_address(opened: Opened, spans: list[Span]) -> None:
    page = opened("/calls")
    page.get_by_label("order").select_option("dearest")
    page.get_by_label("only").select_option("unpriced")

    page.get_by_role("button", name="Show").click()

    assert "order=cost" in page.url
    assert heading(page) == "1 call of the last 24 hours has no price, the dearest first."
    assert page.locator("tbody tr").count() == 1


def test_a_click_on_a_heading_sorts_and_a_second_turns_it_around(
    opened: Opened, spans: list[Span]
) -> None:
    page = opened("/models")
    calls = page.get_by_role("columnheader", name="calls", exact=True)

    calls.click()
    first = page.locator("tbody tr").first.inner_text()
    calls.press("Enter")
    last = page.locator("tbody tr").last.inner_text()

    assert "gpt-5-mini" in first
    assert first == last
    assert calls.get_attribute("aria-sort") == "ascending"


def test_a_table_is_saved_as_csv_with_exact_money(opened: Opened, spans: list[Span]) -> None:
    page = opened("/explore")

    with page.expect_download() as download:
        page.get_by_role("button", name="Save as CSV").click()

    text = download.value.path().read_text()
    assert '"gpt-5-mini"' in text
    assert "E-" not in text
    assert '"0.001150000000"' in text  # (3000 * 0.25 + 200 * 2) / 1000000
    # A call of 14 tokens and none before, at a cost that is not known: no number, and no 0.
    assert '"no-such-model","1","0","14.0","","","0' in text
    assert download.value.suggested_filename == "tollbook-explore-1.csv"


def test_what_is_not_known_comes_below_all_numbers(opened: Opened, spans: list[Span]) -> None:
    page = opened("/calls")
    cost = page.get_by_role("columnheader", name="cost")

    cost.click()

    costs = page.locator("tbody td:last-child").all_inner_texts()
    assert costs[:3] == ["$0.00525", "$0.000700", "$0.000450"]
    assert {"unknown_model"} < set(costs[3:])


def test_the_keyboard_goes_to_pages_and_shows_its_keys(opened: Opened, spans: list[Span]) -> None:
    page = opened("/")

    page.keyboard.press("g")
    page.keyboard.press("m")
    page.wait_for_url("**/models")
    assert "models in the last 7 days" in heading(page)

    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    keys.wait_for(state="visible")
    page.keyboard.press("Escape")
    keys.wait_for(state="detached")


def test_the_choice_of_dark_or_light_is_kept(opened: Opened, spans: list[Span]) -> None:
    page = opened("/", color_scheme="light")
    page.get_by_role("button", name="Dark or light").click()

    page.goto(page.url + "models")

    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_page_without_data_says_what_to_do_next(opened: Opened) -> None:
    page = opened("/")

    for path in PAGES:
        page.goto(urljoin(page.url, path))
        assert heading(page).startswith(("No ", "Nothing "))
        assert page.locator("main pre code").count() >= 1, f"{path} does not say what to do next"


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_a_page_is_accessible_and_no_wider_than_its_window(
    opened: Opened, priced: ClickHouse, tenant: str, spans: list[Span], width: int, scheme: str
) -> None:
    page = opened("/", width, color_scheme=scheme)
    book = Incidents(lambda: priced)
    (told,) = book.tell([finding(tenant, ["search"], {})])
    insert_budget(priced, tenant, "teams", "search")
    ones = [f"/calls/{TRACE.hex()}/{'01' * 8}", f"/incidents/{told.incident}", "/runs/refund-1"]

    found: dict[str, list[tuple[str, str]]] = {}
    for at, path in enumerate([*PAGES, *ones]):
        page.goto(urljoin(page.url, path))
        # Axe takes a second a page: each page is looked at in one of the two.
        looked_at = at % 2 == (scheme == "dark")
        found[path] = [
            (one["id"], one["nodes"][0]["html"])
            for one in (Axe().run(page, options=AXE).response["violations"] if looked_at else [])
            if one["impact"] in ("serious", "critical")
        ]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found[path].append(("wider than its window", ""))

    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_the_arithmetic_of_a_call_fits_a_phone(
    opened: Opened, priced: ClickHouse, insert: Insert
) -> None:
    hour = {"anthropic__usage__cache_creation__ephemeral_1h_input_tokens": 3893}
    dear = call("anthropic", "claude-opus-5-5", 3893, 19, NOW, **cache_write(3893), **hour)
    insert(priced, [replace(dear, trace_id=TRACE, span_id=b"\1" * 8)])

    page = opened(f"/calls/{TRACE.hex()}/{'01' * 8}", 390)

    assert "written to cache for an hour" in page.locator(".sum").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def hostile_data(priced: ClickHouse, tenant: str, insert: Insert) -> str:
    """Put text that becomes a script into everything that pages show; return an incident."""
    sent = []
    for number, text in enumerate(HOSTILE):
        tags = {f"tollbook__tags__{name}": text for name in ("team", "feature", "customer")}
        run = {"tollbook__run__id": text, "tollbook__run__name": text, "gen_ai__agent__name": text}
        digest = {"tollbook__prompt__digest": text, "gen_ai__response__model": text}
        made = call(text, text, 10, 10, NOW, **tags, **run, **digest)
        again = call("openai", "gpt-5-mini", 10 + number, 10, NOW, **tags, **run, **digest)
        sent += [replace(made, name=text), replace(again, name=text, status_message=text)]
    insert(priced, sent, resource={"service.name": HOSTILE[0], "service.version": HOSTILE[1]})
    evidence = {
        "compared_with": HOSTILE[0],
        "decomposition_usd": {HOSTILE[1]: "1", "mix": HOSTILE[0]},
        "dimensions": [
            dict.fromkeys(("dimension", "value"), text)
            | {"before_usd": "1", "after_usd": "2", "delta_usd": "1", "explains": 1}
            for text in HOSTILE
        ],
        "first_calls": HOSTILE,
        "markers": [{"kind": text, "what": text, "of": text, "at": text} for text in HOSTILE],
        HOSTILE[1]: HOSTILE[1],
    }
    book = Incidents(lambda: priced)
    (told, *_) = book.tell([finding(tenant, HOSTILE, evidence)])
    book.act(tenant, told.incident, lambda one, now: noted(one, now, HOSTILE[0], HOSTILE[1]))
    insert_budget(priced, tenant, HOSTILE[1], HOSTILE[0])
    return told.incident


def test_what_a_span_says_is_inert_text(
    opened: Opened, priced: ClickHouse, insert: Insert, tenant: str
) -> None:
    incident = hostile_data(priced, tenant, insert)
    page = opened("/")

    runs = [f"/runs/{quote(HOSTILE[at], safe='')}" for at in (0, 1)]
    for path in [*PAGES, f"/incidents/{incident}", *runs]:
        page.goto(urljoin(page.url, path))
        assert "No answer" not in page.title(), heading(page)
        assert page.locator("main iframe, main script, main img, main [onload]").count() == 0
        assert page.evaluate("window.stolen") is None
    page.goto(urljoin(page.url, "/calls"))
    assert HOSTILE[0] in page.locator("tbody").inner_text()
    page.locator("tbody th a").first.click()
    assert page.evaluate("window.stolen") is None


def test_a_long_address_is_broken_where_its_parts_meet() -> None:
    pieces = words.pieces("ann.lee@sub-sidiary.example")

    assert pieces == ["ann", ".lee", "@sub", "-sidiary", ".example"]


def test_a_page_that_is_asked_wrongly_says_so_in_words(opened: Opened) -> None:
    page = opened("/explore?by=colour", 1280)

    assert "'colour' is not a dimension" in heading(page)


def test_the_policy_lets_no_script_in_but_ours(opened: Opened) -> None:
    page = opened("/")
    policy = page.request.get(page.url).headers["content-security-policy"]

    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
