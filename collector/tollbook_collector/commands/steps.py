"""Steps of a run or a trace as a tree in the terminal, with what each and those under it cost."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.text import Text
from rich.tree import Tree

from tollbook_collector.commands import screens


def tree_of(title: Text, steps: Sequence[Mapping[str, Any]]) -> Tree:
    """Return steps, which come parents before children with their depth, as a tree."""
    tree = Tree(title, guide_style="dim")
    branches = [tree]
    for step, (cost, calls) in zip(steps, _below(steps), strict=True):
        del branches[step["depth"] + 1 :]
        branches.append(branches[-1].add(_label(step, cost, calls)))
    return tree


def calls_told(calls: int) -> str:
    """Return a number of calls in words."""
    return f"{calls} call" if calls == 1 else f"{calls} calls"


def _below(steps: Sequence[Mapping[str, Any]]) -> list[tuple[Decimal, int]]:
    """Return cost and calls of each step with all under it."""
    sums: list[tuple[Decimal, int]] = [(Decimal(0), 0)] * len(steps)
    for number, step in enumerate(steps):
        cost = Decimal(step["cost_usd"] or 0) if step["is_call"] else Decimal(0)
        calls = int(step["is_call"])
        depth = step["depth"] + 1
        # Upwards: the step itself, then each one before it that lies less deep.
        for above in range(number, -1, -1):
            if steps[above]["depth"] < depth:
                depth = steps[above]["depth"]
                sums[above] = (sums[above][0] + cost, sums[above][1] + calls)
            if depth == 0:
                break
    return sums


def _label(step: Mapping[str, Any], cost: Decimal, calls: int) -> Text:
    name = step["model"] if step["is_call"] else step["name"]
    label = Text(name or step["name"] or "—", style="red" if step["failed"] else "")
    if step["is_call"]:
        known = screens.money(cost) if step["cost_usd"] is not None else "cost unknown"
        tokens = f"{step['input_tokens'] or 0} in, {step['output_tokens'] or 0} out"
        label.append(f"  {known}  {tokens}", style="bold" if cost else "dim")
    elif calls:
        label.append(f"  {screens.money(cost)} in {calls_told(calls)}", style="bold")
    label.append(f"  {screens.milliseconds(step['duration_ns'] / 1e6)}", style="dim")
    if step["failed"]:
        label.append(f"  {step['error_type'] or 'failed'}", style="red")
    return label
