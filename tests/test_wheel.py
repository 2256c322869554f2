"""The wheel: what is in it, and both of its flavours in fresh environments."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.wheel

ROOT = Path(__file__).parents[1]
# The light install: the SDK and the API of OpenTelemetry with what it needs.
LIGHT_DISTRIBUTIONS_MAX = 3


def run(*command: str | Path, status: int = 0) -> str:
    """Run a command outside of the repository and return what it printed."""
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT.anchor,
        timeout=300,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist, so that the sdist is whole too."""
    directory = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", directory, ROOT)
    (built,) = directory.glob("*.whl")
    return built


def fresh_environment(directory: Path) -> Path:
    """Return the Python of a new environment with nothing but pip."""
    venv.create(directory, with_pip=True)
    return directory / "bin" / "python"


def install(python: Path, *requirements: str) -> None:
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements)


@pytest.fixture(scope="module")
def light(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the light install."""
    python = fresh_environment(tmp_path_factory.mktemp("light"))
    install(python, str(wheel))
    return python


@pytest.fixture(scope="module")
def full(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the collector."""
    python = fresh_environment(tmp_path_factory.mktemp("full"))
    install(python, f"{wheel}[collector]")
    return python


def test_the_wheel_holds_both_packages_with_their_data_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    tree = {
        str(path.relative_to(root))
        for root, package in (
            (ROOT / "agent", "tollbook"),
            (ROOT / "collector", "tollbook_collector"),
        )
        for path in (root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    tree.add("tollbook_collector/demo/trace.csv.gz")

    packaged = {name for name in names if ".dist-info/" not in name}

    assert packaged == tree
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_light_install_is_light_and_starts_nothing(light: Path) -> None:
    listed = run(light, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check")
    names = {line.split("==")[0].lower() for line in listed.splitlines() if "==" in line}
    names -= {"pip", "setuptools"}
    program = (
        "import sys, threading, tollbook;"
        "assert threading.active_count() == 1;"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in"
        " ('tollbook_collector', 'fastapi', 'google', 'socket', 'openai', 'anthropic')))"
    )

    assert len(names) <= LIGHT_DISTRIBUTIONS_MAX, names
    assert run(light, "-I", "-c", program).strip() == "[]"


def test_in_the_light_install_the_command_names_the_extra_that_is_missing(light: Path) -> None:
    output = run(light.parent / "tollbook", "up", status=2)

    assert "pip install 'tollbook[collector]'" in output
    assert "Traceback" not in output


def test_the_full_install_starts_a_store_and_answers(full: Path, tmp_path: Path) -> None:
    program = (
        "from pathlib import Path;"
        "from tollbook_collector.store.embedded.process import EmbeddedStore;"
        "from tollbook_collector.store.client import ClickHouse, StoreAddress;"
        "from tollbook_collector.store import sql;"
        f"store = EmbeddedStore(Path({str(tmp_path / 'store')!r})); store.start();"
        "a = store.address;"
        "clickhouse = ClickHouse(StoreAddress(a.url, a.user, a.password));"
        "print(len(sql.migrate(clickhouse)) > 10);"
        "clickhouse.close(); store.stop()"
    )

    assert "True" in run(full, "-I", "-c", program)
    assert "Usage" in run(full.parent / "tollbook", "--help")


def test_no_folder_of_the_repository_is_importable_after_an_install(light: Path) -> None:
    program = (
        "from importlib.util import find_spec; print(find_spec('agent'), find_spec('collector'))"
    )

    assert run(light, "-I", "-c", program).strip() == "None None"
