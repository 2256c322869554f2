"""tollbook.toml: what people decide, in one reviewed file, a section a subject.

Budgets, alert routes, allocation rules, contracts, retention: the room that obeys a section owns
its pydantic model; this module reads the file, and says exactly what is wrong with it.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

POLICY_BYTES_MAX: Final = 4 * 1024 * 1024
# Values of these are never repeated in a message, which may end up in a log.
SECRET_FIELDS: Final = frozenset({"secrets", "password", "key", "url"})

SectionType = TypeVar("SectionType", bound="Section")


class UnreadablePolicy(Exception):
    """tollbook.toml says something that cannot be obeyed; nothing of it is in force."""


class Section(BaseModel):
    """A section of tollbook.toml; unknown names in it are errors.

    All fields of a subclass have defaults, so that a file without the section is the same as one
    with an empty section. A section that is a list of tables has one field, `entries`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


class Policy:
    """What a tollbook.toml says.

    Args:
        path: The file; None, or one that does not exist, is an empty policy.
        sections: The sections that may be in it, by the name of their table.

    Raises:
        UnreadablePolicy: It is no TOML, too large, has a section that nobody obeys, or a value is
            wrong.
    """

    def __init__(self, path: Path | None, sections: Mapping[str, type[Section]]) -> None:
        content = _read(path) if path is not None and path.exists() else {}
        if unknown := sorted(content.keys() - sections.keys()):
            raise UnreadablePolicy(
                f"{path}: [{unknown[0]}] is not a section; {', '.join(sorted(sections))} are"
            )
        self.path = path
        self._sections = {
            model: _parsed(path, name, model, content.get(name, {}))
            for name, model in sections.items()
        }

    def section(self, model: type[SectionType]) -> SectionType:
        """Return a section, with its defaults where the file says nothing."""
        section = self._sections[model]
        assert isinstance(section, model)
        return section


class PolicyFile:
    """A tollbook.toml, read anew when it changes; a bad one is refused and the old one holds.

    Args:
        path: The file; one that does not exist is an empty policy.
        sections: The sections that may be in it.

    Raises:
        UnreadablePolicy: It cannot be obeyed, and there is no older one to obey.
    """

    def __init__(self, path: Path | None, sections: Mapping[str, type[Section]]) -> None:
        self._path = path
        self._sections = sections
        self._seen = self._state()
        self.policy = Policy(path, sections)
        self.refused = ""

    def reload(self) -> None:
        """Read the file if it changed.

        Raises:
            UnreadablePolicy: It cannot be obeyed; raised at each change, not at each call.
        """
        state = self._state()
        if state == self._seen:
            return
        self._seen = state
        try:
            self.policy = Policy(self._path, self._sections)
        except UnreadablePolicy as error:
            self.refused = str(error)
            raise
        self.refused = ""

    def _state(self) -> tuple[int, int] | None:
        try:
            state = self._path.stat() if self._path is not None else None
        except OSError:
            return None
        return (state.st_mtime_ns, state.st_size) if state is not None else None


def _read(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    if size > POLICY_BYTES_MAX:
        raise UnreadablePolicy(f"{path} has {size} bytes, at most {POLICY_BYTES_MAX} are read")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnreadablePolicy(f"{path} is not TOML: {error}") from error


def _parsed(path: Path | None, name: str, model: type[Section], content: Any) -> Section:
    # [[budgets]] is a list in TOML: a section that is one names its only field `entries`.
    values = {"entries": content} if isinstance(content, list) else content
    try:
        return model.model_validate(values)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        place = ".".join(str(part) for part in (name, *first["loc"]) if part != "entries")
        more = f" (and {len(wrong.errors()) - 1} more)" if len(wrong.errors()) > 1 else ""
        message = first["msg"].removeprefix("Value error, ")
        raise UnreadablePolicy(
            f"{path}: {place}: {message}{_got(first['loc'], first['input'])}{more}"
        ) from None


def _got(place: tuple[int | str, ...], value: Any) -> str:
    """Return what stood there, but nothing that may be a secret written where none belongs."""
    if SECRET_FIELDS & set(place) or isinstance(value, dict):
        return ""
    return f", got {value!r}"
