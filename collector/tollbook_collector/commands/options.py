"""The options that commands share: where a collector's API is, how far back, and JSON."""

from typing import Annotated, Final

import typer

DEFAULT_API: Final = "http://127.0.0.1:4319"
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2

Api = Annotated[str, typer.Option(envvar="TOLLBOOK_API_URL", help="Address of a collector's API.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Since = Annotated[str, typer.Option(help="How far back: 90m, 24h, 7d, 4w.")]
