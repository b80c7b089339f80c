from twisted.trial.unittest import SynchronousTestCase

from codexd import __version__
from codexd.backs.bindings import METHODS, LoginCancel, LoginStart, Logout
from codexd.context import RequestRecord, UsageCharge
from codexd.neutral.event import Usage
from codexd.observe.metric_tables import COUNTERS, GAUGES, RPC_METHODS, TIMES
from codexd.observe.metrics import Metrics


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

    def test_a_gauge_of_the_homes_is_their_sum_and_any_open_circuit(self) -> None:
        for backend, value in (("codex", 2), ("work", 3)):
            self.metrics.watch_home(backend, "turns_running", lambda value=value: value)
            self.metrics.watch_home(backend, "codex_circuit_open", lambda value=value: value == 3)
        shown = read_metrics(self.metrics)
        self.assertEqual((shown["codexd_turns_running"], shown["codexd_codex_circuit_open"]), (5, 1))
        for backend, running, is_open in (("codex", 2, 0), ("work", 3, 1)):
            self.assertEqual(shown[f'codexd_home_turns_running{{backend="{backend}"}}'], running)
            self.assertEqual(shown[f'codexd_home_circuit_open{{backend="{backend}"}}'], is_open)

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
            self.metrics.watch_upstream("local", lambda up=up: up, lambda up=up: not up)
            shown = read_metrics(self.metrics)
            self.assertEqual(shown['codexd_upstream_up{upstream="local"}'], float(up))
            self.assertEqual(shown['codexd_upstream_circuit_open{upstream="local"}'], float(not up))

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
                charges=[
                    UsageCharge("codex", usage)
                    for usage in (
                        Usage(
                            input_tokens=7, cached_tokens=3, cache_write_tokens=1, output_tokens=2, reasoning_tokens=1
                        ),
                        Usage(input_tokens=10, output_tokens=20),
                        Usage(input_tokens=5, output_tokens=6, estimated=True),
                    )
                ]
            )
        )
        shown = read_metrics(self.metrics)
        kinds = ("input", "cached", "cache_write", "output", "reasoning")
        self.assertEqual([shown[f'codexd_tokens_total{{kind="{kind}"}}'] for kind in kinds], [17, 3, 1, 22, 1])
        estimated = [shown[f'codexd_tokens_estimated_total{{kind="{kind}"}}'] for kind in kinds]
        self.assertEqual(estimated, [5, 0, 0, 6, 0])

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

    def test_sizes_of_bodies_are_counted(self) -> None:
        self.metrics.count_request(RequestRecord(received_bytes=10, sent_bytes=20))
        self.metrics.count_request(RequestRecord(received_bytes=1, sent_bytes=2))
        shown = read_metrics(self.metrics)
        self.assertEqual(shown["codexd_request_body_bytes_total"], 11)
        self.assertEqual(shown["codexd_response_body_bytes_total"], 22)

    def test_tokens_are_counted_by_model_if_it_is_on_offer(self) -> None:
        self.metrics.models.list_models = lambda: ["gpt-5"]
        charge = UsageCharge("codex", Usage(input_tokens=7, output_tokens=2))
        for model in ("gpt-5", "made-up"):
            self.metrics.count_request(RequestRecord(model=model, charges=[charge]))
        shown = {name: value for name, value in read_metrics(self.metrics).items() if "model_tokens_total" in name}
        self.assertEqual(
            shown,
            {
                f'codexd_model_tokens_total{{kind="{kind}",model="{model}"}}': value
                for model in ("gpt-5", "other")
                for kind, value in (("input", 7), ("output", 2))
            },
        )

    def test_calls_of_codex_processes_are_counted_by_method_and_error(self) -> None:
        self.metrics.count_rpc("turn/start", 0.2)
        self.metrics.count_rpc("turn/start", 10, "timeout")
        self.metrics.count_rpc("made/up", 0.1, "error")
        shown = read_metrics(self.metrics)
        self.assertEqual(shown['codexd_rpc_requests_total{method="turn/start"}'], 2)
        self.assertEqual(shown['codexd_rpc_errors_total{method="turn/start",reason="timeout"}'], 1)
        self.assertEqual(shown['codexd_rpc_errors_total{method="other",reason="error"}'], 1)
        self.assertEqual(shown['codexd_rpc_seconds_sum{method="turn/start"}'], 10.2)

    def test_the_methods_that_are_labels_are_those_that_codexd_calls(self) -> None:
        by_commands = {METHODS[kind] for kind in (LoginStart, LoginCancel, Logout)}
        called = set(METHODS.values()) - by_commands
        self.assertEqual(called, RPC_METHODS)

    def test_the_versions_are_labels_of_one_series(self) -> None:
        self.metrics.set_codex_version("0.163.0")
        series = [name for name in read_metrics(self.metrics) if name.startswith("codexd_build_info")]
        self.assertEqual(series, [f'codexd_build_info{{codex_version="0.163.0",version="{__version__}"}}'])

    def test_the_memory_of_workers_that_are_gone_is_forgotten(self) -> None:
        self.metrics.set_child_sizes({"plain-0": 1, "plain-1": 2})
        self.metrics.set_child_sizes({"plain-1": 5})
        shown = read_metrics(self.metrics)
        sizes = {name: value for name, value in shown.items() if name.startswith("codexd_child_resident_bytes{")}
        self.assertEqual(sizes, {'codexd_child_resident_bytes{worker="plain-1"}': 5})
        self.assertEqual(shown["codexd_children_resident_bytes"], 5)

    def test_each_histogram_has_ascending_buckets(self) -> None:
        for name, described in TIMES.items():
            self.assertEqual(list(described.bounds), sorted(set(described.bounds)), name)
