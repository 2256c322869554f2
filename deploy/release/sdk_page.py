"""Writes docs/sdk-reference.md: every public name of the SDK, from its signature and docstring.

python deploy/release/sdk_page.py > docs/sdk-reference.md
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import tollbook
import tollbook.testing

HEADER = """# SDK reference

Every public name of `tollbook`, in the words of its source. How they work together is told in
[The SDK](sdk.md). Generated: make sdk-reference.

"""
AGENT: Final = Path(tollbook.__file__).parent
# Names that a program calls; the others are what these return or raise.
FUNCTIONS: Final = sorted(name for name in tollbook.__all__ if name[0].islower())
CLASSES: Final = sorted(name for name in tollbook.__all__ if name[0].isupper())
TESTING: Final = ("captured", "Captured", "CapturedCall", "CapturedStep")
SECTION: Final = re.compile(r"^(Args|Attributes|Returns|Raises|Yields):$")
ITEM: Final = re.compile(r"^    (\*{0,2}\w+): (.*)$")

Definition = ast.FunctionDef | ast.ClassDef


class NoDocstring(Exception):
    """A public name says nothing of itself."""


def definition(name: str) -> Definition:
    """Return where a name is defined, among the files of the agent."""
    value = getattr(tollbook.testing if name in TESTING else tollbook, name)
    path = AGENT / (value.__module__.removeprefix("tollbook.").replace(".", "/") + ".py")
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, Definition) and node.name == value.__name__:
            return node
    raise NoDocstring(f"{name} is not defined at the top of {path}")


def signature(function: ast.FunctionDef, *, method: bool = False) -> str:
    """Return a function's line, without `def`; a method's without its object."""
    arguments = function.args
    if method:
        arguments.args = arguments.args[1:]
    given = ast.unparse(arguments)
    returns = ast.unparse(function.returns).strip("'") if function.returns is not None else "None"
    return f"{function.name}({given}) -> {returns}".replace("'", '"')


def docstring(node: Definition, name: str) -> str:
    """Return what a definition says of itself; NoDocstring for one that is silent."""
    said = ast.get_docstring(node)
    if said is None:
        raise NoDocstring(f"{name} has no docstring")
    return said


def sections(said: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each part of a docstring with its lines: first the one without a name."""
    name, lines = "", list[str]()
    for line in said.splitlines():
        if found := SECTION.match(line):
            yield name, lines
            name, lines = found[1], []
        elif name and line and not line.startswith(" "):
            yield name, lines
            name, lines = "", [line]
        else:
            lines.append(line)
    yield name, lines


def entries(lines: list[str]) -> list[tuple[str, str]]:
    """Return the names of a part with what is said of each."""
    found: list[tuple[str, str]] = []
    for line in lines:
        if item := ITEM.match(line):
            found.append((item[1], item[2]))
        elif line.strip() and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
    return found


def prose(said: str) -> str:
    """Return a docstring as Markdown: its parts with names become tables."""
    shown = []
    for name, lines in sections(said):
        if name in ("Args", "Attributes") and (listed := entries(lines)):
            head = "argument" if name == "Args" else "attribute"
            rows = [f"| `{one}` | {text.replace('|', chr(92) + '|')} |" for one, text in listed]
            shown.append("\n".join((f"| {head} | meaning |", "|---|---|", *rows)))
        elif text := "\n".join(line.strip() for line in lines).strip():
            shown.append(f"{name}: {' '.join(text.split())}" if name else text)
    return "\n\n".join(shown)


def entry(name: str) -> str:
    """Return the section of a public name."""
    node = definition(name)
    owner = "tollbook.testing" if name in TESTING else "tollbook"
    lines = [f"### {owner}.{name}", ""]
    if isinstance(node, ast.FunctionDef):
        lines += ["```text", signature(node), "```", ""]
    lines += [prose(docstring(node, name)), ""]
    if isinstance(node, ast.ClassDef):
        for member in node.body:
            if isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
                if any(ast.unparse(mark) == "overload" for mark in member.decorator_list):
                    continue
                said = prose(docstring(member, f"{name}.{member.name}"))
                shown = signature(member, method=True)
                if any(ast.unparse(mark) == "property" for mark in member.decorator_list):
                    shown = shown.replace("()", "", 1).replace(" -> ", ": ", 1)
                lines += [f"`{name}.{shown}`", "", said, ""]
    return "\n".join(lines)


def page() -> str:
    """Return the whole page."""
    parts = [HEADER, "## What a program calls\n"]
    parts += [entry(name) for name in FUNCTIONS]
    parts.append("## What it gets, and what is raised\n")
    parts += [entry(name) for name in CLASSES]
    parts.append("## For tests\n")
    parts += [entry(name) for name in TESTING]
    return "\n".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
