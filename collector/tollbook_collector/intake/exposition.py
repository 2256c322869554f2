"""The text format of Prometheus, as it comes from a server, read into OTLP data points.

Counters become sums, histograms keep their buckets, everything else is a gauge. A line that cannot
be read costs that line.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tollbook_collector.intake.signals import METRICS

# Samples of one answer; what comes after them is left out and counted.
SAMPLES_MAX: Final = 20_000
CUMULATIVE: Final = 2

_LINE: Final = re.compile(
    r"([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})?\s+([^\s]+)(?:\s+-?\d+)?(?:\s+#.*)?"
)
_LABEL: Final = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPED: Final = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sample:
    """One line of an exposition."""

    name: str
    labels: Labels
    value: float


@dataclass
class Read:
    """What was read of an answer.

    Args:
        types: counter, gauge, histogram or summary, by the name of the family.
        samples: In their order.
        skipped: Lines that could not be read, or were too many.
    """

    types: dict[str, str] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    skipped: int = 0


@dataclass
class _Histogram:
    buckets: list[tuple[float, float]] = field(default_factory=list)
    sum: float = 0.0
    count: float = 0.0


def read(text: str) -> Read:
    """Return what is in an exposition."""
    found = Read()
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("# TYPE "):
            parts = line.split()
            if len(parts) == 4:
                found.types[parts[2]] = parts[3]
        elif line and not line.startswith("#"):
            sample = _sample(line)
            if sample is None or len(found.samples) >= SAMPLES_MAX:
                found.skipped += 1
            else:
                found.samples.append(sample)
    return found


def to_otlp(found: Read, resource: dict[str, str], at_ns: int) -> tuple[bytes, int]:
    """Return an OTLP metrics request, and how many data points it has.

    Args:
        found: What was read.
        resource: Attributes of the server.
        at_ns: When it was read, nanoseconds since 1970.
    """
    message = METRICS.request()
    resource_metrics = message.resource_metrics.add()
    _add_attributes(resource_metrics.resource.attributes, tuple(resource.items()))
    scope = resource_metrics.scope_metrics.add()
    scope.scope.name = "prometheus"
    histograms: dict[tuple[str, Labels], _Histogram] = {}
    points = 0
    for sample in found.samples:
        family = _histogram_family(sample.name, found.types)
        if family:
            _into_histogram(histograms, family, sample)
            continue
        metric = scope.metrics.add(name=sample.name)
        if found.types.get(sample.name, found.types.get(sample.name[:-6])) == "counter":
            metric.sum.aggregation_temporality = CUMULATIVE
            metric.sum.is_monotonic = True
            point = metric.sum.data_points.add()
        else:
            point = metric.gauge.data_points.add()
        point.as_double = sample.value
        point.time_unix_nano = at_ns
        _add_attributes(point.attributes, sample.labels)
        points += 1
    for (name, labels), histogram in histograms.items():
        _add_histogram(scope.metrics.add(name=name), histogram, labels, at_ns)
    return bytes(message.SerializeToString()), points + len(histograms)


def _sample(line: str) -> Sample | None:
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    try:
        value = float(match[3])
    except ValueError:
        return None
    return Sample(match[1], tuple(_labels(match[2] or "")), value)


def _labels(text: str) -> Iterator[tuple[str, str]]:
    for name, value in _LABEL.findall(text):
        yield name, re.sub(r"\\.", lambda found: _ESCAPED.get(found[0], found[0]), value)


def _histogram_family(name: str, types: dict[str, str]) -> str:
    for suffix in ("_bucket", "_sum", "_count"):
        family = name.removesuffix(suffix)
        if family != name and types.get(family) == "histogram":
            return family
    return ""


def _into_histogram(
    histograms: dict[tuple[str, Labels], _Histogram], family: str, sample: Sample
) -> None:
    labels = tuple(label for label in sample.labels if label[0] != "le")
    histogram = histograms.setdefault((family, labels), _Histogram())
    if sample.name.endswith("_sum"):
        histogram.sum = sample.value
    elif sample.name.endswith("_count"):
        histogram.count = sample.value
    else:
        bound = _sample(f"le {dict(sample.labels).get('le', 'NaN')}")
        if bound is not None and not math.isnan(bound.value):
            histogram.buckets.append((bound.value, sample.value))


def _add_histogram(metric: Any, histogram: _Histogram, labels: Labels, at_ns: int) -> None:
    metric.histogram.aggregation_temporality = CUMULATIVE
    point = metric.histogram.data_points.add(time_unix_nano=at_ns, sum=histogram.sum)
    point.count = _whole(histogram.count)
    before = 0
    for bound, cumulative in sorted(histogram.buckets):
        below = _whole(cumulative)
        point.bucket_counts.append(max(0, below - before))
        before = max(before, below)
        if not math.isinf(bound):
            point.explicit_bounds.append(bound)
    _add_attributes(point.attributes, labels)


def _whole(value: float) -> int:
    return int(value) if math.isfinite(value) and 0 <= value < 2**63 else 0


def _add_attributes(target: Any, labels: Labels) -> None:
    for name, value in labels:
        target.add(key=name).value.string_value = value
