"""Run by every Python process of `tollbook run`, before the program: `tollbook.zero_code` starts.

Python imports one `sitecustomize`; the one that it would have imported without us comes after.
"""

import importlib
import sys
from pathlib import Path

FOLDER = str(Path(__file__).parent)


def leave_the_way() -> None:
    """Take our folder from the path, and import the `sitecustomize` that is behind it, if any."""
    sys.path[:] = [entry for entry in sys.path if entry != FOLDER]
    ours = sys.modules.pop("sitecustomize", None)
    try:
        importlib.import_module("sitecustomize")
    except ModuleNotFoundError as missing:
        if missing.name != "sitecustomize":
            raise
        if ours is not None:
            sys.modules["sitecustomize"] = ours


def start() -> None:
    """Meter this process, if tollbook is installed for the Python that runs it."""
    try:
        from tollbook.zero_code import start as start_metering
    except ModuleNotFoundError:
        return  # a child with another Python runs as it would without us
    start_metering()


start()
leave_the_way()
