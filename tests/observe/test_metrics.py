from twisted.trial.unittest import SynchronousTestCase

from codexd.context import RequestRecord
from codexd.neutral.event import Usage
from codexd.observe.metrics import COUNTERS, GAUGES, Metrics


def read_metrics(metrics: Metrics) -> dict[str, float]:
    """Return every exported value by name and labels."""
    lines = metrics.render().decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


class TestMetrics(SynchronousTestCase):
    def setUp(self) -> None:
        self.metrics = Metrics()

    def test_every_counter_counts(self) -> None:
        for name in COUNTERS:
            self.metrics.count(name)
            self.metrics.count(name, 2)
        shown = read_metrics(self.metrics)
        self.assertEqual([shown[f"codexd_{name}_total"] for name in COUNTERS], [3.0] * len(COUNTERS))

    def test_every_gauge_can_be_set(self) -> None:
        for name in GAUGES:
            self.metrics.set(name, 5)
            self.metrics.set(name, 4)
        shown = read_metrics(self.metrics)
        self.assertEqual([shown[f"codexd_{name}"] for name in GAUGES], [4.0] * len(GAUGES))

    def test_an_unknown_name_is_a_key_error(self) -> None:
        self.assertRaises(KeyError, self.metrics.count, "affinity_hits")
        self.assertRaises(KeyError, self.metrics.set, "affinity_hit", 1)

    def test_a_watched_gauge_is_read_at_every_scrape(self) -> None:
        metrics, things = Metrics(), [1, 2]
        metrics.watch("threads_idle", lambda: len(things))
        things.append(3)
        self.assertIn(b"\ncodexd_threads_idle 3.0\n", metrics.render())
        with self.assertRaises(KeyError):
            metrics.watch("threads", lambda: 0)

    def test_upstream_requests_are_counted_by_name_and_outcome(self) -> None:
        for outcome in ("ok", "ok", "unreachable"):
            self.metrics.count_upstream_request("local", outcome)
        shown = read_metrics(self.metrics)
        counts = [
            shown[f'codexd_upstream_requests_total{{outcome="{outcome}",upstream="local"}}']
            for outcome in ("ok", "unreachable")
        ]
        self.assertEqual(counts, [2, 1])

    def test_the_readiness_of_an_upstream_is_read_at_every_scrape(self) -> None:
        for up in (True, False):
            self.metrics.watch_upstream("local", lambda up=up: up)
            self.assertEqual(read_metrics(self.metrics)['codexd_upstream_up{upstream="local"}'], float(up))

    def test_two_daemons_in_one_process_do_not_share_metrics(self) -> None:
        self.metrics.count("affinity_hit")
        self.assertEqual(read_metrics(Metrics())["codexd_affinity_hit_total"], 0.0)

    def test_a_request_is_counted_by_route_status_and_outcome(self) -> None:
        self.metrics.count_request(RequestRecord(route="/v1/models", status=401, outcome="invalid_api_key"))
        labels = 'outcome="invalid_api_key",route="/v1/models",status="401"'
        self.assertEqual(read_metrics(self.metrics)[f"codexd_requests_total{{{labels}}}"], 1.0)

    def test_times_are_observed_and_the_first_event_only_if_there_was_one(self) -> None:
        self.metrics.count_request(RequestRecord(route="a", seconds=2.0, first_event_seconds=0.5))
        self.metrics.count_request(RequestRecord(route="a", seconds=3.0))
        shown = read_metrics(self.metrics)
        self.assertEqual(shown['codexd_request_duration_seconds_sum{route="a"}'], 5.0)
        self.assertEqual(shown['codexd_first_event_seconds_count{route="a"}'], 1.0)

    def test_tokens_of_all_choices_are_counted_by_kind(self) -> None:
        self.metrics.count_request(
            RequestRecord(
                usages=[
                    Usage(input_tokens=7, cached_tokens=3, cache_write_tokens=1, output_tokens=2, reasoning_tokens=1),
                    Usage(input_tokens=10, cached_tokens=0, cache_write_tokens=0, output_tokens=20, reasoning_tokens=0),
                ]
            )
        )
        shown = read_metrics(self.metrics)
        kinds = ("input", "cached", "cache_write", "output", "reasoning")
        self.assertEqual([shown[f'codexd_tokens_total{{kind="{kind}"}}'] for kind in kinds], [17, 3, 1, 22, 1])

    def test_unknown_field_names_do_not_become_labels(self) -> None:
        self.metrics.count_request(RequestRecord(ignored=("temperature", "tools[3].x", "made.up", "x-1")))
        shown = read_metrics(self.metrics)
        counted = {name: value for name, value in shown.items() if "ignored_params_total" in name}
        self.assertEqual(
            counted,
            {
                'codexd_ignored_params_total{param="temperature"}': 1.0,
                'codexd_ignored_params_total{param="tools"}': 1.0,
                'codexd_ignored_params_total{param="other"}': 2.0,
            },
        )
