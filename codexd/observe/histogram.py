"""Histograms that are cheap to observe: the reactor's thread alone uses them, so they need no lock."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

from attrs import frozen
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector


@frozen
class HistogramDescription:
    """What a histogram measures.

    Attributes:
        text: its help text.
        label: the name of its label; None for a histogram without one.
        bounds: the upper bounds of its buckets, ascending; one without a bound follows.
    """

    text: str
    label: str | None
    bounds: tuple[float, ...]


class Observations:
    """The observed values of one label."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value


class Histogram(Collector):
    """One histogram, with its observations by label.

    Args:
        name: as it is exported.
        description: what it measures.
    """

    def __init__(self, name: str, description: HistogramDescription) -> None:
        self._name = name
        self._description = description
        self._parts: dict[str, Observations] = {}
        if description.label is None:
            self.part("")

    def part(self, label: str) -> Observations:
        """Return the observations of a label, which must be one of few; `""` without a label."""
        found = self._parts.get(label)
        if found is None:
            found = self._parts[label] = Observations(self._description.bounds)
        return found

    def describe(self) -> Iterable[HistogramMetricFamily]:
        """Return the name and the help text (Collector)."""
        yield self._family()

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """Return the counts, for a scrape (Collector)."""
        family = self._family()
        bounds = (*map(str, map(float, self._description.bounds)), "+Inf")
        for label, part in self._parts.items():
            labels = [] if self._description.label is None else [label]
            family.add_metric(labels, list(zip(bounds, accumulate(part.counts), strict=True)), part.total)
        yield family

    def _family(self) -> HistogramMetricFamily:
        label = self._description.label
        return HistogramMetricFamily(self._name, self._description.text, labels=[] if label is None else [label])
