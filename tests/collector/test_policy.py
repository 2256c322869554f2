"""tollbook.toml: what it says is obeyed, and what cannot be obeyed is named."""

from pathlib import Path

import pytest
from pydantic import Field

from tollbook_collector.policy import Policy, Section, UnreadablePolicy


class Retention(Section):
    days: int = Field(default=400, ge=1)


class Rule(Section):
    team: str


class Rules(Section):
    entries: tuple[Rule, ...] = ()


SECTIONS: dict[str, type[Section]] = {"retention": Retention, "rules": Rules}


def written(tmp_path: Path, text: str) -> Policy:
    path = tmp_path / "tollbook.toml"
    path.write_text(text)
    return Policy(path, SECTIONS)


def test_a_file_that_does_not_exist_decides_nothing(tmp_path: Path) -> None:
    policy = Policy(tmp_path / "tollbook.toml", SECTIONS)

    assert policy.section(Retention).days == 400
    assert policy.section(Rules).entries == ()


def test_each_section_is_read_by_its_model(tmp_path: Path) -> None:
    text = '[retention]\ndays = 30\n[[rules]]\nteam = "search"\n[[rules]]\nteam = "core"\n'

    policy = written(tmp_path, text)

    assert policy.section(Retention).days == 30
    assert [rule.team for rule in policy.section(Rules).entries] == ["search", "core"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[retention\n", "is not TOML"),
        ("[retentoin]\n", r"\[retentoin\] is not a section; retention, rules are"),
        ("[retention]\ndays = 0\n", r"retention.days: .*greater than or equal to 1, got 0"),
        ("[retention]\nhours = 1\n", r"retention.hours: Extra inputs are not permitted"),
        ('[[rules]]\nteam = "a"\n[[rules]]\nteam = 1\n', r"rules.1.team: .*string, got 1"),
    ],
)
def test_what_cannot_be_obeyed_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UnreadablePolicy, match=message):
        written(tmp_path, text)
