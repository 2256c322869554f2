"""What a shell offers after TAB: the values that an option may have."""

from tollbook_collector.answer.questions import DIMENSIONS


def completed_dimensions(incomplete: str) -> list[str]:
    """Return what a list of dimensions may go on as: `model,te` as `model,team`."""
    *chosen, begun = incomplete.split(",")
    return [
        ",".join([*chosen, name])
        for name in DIMENSIONS
        if name.startswith(begun) and name not in chosen
    ]
