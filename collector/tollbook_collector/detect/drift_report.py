"""The drift report: a period against a baseline that is kept, as one page of HTML with its plots.

For audits and for the day after a release. It is a comparison that somebody asks for and no alarm:
two fixed periods differ by what traffic does anyway, so it shows sizes and does not judge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Final

import numpy as np

from tollbook_collector.detect.behaviour import (
    BINS_A_DOUBLING,
    NUMBERS,
    WORDS,
    Window,
    pooled,
    values_of,
)
from tollbook_collector.detect.histograms import distance

WIDTH: Final = 520
HEIGHT: Final = 120
UNITS: Final = {
    "latency": "ms",
    "first_chunk": "ms",
    "input_tokens": "tokens",
    "output_tokens": "tokens",
}
STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;"
    "color:#1a1a1a;background:#fff}table{border-collapse:collapse}td,th{padding:.2em .8em;"
    "text-align:right;border-bottom:1px solid #ddd}th:first-child,td:first-child{text-align:left}"
    "svg{display:block;margin:.5em 0 1.5em}.was{color:#5b6770}.now{color:#a03b00}"
)


@dataclass(frozen=True)
class Period:
    """A baseline or what is held against it; the last day is part of it."""

    first: date
    last: date

    def __str__(self) -> str:
        """Return it as people write it."""
        return f"{self.first} to {self.last}"


def report(
    title: str,
    periods: tuple[Period, Period],
    baseline: Mapping[str, Sequence[Window]],
    current: Mapping[str, Sequence[Window]],
) -> str:
    """Return the page.

    Args:
        title: What is compared, as "models".
        periods: The baseline and the period held against it.
        baseline: Days by value of the dimension.
        current: The same of the later period.
    """
    names = sorted({*baseline, *current})
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Drift of {escape(title)}</title>",
        f"<style>{STYLE}</style><h1>Drift of {escape(title)}</h1>",
        f"<p><b class=was>Baseline: {periods[0]}</b>. <b class=now>Current: {periods[1]}</b>."
        " The distance is Jensen-Shannon's, 0 (equal) to 1 (nothing in common).</p>",
    ]
    if not names:
        parts.append("<p>There were no calls in either period.</p>")
    for name in names:
        was, now = list(baseline.get(name, ())), list(current.get(name, ()))
        parts.append(f"<h2>{escape(name)}</h2>")
        if not was or not now:
            side = "baseline" if not was else "current period"
            parts.append(f"<p>There were too few calls in the {side}.</p>")
            continue
        parts.append(_compared(pooled(was), pooled(now)))
    return "".join(parts) + "</html>\n"


def _compared(was: Window, now: Window) -> str:
    rows, plots = [], []
    for name in NUMBERS:
        before, after = was.numbers[name], now.numbers[name]
        if not sum(before.values()) or not sum(after.values()):
            continue
        apart = _distance(before, after)
        cells = [
            f"{float(np.quantile(values_of(side), at)):,.0f}"
            for at in (0.5, 0.99)
            for side in (before, after)
        ]
        label = escape(f"{name.replace('_', ' ')} ({UNITS[name]})")
        rows.append(_row([label, f"{apart:.2f}", *cells]))
        plots.append(f"<h3>{label}</h3>{_plot(before, after, label)}")
    words = "".join(_words(name, was.words[name], now.words[name]) for name in WORDS)
    head = _row(["", "distance", "median was", "is", "p99 was", "is"], "th")
    calls = f"<p>{was.calls:,} calls before, {now.calls:,} now.</p>"
    return f"{calls}<table>{head}{''.join(rows)}</table>{''.join(plots)}{words}"


def _words(name: str, was: Mapping[str, int], now: Mapping[str, int]) -> str:
    if not sum(was.values()) or not sum(now.values()):
        return ""
    rows = [
        _row(
            [
                escape(word),
                f"{was.get(word, 0) / sum(was.values()):.1%}",
                f"{now.get(word, 0) / sum(now.values()):.1%}",
            ]
        )
        for word in sorted({*was, *now}, key=lambda one: (-now.get(one, 0), one))
    ]
    head = _row([escape(name.replace("_", " ")), "was", "is"], "th")
    return f"<table>{head}{''.join(rows)}</table>"


def _row(cells: Sequence[str], kind: str = "td") -> str:
    return "<tr>" + "".join(f"<{kind}>{cell}</{kind}>" for cell in cells) + "</tr>"


def _distance(was: Mapping[int, int], now: Mapping[int, int]) -> float:
    bins = sorted({*was, *now})
    shares = [
        np.array([side.get(number, 0) for number in bins], dtype=float) / sum(side.values())
        for side in (was, now)
    ]
    return float(distance(*shares))


def _plot(was: Mapping[int, int], now: Mapping[int, int], label: str) -> str:
    """Return both histograms as steps over a logarithmic axis."""
    bins = range(min((*was, *now)), max((*was, *now)) + 2)
    top = max(count / sum(side.values()) for side in (was, now) for count in side.values())
    step = WIDTH / max(len(bins), 1)

    def path(side: Mapping[int, int]) -> str:
        heights = [HEIGHT * (1 - side.get(number, 0) / sum(side.values()) / top) for number in bins]
        moves = [f"H{k * step:.1f}V{height:.1f}" for k, height in enumerate(heights)]
        return f"M0 {HEIGHT}" + "".join(moves) + f"H{WIDTH}V{HEIGHT}"

    low, high = (2 ** (number / BINS_A_DOUBLING) for number in (bins[0], bins[-1]))
    return (
        f'<svg role=img aria-label="{label}: baseline and current" width={WIDTH} '
        f'height={HEIGHT + 20} viewBox="0 -2 {WIDTH} {HEIGHT + 20}">'
        f'<path d="{path(was)}" fill="#5b677033" stroke="#5b6770"/>'
        f'<path d="{path(now)}" fill="none" stroke="#a03b00" stroke-width=2 />'
        f"<text x=0 y={HEIGHT + 15} font-size=12>{low:,.0f}</text>"
        f"<text x={WIDTH} y={HEIGHT + 15} font-size=12 text-anchor=end>{high:,.0f}</text></svg>"
    )
