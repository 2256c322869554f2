"""Shows that long work goes on: on a terminal's stderr, and never where a program reads along."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Show = Callable[[int, int | None], None]


@contextlib.contextmanager
def working(what: str, as_json: bool, counted: bool = False) -> Iterator[Show]:
    """Show work under way until it ends, and leave nothing of it behind.

    Args:
        what: What is done, as `pricing calls anew`.
        as_json: Whether the answer is for a program: nothing is shown then.
        counted: Whether the work says how much of how much is done; else its time is shown.

    Yields:
        What takes how much is done, and how much it is in all (None: nobody knows).
    """
    console = Console(stderr=True)
    bar = (BarColumn(), MofNCompleteColumn()) if counted else (SpinnerColumn(),)
    times = TimeRemainingColumn() if counted else TimeElapsedColumn()
    columns = (TextColumn("{task.description}"), *bar, times)
    hidden = as_json or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, every: progress.update(task, completed=done, total=every)
