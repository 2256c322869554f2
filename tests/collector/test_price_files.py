"""Price files: what they add, and how bad ones are refused."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tollbook_collector import cli
from tollbook_collector.money.cost import Asked, cost
from tollbook_collector.money.own_book import UnreadablePrices, completed
from tollbook_collector.money.seed import read_book

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HEAD = 'source_url = "https://example.com/prices"\nverified_at = 2026-11-20\n'
HOUSE = """
[[model]]
provider = "house"
model = "m"
match = "m-.*"
[[model.card]]
usd_per_million = { input = "2", output = "10" }
"""


def written(directory: Path, text: str, name: str = "house.toml") -> Path:
    path = directory / name
    path.write_text(text)
    return path


def test_a_file_of_the_users_prices_a_model_that_nobody_else_knows(tmp_path: Path) -> None:
    written(tmp_path, HEAD + HOUSE)

    answer = cost(read_book(tmp_path), Asked("house", "M-7", NOON, {"input": 1_000, "output": 10}))

    assert answer.cost_usd == 1_000 * Decimal("0.000002") + 10 * Decimal("0.00001")
    assert answer.source == "house 2026-11-20 https://example.com/prices"


def test_a_file_replaces_the_rates_of_a_model_that_the_library_has(tmp_path: Path) -> None:
    text = HEAD + HOUSE.replace('"house"', '"openai"').replace('"m"', '"gpt-4o"')
    written(tmp_path, text.replace('match = "m-.*"\n', ""))

    answer = cost(read_book(tmp_path), Asked("openai", "gpt-4o", NOON, {"input": 1, "output": 1}))

    assert answer.cost_usd == Decimal("0.000002") + Decimal("0.00001")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense\nx = 1\n", "line 1"),
        (HOUSE, "line 1: source_url is missing"),
        (HEAD + HOUSE.replace('"2"', "2.0"), "line 4: [[model]] 2.0: write a number as text"),
        (HEAD + HOUSE.replace('"2"', '"-2"'), "line 4: [[model]] -2 is not between 0 and 1000000"),
        (HEAD + HOUSE.replace('"2"', '"NaN"'), "line 4: [[model]] NaN is not between"),
        (HEAD + HOUSE.replace('"2"', '"two"'), "line 4: [[model]]"),
        (HEAD + HOUSE.replace("input =", "inputs ="), "line 4: [[model]] inputs is not a meter"),
        (HEAD + HOUSE + HOUSE.replace('model = "m"', ""), "line 11: [[model]] 'model' is missing"),
        (
            HEAD + HOUSE + '[[model.card]]\nusd_per_million = { input = "3" }\n',
            "line 4: [[model]] two cards of m give input at the same time",
        ),
        (
            HEAD + '[[factor]]\nproviders = ["openai"]\nmodels = ["nope"]\nfactor = "2"\n'
            'variant = "region:us"\n',
            "line 3: [[factor]] no rates of nope to multiply",
        ),
        (
            HEAD + '[[factor]]\nproviders = ["openai"]\nmodels = ["gpt-4o"]\nfactor = "2"\n'
            'variant = "window:x"\nweekdays = ["mon"]\nhours_utc = ["22:00-02:00"]\n',
            "line 3: [[factor]] hours 22:00-02:00 are not HH:MM-HH:MM within a day",
        ),
    ],
)
def test_a_bad_price_file_is_refused_with_its_line_and_the_reason(
    tmp_path: Path, text: str, reason: str
) -> None:
    path = written(tmp_path, text)

    with pytest.raises(UnreadablePrices) as refusal:
        completed(read_book(), [path])

    assert reason in str(refusal.value)
    assert str(refusal.value).startswith("house.toml: ")


def test_the_cost_command_prints_one_json_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = "input=10000,cache_read=6000,cache_write_1h=3000,output=2000"

    status = cli.run(
        [
            "prices",
            "cost",
            "anthropic",
            "claude-opus-5-5",
            "--at",
            "2026-11-20T12:00Z",
            "--usage",
            usage,
            "--region",
            "us",
            "--prices",
            str(tmp_path),
        ]
    )

    # 1,000 uncached at 4, 6,000 read at 0.2, 3,000 written for an hour at 8, 2,000 output at 20.
    expected = Decimal("0.004") + Decimal("0.0012") + Decimal("0.024") + Decimal("0.04")
    answer = json.loads(capsys.readouterr().out)
    assert status == 0
    assert Decimal(answer["cost"]) == expected * Decimal("1.1")
    assert Decimal(answer["parts"]["cache_write_1h"]) == Decimal("0.024") * Decimal("1.1")
    assert sum(map(Decimal, answer["parts"].values())) == Decimal(answer["cost"])
    assert answer["status"] == "priced"
    assert answer["price_ids"] == ["anthropic/claude-opus-5-5/standard/0/1970-01-01/region:us"]


@pytest.mark.parametrize(
    ("arguments", "status", "cost_usd"),
    [
        (["--tier", "flex"], "priced", "0.0143"),
        (["--batch"], "priced", "0.0143"),
        (["--tier", "scale"], "tier_fallback", "0.0286"),
    ],
)
def test_the_cost_command_prices_tiers(
    capsys: pytest.CaptureFixture[str], arguments: list[str], status: str, cost_usd: str
) -> None:
    usage = ["--usage", "input=10000,cache_read=6000,output=2000", "--at", "2026-11-20T12:00Z"]

    assert cli.run(["prices", "cost", "openai", "gpt-6.1-sol", *usage, *arguments]) == 0

    answer = json.loads(capsys.readouterr().out)
    assert (answer["status"], answer["cost"]) == (status, cost_usd)


def test_the_cost_of_an_unknown_model_is_null_and_says_why(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.run(["prices", "cost", "openai", "mystery", "--usage", "input=1"]) == 0

    answer = json.loads(capsys.readouterr().out)
    assert (answer["cost"], answer["status"], answer["reason"]) == (
        None,
        "unpriced",
        "unknown_model",
    )


@pytest.mark.parametrize("usage", ["input=10,cache_read=20", "inputs=1", "input=1,input=2", "x"])
def test_impossible_usage_is_refused(capsys: pytest.CaptureFixture[str], usage: str) -> None:
    assert cli.run(["prices", "cost", "openai", "gpt-4o", "--usage", usage]) == 2

    assert capsys.readouterr().out == ""


def test_a_rate_that_jumps_a_hundredfold_is_imported_only_by_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own"
    text = HEAD + HOUSE.replace('"house"', '"openai"').replace('"m"', '"gpt-4o"')
    path = written(tmp_path, text.replace('"2"', '"251"'))

    refused = cli.run(["prices", "import", str(path), "--prices", str(own)])
    was_written = own.exists()
    forced = cli.run(["prices", "import", str(path), "--prices", str(own), "--force"])

    assert (refused, was_written, forced) == (1, False, 0)
    assert "input: 2.5 -> 251" in capsys.readouterr().err
    assert (own / "house.toml").read_text() == path.read_text()


def test_a_diff_names_every_rate_that_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, HEAD + HOUSE)

    assert cli.run(["prices", "diff", str(path), "--prices", str(tmp_path / "none")]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "house/m/standard/0/1970-01-01/input: none -> 2",
        "house/m/standard/0/1970-01-01/output: none -> 10",
    ]


def test_a_diff_says_a_unit_s_price_for_one_and_takes_the_file_in_place_of_its_older_self(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own"
    contract = '[[contract]]\nproviders = ["cohere"]\nmodels = ["rerank-v4.0-pro"]\n'
    path = written(tmp_path, HEAD + contract + 'discount = "0.5"\n')

    assert cli.run(["prices", "import", str(path), "--prices", str(own), "--json"]) == 0
    assert cli.run(["prices", "diff", str(path), "--prices", str(own), "--json"]) == 0

    imported, again = map(json.loads, capsys.readouterr().out.splitlines())
    # Half of 0.0025 for a search, and not half of a half.
    told = {line.split(": ")[1] for line in imported["changes"]}
    assert told == {"0.0025 -> none", "none -> 0.00125"}
    assert again == {"changes": []}


def test_the_book_is_shown_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["prices", "show", "cohere", "rerank-v4.0-pro", "--json"]) == 0
    assert cli.run(["prices", "find", "rerank-v4.0-pro", "--json"]) == 0
    assert cli.run(["prices", "check", "--json"]) == 0

    shown, found, checked = map(json.loads, capsys.readouterr().out.splitlines())
    assert [row["usd_per_unit"] for row in shown["rows"]] == [{"search_unit": "0.0025"}]
    assert found == {"rows": [{"provider": "cohere", "model": "rerank-v4.0-pro"}]}
    assert checked["rates"] > 10_000


def test_show_find_and_check_read_the_book(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["prices", "show", "deepseek", "deepseek-v4-pro"]) == 0
    assert cli.run(["prices", "find", "argon"]) == 0
    assert cli.run(["prices", "check"]) == 0

    printed = capsys.readouterr().out
    assert "input=0.66 cache_read=0.022 output=1.98" in printed
    assert "window:peak" in printed
    assert "gcp.gemini gemini-4-argon" in printed
    assert "nothing is wrong" in printed


def test_rates_are_told_in_lines_that_a_terminal_has_room_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    assert cli.run(["prices", "show", "openai", "gpt-5.6-sol"]) == 0

    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "openai/gpt-5.6-sol/standard/0/1970-01-01 until 2026-08-21"
    assert max(map(len, lines)) <= 80
    rates = "input=5 cache_write=6.25 cache_read=0.5 output=30 web_search=0.01/unit"
    assert lines[:2] == [
        f"  {rates}",
        "  file_search=0.0025/unit cache_write_1h=12.5 code_session=0.03/unit",
    ]
