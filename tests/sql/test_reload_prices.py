"""Price files that change while a collector runs, and calls that have no price."""

import json
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from otlp_requests import call

from tollbook_collector import cli
from tollbook_collector.money.own_book import UnreadablePrices
from tollbook_collector.money.reload import PriceReader
from tollbook_collector.money.seed import SNAPSHOT
from tollbook_collector.money.unpriced import UnpricedCalls
from tollbook_collector.policy import PolicyFile, Section, UnreadablePolicy
from tollbook_collector.store.client import ClickHouse

HEAD = 'source_url = "https://example.com/prices"\nverified_at = 2026-11-20\n'
# A small price list in the form of genai-prices' data.json.
LIBRARY = [
    {
        "id": "house",
        "name": "House",
        "api_pattern": "https://api\\.house\\.example",
        "models": [
            {"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": 2, "output_mtok": 10}}
        ],
    }
]


def house(rate: str) -> str:
    card = f'[[model.card]]\nper_million = {{ input = "{rate}", output = "{rate}" }}\n'
    return f'{HEAD}[[model]]\nprovider = "house"\nmodel = "m"\n{card}'


def written(path: Path, text: str) -> None:
    """Write a file so that its time changes, however coarse the clock of the disk is."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text)
    os.utime(path, ns=(before + 10**9, before + 10**9))


def input_rate(clickhouse: ClickHouse) -> Decimal:
    statement = "SELECT input_usd FROM rate_cards WHERE provider = 'house' AND model = 'm'"
    ((rate,),) = clickhouse.rows(statement)
    return Decimal(rate)


def test_a_good_change_comes_into_force_and_a_bad_one_leaves_the_old_book_in_force(
    schema: ClickHouse, tmp_path: Path
) -> None:
    file = tmp_path / "house.toml"
    reader = PriceReader(tmp_path)
    written(file, house("2"))
    assert reader.begin(schema)

    written(file, house("3"))
    reader.reload(schema)
    assert input_rate(schema) == Decimal("0.000003")

    written(file, house("-3"))
    with pytest.raises(UnreadablePrices, match="line 3"):
        reader.reload(schema)
    reader.reload(schema)  # the same bad file is not refused again
    assert input_rate(schema) == Decimal("0.000003")
    assert reader.status()["refused"].startswith("house.toml: line 3: [[model]] -3 is not between")

    # A collector that starts now keeps the book in force as well.
    assert not PriceReader(tmp_path).begin(schema)

    written(file, house("301"))
    with pytest.raises(UnreadablePrices, match="would change over 100 times"):
        reader.reload(schema)
    assert input_rate(schema) == Decimal("0.000003")

    assert cli.run(["prices", "import", str(file), "--prices", str(tmp_path), "--force"]) == 0
    written(file, file.read_text())
    reader.reload(schema)
    assert input_rate(schema) == Decimal("0.000301")
    assert reader.status()["refused"] == ""


def test_a_jump_that_was_accepted_in_one_file_is_still_refused_in_another(
    schema: ClickHouse, tmp_path: Path
) -> None:
    accepted, other = tmp_path / "house.toml", tmp_path / "other.toml"
    written(accepted, house("3"))
    written(other, house("3").replace('"m"', '"n"'))
    reader = PriceReader(tmp_path)
    reader.begin(schema)
    written(accepted, house("301"))
    assert cli.run(["prices", "import", str(accepted), "--prices", str(tmp_path), "--force"]) == 0
    reader.reload(schema)
    assert input_rate(schema) == Decimal("0.000301")

    written(other, house("301").replace('"m"', '"n"'))

    with pytest.raises(UnreadablePrices, match="house/n/standard/0/1970-01-01 input: 3 -> 301"):
        reader.reload(schema)


def test_a_collector_without_any_book_does_not_start_on_a_bad_file(
    schema: ClickHouse, tmp_path: Path
) -> None:
    written(tmp_path / "house.toml", "nonsense")

    with pytest.raises(UnreadablePrices):
        PriceReader(tmp_path).begin(schema)


def test_tollbook_toml_is_read_anew_and_a_bad_one_leaves_the_old_in_force(tmp_path: Path) -> None:
    class Retention(Section):
        days: int = 400

    path = tmp_path / "tollbook.toml"
    file = PolicyFile(path, {"retention": Retention})
    written(path, "[retention]\ndays = 30\n")
    file.reload()
    assert file.policy.section(Retention).days == 30

    written(path, "[retention]\ndays = 'x'\n")
    with pytest.raises(UnreadablePolicy, match=r"retention\.days"):
        file.reload()
    file.reload()

    assert file.policy.section(Retention).days == 30
    assert "retention.days" in file.refused


def test_update_takes_list_prices_from_a_file_and_shows_what_changes(
    schema: ClickHouse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, data = tmp_path / "own", tmp_path / "data.json"
    # Our own files multiply rates of the library: what they name has to be in the file.
    library = json.loads(data_of_the_library())
    data.write_text(json.dumps([*library, *LIBRARY]))
    arguments = ["prices", "update", str(data), "--prices", str(own)]

    assert cli.run([*arguments, "--dry-run"]) == 0
    assert not own.exists()
    assert "house/m/standard/0/1970-01-01/input: none -> 2" in capsys.readouterr().out
    assert cli.run(arguments) == 0
    PriceReader(own).begin(schema)
    assert input_rate(schema) == Decimal("0.000002")

    capsys.readouterr()
    LIBRARY[0]["models"][0]["prices"]["input_mtok"] = 300  # type: ignore[index]
    data.write_text(json.dumps([*library, *LIBRARY]))
    assert cli.run(arguments) == 1
    assert "2 -> 300" in capsys.readouterr().err
    assert cli.run([*arguments, "--force", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["changes"] == ["house/m/standard/0/1970-01-01/input: 2 -> 300"]

    data.write_text("[]")
    assert cli.run(arguments) == 1
    assert "not data of genai-prices" in capsys.readouterr().err
    assert cli.run(["prices", "update", "--prices", str(own), "--force"]) == 0
    assert not (own / SNAPSHOT).exists()


def data_of_the_library() -> str:
    """Return the models that our own files name, as the library's data would have them."""
    import tomllib

    from tollbook_collector.money.own_book import own_files
    from tollbook_collector.money.seed import CANONICAL_PROVIDERS

    ids = {name: key for key, names in CANONICAL_PROVIDERS.items() for name in names}
    models: dict[str, set[str]] = {}
    for path in own_files():
        document = tomllib.loads(path.read_text())
        for table in (*document.get("factor", []), *document.get("meter", [])):
            for provider in table["providers"]:
                names = models.setdefault(ids.get(provider, provider), set())
                names.update(table.get("models", []))
    # A rate of a hundred times one that is known would be refused: some cache reads are cheap.
    prices = {"input_mtok": 1, "cache_read_mtok": 0.1, "cache_write_mtok": 1, "output_mtok": 2}
    return json.dumps(
        [
            {
                "id": provider,
                "name": provider,
                "api_pattern": "x",
                "models": [
                    {"id": m, "match": {"equals": m}, "prices": prices} for m in sorted(names)
                ],
            }
            for provider, names in models.items()
        ]
    )


def test_calls_without_a_price_are_counted_listed_and_noted(
    schema: ClickHouse, insert: Any, tenant: str, tmp_path: Path
) -> None:
    written(tmp_path / "house.toml", house("2"))
    PriceReader(tmp_path).begin(schema)
    now = datetime.now(UTC)
    insert(
        schema,
        [
            call("house", "m", 10, 1, at=now),
            call("house", "m", 10, at=now),
            call("house", "mystery", 10, 1, at=now),
            call("house", "mystery", 10, 1, at=now),
            call("house", "mystery", 10, 1, at=now - timedelta(days=3)),
            call("house", "mystery", at=now, status_code=2),
        ],
    )
    counted = UnpricedCalls()

    counted.count(schema)

    assert counted.counts() == {"unknown_model": 2, "no_usage": 1}
    (note,) = counted.notes()
    assert "3 (2 unknown_model, 1 no_usage)" in note
    rows = schema.rows(
        "SELECT model, unpriced_reason, sum(calls), sum(input_tokens) FROM unpriced_calls"
        " WHERE tenant = {tenant:String} GROUP BY ALL ORDER BY ALL",
        {"tenant": tenant},
    )
    assert list(map(tuple, rows)) == [("m", "no_usage", 1, 10), ("mystery", "unknown_model", 3, 30)]
