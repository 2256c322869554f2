"""Writes docs/settings.md: every setting of the collector, from its model.

python deploy/release/settings_page.py > docs/settings.md
"""

import inspect
import re
import sys
from typing import Any

from tollbook_collector.app import SECTIONS
from tollbook_collector.policy import Section
from tollbook_collector.settings import Settings

HEADER = """# Settings

Every setting of the collector. `tollbook up` takes arguments first, then these variables, then the
defaults. Those of the SDK are in the README. Generated: make settings.

| variable | default | meaning |
|---|---|---|
"""
SECTIONS_HEADER = """
## tollbook.toml

What people decide is in one file, read anew when it changes; a wrong one is refused with its line,
and the old one holds.

| section | fields |
|---|---|
"""
SECRET = "a secret"


def attributes(model: type[Any]) -> dict[str, str]:
    """Return what a docstring says of each attribute."""
    text = inspect.getdoc(model) or ""
    _, _, listed = text.partition("Attributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in listed.splitlines():
        if match := re.match(r"    (\w+): (.*)", line):
            name = match[1]
            found[name] = match[2]
        elif name and line.strip():
            found[name] += f" {line.strip()}"
    return found


def main() -> None:
    """Print the page."""
    said = attributes(Settings)
    lines = [HEADER]
    for name, field in Settings.model_fields.items():
        default = f"`{field.default}`" if str(field.default) else ""
        if field.repr is False:
            default = SECRET
        lines.append(f"| `TOLLBOOK_{name.upper()}` | {default} | {said[name]} |\n")
    lines.append(SECTIONS_HEADER)
    for name, section in sorted(SECTIONS.items()):
        lines.append(f"| `[{name}]` | {', '.join(f'`{field}`' for field in fields(section))} |\n")
    sys.stdout.write("".join(lines))


def fields(section: type[Section]) -> list[str]:
    """Return the names of a section's fields; of a list of tables, those of a table."""
    names = list(section.model_fields)
    if names != ["entries"]:
        return names
    [inner] = re.findall(r"(\w+),? ?\.*\]", str(section.model_fields["entries"].annotation)) or [""]
    module = inspect.getmodule(section)
    model = getattr(module, inner, None)
    return list(model.model_fields) if model is not None else []


if __name__ == "__main__":
    main()
