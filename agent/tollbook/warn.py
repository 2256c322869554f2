"""The log lines of tollbook, which are few; `logging` is imported with the first of them.

It puts hooks of its own around forks, so it must not be imported by one of ours, as the modules are
that it would otherwise be imported by.
"""


def warn(message: str, *values: object) -> None:
    """Log a warning of the logger `tollbook`.

    Args:
        message: With a `%s` for each value.
        values: What it is about.
    """
    from logging import getLogger

    getLogger("tollbook").warning(f"tollbook: {message}", *values)
