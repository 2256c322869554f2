"""What a release says of itself is so: settings, versions, the site's navigation."""

import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import tollbook
from tollbook_collector.settings import Settings

ROOT = Path(__file__).parents[1]
SITE = runpy.run_path(str(ROOT / "deploy/release/site_pages.py"))


def test_the_page_of_settings_says_nothing_but_what_the_settings_say() -> None:
    command = [sys.executable, ROOT / "deploy/release/settings_page.py"]

    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    page = (ROOT / "docs/settings.md").read_text().splitlines()
    assert [line for line in page if line not in printed.splitlines()] == [], "run: make settings"
    assert len(page) > len(Settings.model_fields)


def test_the_reference_of_the_sdk_is_what_its_public_names_say() -> None:
    command = [sys.executable, ROOT / "deploy/release/sdk_page.py"]

    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert (ROOT / "docs/sdk-reference.md").read_text() == printed, "run: make sdk-reference"
    shown = set(re.findall(r"^### tollbook\.(\w+)$", printed, re.MULTILINE))
    assert shown == set(tollbook.__all__)


def test_every_page_is_in_the_navigation_and_the_reverse() -> None:
    lines = (ROOT / "mkdocs.yml").read_text().splitlines()
    named = {match[1] for line in lines if (match := re.search(r": (\S+\.md)$", line))}
    there = {str(path.relative_to(ROOT / "docs")) for path in ROOT.glob("docs/**/*.md")}
    decisions = {page for page in there if page.startswith("decisions/")}

    assert named == there - decisions | set(SITE["JOINING"].values())
    assert all((ROOT / source).exists() for source in SITE["JOINING"])


@pytest.mark.parametrize(
    ("link", "source", "directory", "on_the_site"),
    [
        ("../SECURITY.md", "docs/index.md", "", "security.md"),
        (
            "../../CHANGELOG.md#unreleased",
            "docs/guides/operator.md",
            "guides",
            "../changelog.md#unreleased",
        ),
        ("docs/keys.md", "SECURITY.md", "", "keys.md"),
        ("../sdk.md", "docs/guides/developer.md", "guides", "../sdk.md"),
        ("../deploy/compose.yml", "docs/deploy.md", "", f"{SITE['REPOSITORY']}/deploy/compose.yml"),
    ],
)
def test_a_link_of_the_repository_holds_on_the_site(
    link: str, source: str, directory: str, on_the_site: str
) -> None:
    assert SITE["linked"](f"[a]({link})", source, directory) == f"[a]({on_the_site})"


def test_chart_image_and_project_have_the_same_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((ROOT / "deploy/helm/tollbook/Chart.yaml").read_text())
    compose = (ROOT / "deploy/compose.yml").read_text()

    assert chart["appVersion"] == version
    assert re.findall(r"image: tollbook:(\S+)", compose) == [version]
