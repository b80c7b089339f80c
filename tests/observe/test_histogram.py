from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Histogram as ReferenceHistogram
from twisted.trial.unittest import SynchronousTestCase

from codexd.observe.histogram import Histogram, HistogramDescription

BOUNDS = (0.1, 0.5, 1.0, 10)


def samples(registry: CollectorRegistry) -> list[str]:
    lines = generate_latest(registry).decode().splitlines()
    return sorted(line for line in lines if "_created" not in line)


class HistogramTests(SynchronousTestCase):
    @given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 20) | st.sampled_from(BOUNDS))))
    def test_it_exports_what_the_library_exports(self, values: list[tuple[str, float]]) -> None:
        own, library = CollectorRegistry(), CollectorRegistry()
        histogram = Histogram("codexd_x_seconds", HistogramDescription("Text.", "part", BOUNDS))
        own.register(histogram)
        reference = ReferenceHistogram("codexd_x_seconds", "Text.", ("part",), registry=library, buckets=BOUNDS)
        for part, value in values:
            histogram.part(part).observe(value)
            reference.labels(part).observe(value)
        self.assertEqual(samples(own), samples(library))

    def test_one_without_a_label_is_exported_from_the_start(self) -> None:
        registry = CollectorRegistry()
        registry.register(Histogram("codexd_x_seconds", HistogramDescription("Text.", None, BOUNDS)))
        self.assertIn("codexd_x_seconds_count 0.0", samples(registry))
