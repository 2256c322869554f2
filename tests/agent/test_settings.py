"""Which setting wins, and what a wrong one says."""

import re
from pathlib import Path

import pytest

import tollbook
from tollbook.process import PROCESS
from tollbook.settings import SettingInvalid, read_settings


def test_the_defaults_are_a_collector_on_this_machine() -> None:
    settings = read_settings({})

    assert settings.traces_url == "http://localhost:4318/v1/traces"
    assert settings.service_name == "unknown_service:python"
    assert settings.headers == ()
    assert not settings.disabled


@pytest.mark.parametrize(
    ("argument", "environment", "url"),
    [
        ("http://a", {"TOLLBOOK_ENDPOINT": "http://b"}, "http://a/v1/traces"),
        (
            None,
            {"TOLLBOOK_ENDPOINT": "http://b:1/", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"},
            "http://b:1/v1/traces",
        ),
        (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://c/x"}, "https://c/x/v1/traces"),
        (
            None,
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "https://c",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://d/spans",
            },
            "https://d/spans",
        ),
    ],
)
def test_arguments_win_over_our_variables_and_these_over_the_standard_ones(
    argument: str | None, environment: dict[str, str], url: str
) -> None:
    assert read_settings(environment, endpoint=argument).traces_url == url


def test_the_services_name_comes_from_the_nearest_place() -> None:
    environment = {
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=d,deployment.environment.name=pro%64",
        "OTEL_SERVICE_NAME": "c",
        "TOLLBOOK_SERVICE": "b",
    }

    names = [read_settings(environment, service="a").service_name]
    for variable in ("TOLLBOOK_SERVICE", "OTEL_SERVICE_NAME"):
        names.append(read_settings(environment).service_name)
        del environment[variable]
    settings = read_settings(environment)

    assert [*names, settings.service_name] == ["a", "b", "c", "d"]
    assert settings.resource == (("deployment.environment.name", "prod"),)


def test_the_key_is_sent_as_a_bearer_token_and_never_shown() -> None:
    settings = read_settings(
        {"TOLLBOOK_KEY": "hidden", "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=other,x-a=b%20c"}
    )

    assert dict(settings.headers) == {"authorization": "Bearer hidden", "x-a": "b c"}
    assert "hidden" not in repr(settings)


@pytest.mark.parametrize(
    ("variable", "value", "shown"),
    [
        ("TOLLBOOK_ENDPOINT", "localhost:4318", "localhost:4318"),
        ("TOLLBOOK_ENDPOINT", "http://:4318", "http://:4318"),
        ("TOLLBOOK_ENDPOINT", "http://a:70000", "70000"),
        ("TOLLBOOK_ENDPOINT", "http://a/\nx", "http"),
        ("TOLLBOOK_ENDPOINT", "http://a/?x=1", "query"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://a", "ftp://a"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team", "team"),
        ("TOLLBOOK_DISABLED", "perhaps", "perhaps"),
    ],
)
def test_a_wrong_value_raises_and_names_the_setting(
    variable: str, value: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PROCESS, "exporter", None)
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingInvalid, match=variable) as caught:
        tollbook.instrument()

    assert shown in str(caught.value)
    assert PROCESS.exporter is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TOLLBOOK_KEY", "sec\nret"),
        ("TOLLBOOK_KEY", "secret" * 1000),
        ("OTEL_EXPORTER_OTLP_HEADERS", "secret"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=secret%0a"),
        ("TOLLBOOK_ENDPOINT", "http://user:secret@host"),
    ],
)
def test_a_wrong_secret_raises_without_showing_it(variable: str, value: str) -> None:
    with pytest.raises(SettingInvalid, match=variable) as caught:
        read_settings({variable: value})

    assert "secret" not in str(caught.value)
    assert "sec\nret" not in str(caught.value)


@pytest.mark.parametrize("tags", [["team"], {1: "x"}, {"team": None}, {"": "x"}])
def test_tags_that_are_none_raise(tags: object) -> None:
    with pytest.raises(SettingInvalid, match="tags"):
        read_settings({}, tags=tags)  # type: ignore[arg-type]


ROOT = Path(__file__).parents[2]


def test_every_variable_is_documented_with_its_unit_and_its_default() -> None:
    source = (ROOT / "agent/tollbook/settings.py").read_text()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs/sdk.md").read_text().splitlines()
        if line.startswith("| `TOLLBOOK_")
    ]
    documented = {name.strip("`") for name, *_ in rows}

    # TOLLBOOK_KEY is the door's; the others are read by their names.
    assert documented == set(re.findall(r"TOLLBOOK_[A-Z_]*[A-Z]", source))
    assert all(len(row) == 4 and all(row) for row in rows)
