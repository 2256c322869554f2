"""The code in the documents does what they say: commands, settings, price files and Python."""

import ast
import contextlib
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from receiver import receiver
from typer import BadParameter
from typer.core import TyperGroup

import tollbook
from tollbook_collector.app import SECTIONS
from tollbook_collector.cli import app
from tollbook_collector.money.own_book import completed
from tollbook_collector.money.seed import read_book
from tollbook_collector.policy import Policy

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
]
# What a sentence says of a command and a shell would not take.
ABBREVIATED = re.compile(r"[…|]")


def blocks(language: str) -> list[tuple[str, str]]:
    """Return the fenced blocks of a language, each with the place where it is."""
    found = []
    for page in PAGES:
        text = re.sub(r"(?m)^```\w+\n.*?^```", "", page.read_text(), flags=re.DOTALL)
        text = page.read_text() if language else text
        for number, match in enumerate(re.finditer(rf"(?ms)^```{language}\n(.*?)^```", text)):
            found.append((f"{page.relative_to(ROOT)}#{number + 1}", match[1]))
    return found


def commands() -> list[tuple[str, str]]:
    """Return every command of tollbook that a page names, each with the page."""
    found = []
    for page in PAGES:
        text = page.read_text()
        spoken = re.findall(r"`(tollbook [^`]+)`", re.sub(r"(?ms)^```.*?^```", "", text))
        typed = [
            # An explanation beside it, or where its output goes, is no part of it.
            re.split(r" {2,}| > ", line[line.index("tollbook ") :])[0]
            for place, block in blocks("")
            if place.partition("#")[0] == str(page.relative_to(ROOT))
            for line in block.splitlines()
            if re.match(r"(TOLLBOOK_\w+=\S+ )?tollbook ", line)
        ]
        found += [(str(page.relative_to(ROOT)), " ".join(each.split())) for each in spoken + typed]
    # `run` is the SDK's own, and hands its words to the program that it starts.
    return sorted(
        {
            (page, each)
            for page, each in found
            if not ABBREVIATED.search(each) and not each.startswith("tollbook run ")
        }
    )


@pytest.mark.parametrize(("page", "command"), commands())
def test_a_command_of_a_page_is_one_of_the_program_with_options_that_it_has(
    page: str, command: str
) -> None:
    words = shlex.split(command, comments=True)[1:]
    known: Any = typer.main.get_command(app)
    context = known.context_class(known)

    while isinstance(known, TyperGroup) and words and not words[0].startswith("-"):
        found = known.get_command(context, words[0])
        assert found is not None, f"{page}: {command}"
        known, words = found, words[1:]
        context = known.context_class(known, parent=context, info_name=known.name)
    # A value that stands for another one is no mistake; an option or a word too many is.
    with contextlib.suppress(BadParameter):
        known.make_context(known.name, words, parent=context)


def test_the_pages_have_commands() -> None:
    assert len(commands()) > 60


@pytest.mark.parametrize(("place", "text"), blocks("toml"), ids=[p for p, _ in blocks("toml")])
def test_a_file_that_a_page_shows_can_be_obeyed(place: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "shown.toml"
    file.write_text(text)

    if place.startswith("docs/prices.md"):
        # Its pieces stand under one head.
        head = "" if "source_url" in text else 'source_url = "https://example.com"\n'
        file.write_text(
            head + ("" if "verified_at" in text else "verified_at = 2026-11-20\n") + text
        )
        assert completed(read_book(), [file]) != read_book()
    else:
        Policy(file, SECTIONS)
        assert tomllib.loads(text).keys() <= SECTIONS.keys()


@pytest.mark.parametrize("language", ["json", "yaml"])
def test_data_that_a_page_shows_can_be_read(language: str) -> None:
    for _, text in blocks(language):
        assert (json.loads if language == "json" else yaml.safe_load)(text)


@pytest.mark.parametrize(("place", "code"), blocks("python"), ids=[p for p, _ in blocks("python")])
def test_python_of_a_page_uses_names_and_arguments_that_the_sdk_has(place: str, code: str) -> None:
    for node in ast.walk(ast.parse(code, place)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "tollbook":
            called = inspect.signature(getattr(tollbook, node.func.attr))
            named = {keyword.arg: ... for keyword in node.keywords if keyword.arg}

            called.bind_partial(*([...] * len(node.args)), **named)


def test_the_first_program_of_the_readme_delivers_its_call(tmp_path: Path) -> None:
    [(_, code), *_] = blocks("python")
    answer = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-5-mini",
        "status": "completed",
        "output": [],
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 5,
            "output_tokens": 2,
            "total_tokens": 7,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
    }
    code += "\nprint(tollbook.flush(timeout=60.0).delivered)\n"
    with receiver() as provider, receiver() as collector:
        provider.body = json.dumps(answer).encode()
        provider.answers = [(200, {"content-type": "application/json"})]
        collector.answers = [(200, {"content-type": "application/x-protobuf"})]
        environment = {
            **os.environ,
            "OPENAI_BASE_URL": provider.url.removesuffix("/hook"),
            "OPENAI_API_KEY": "key",
            "TOLLBOOK_ENDPOINT": collector.url.removesuffix("/hook"),
        }

        said = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
        )

    assert (said.stdout, said.returncode) == ("1\n", 0), said.stderr
    assert [request.path for request in collector.requests] == ["/v1/traces"]
