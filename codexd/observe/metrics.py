"""Prometheus counters, gauges and histograms.

Other packages count and set metrics by the names in `codexd.observe.metric_tables`, and do not import
prometheus_client.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from codexd import __version__
from codexd.context import TOKEN_KINDS, RequestRecord, read_tokens
from codexd.neutral.event import Usage
from codexd.observe.histogram import Histogram, Observations
from codexd.observe.metric_tables import (
    COUNTERS,
    GAUGES,
    LABELLED,
    LABELLED_GAUGES,
    PARAMS,
    RPC_METHODS,
    TIMES,
)
from codexd.observe.model_labels import ModelLabels
from codexd.policy.account_limits import WINDOWS, AccountState
from codexd.policy.fallback import CODEX
from codexd.policy.key_meter import KeyMeter

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4.encode()

OTHER: Final = "other"
"""The label of what has no label of its own."""


class _ByLabels(dict[tuple[str, ...], Counter]):
    """The parts of a counter by the values of its labels: prometheus_client takes a lock to look one up."""

    def __init__(self, metric: Counter) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, labels: tuple[str, ...]) -> Counter:
        part: Counter = self._metric.labels(*labels)
        self[labels] = part
        return part


class Metrics:
    """The metrics of one daemon, in a registry of its own.

    Attributes:
        models: the models that are labels.
    """

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._counters = {name: Counter(f"codexd_{name}", text, registry=registry) for name, text in COUNTERS.items()}
        self._gauges = {name: Gauge(f"codexd_{name}", text, registry=registry) for name, text in GAUGES.items()}
        self._labelled = {
            name: _ByLabels(Counter(f"codexd_{name}", text, labels, registry=registry))
            for name, (text, labels) in LABELLED.items()
        }
        self._times = {name: Histogram(f"codexd_{name}", described) for name, described in TIMES.items()}
        for histogram in self._times.values():
            registry.register(histogram)
        self._homes: dict[str, dict[str, Callable[[], float]]] = {}
        self._labelled_gauges = {
            name: Gauge(f"codexd_{name}", text, labels, registry=registry)
            for name, (text, labels) in LABELLED_GAUGES.items()
        }
        self.models = ModelLabels()
        self._child_sizes: dict[str, dict[str, int]] = {}
        self.set_codex_version("")

    def count(self, name: str, amount: float = 1) -> None:
        """Increase a counter of COUNTERS.

        Raises:
            KeyError: when COUNTERS has no such name.
        """
        self._counters[name].inc(amount)

    def set(self, name: str, value: float) -> None:
        """Set a gauge of GAUGES.

        Raises:
            KeyError: when GAUGES has no such name.
        """
        self._gauges[name].set(value)

    def watch(self, name: str, read: Callable[[], float]) -> None:
        """Register a function that returns the value of a gauge of GAUGES; called at every scrape.

        Raises:
            KeyError: when GAUGES has no such name.
        """
        self._gauges[name].set_function(read)

    def watch_home(self, backend: str, name: str, read: Callable[[], float]) -> None:
        """Register a function that returns the value of a gauge of GAUGES for one back end of Codex.

        It is exported by the back end, too, as `codexd_home_...`. The gauge itself is the sum of all back ends, or of
        the circuit breakers whether any is open.

        Raises:
            KeyError: when GAUGES has no such name, or LABELLED_GAUGES none by home.
        """
        homes = self._homes.setdefault(name, {})
        homes[backend] = read
        self._labelled_gauges[f"home_{name.removeprefix('codex_')}"].labels(backend).set_function(read)
        combine = max if name == "codex_circuit_open" else sum
        self.watch(name, lambda: combine(read() for read in homes.values()))

    def count_request(self, record: RequestRecord) -> None:
        """Count and time a finished request."""
        self._labelled["requests"][record.route, str(record.status), record.outcome].inc()
        self._times["request_duration_seconds"].part(record.route).observe(record.seconds)
        if record.first_event_seconds is not None:
            self._times["first_event_seconds"].part(record.route).observe(record.first_event_seconds)
        if record.received_bytes:
            self.count("request_body_bytes", record.received_bytes)
        self.count("response_body_bytes", record.sent_bytes)
        if record.outcome == "invalid_api_key":
            self.count("authentication_failed")
        self._count_usage(record)

    def count_background_response(self, record: RequestRecord) -> None:
        """Count a finished background response."""
        self._labelled["background_finished"][(record.outcome,)].inc()
        self._count_usage(record)

    def output_gaps(self, backend: str) -> Observations:
        """Return where the times between the arrivals of a response's output are observed."""
        return self._times["output_gap_seconds"].part(backend)

    def observe_reactor_lag(self, seconds: float) -> None:
        """Count how late a timer fired."""
        self._times["reactor_lag_seconds"].part("").observe(seconds)

    def count_rpc(self, method: str, seconds: float, error: str = "") -> None:
        """Count a call to a Codex process that has ended.

        Args:
            method: its method.
            seconds: the time since it was sent.
            error: why it failed: `error`, `timeout` or `exit`; empty if it did not.
        """
        label = method if method in RPC_METHODS else OTHER
        self._labelled["rpc_requests"][(label,)].inc()
        if error:
            self._labelled["rpc_errors"][label, error].inc()
        self._times["rpc_seconds"].part(label).observe(seconds)

    def set_codex_version(self, codex_version: str) -> None:
        """Set the version of the Codex processes; empty if it is not known."""
        gauge = self._labelled_gauges["build_info"]
        gauge.clear()
        gauge.labels(__version__, codex_version).set(1)

    def set_child_sizes(self, sizes: Mapping[str, int], backend: str = CODEX) -> None:
        """Set the resident memory of the Codex processes of a back end, by worker; others are forgotten."""
        gauge = self._labelled_gauges["child_resident_bytes"]
        for name in self._child_sizes.get(backend, {}).keys() - sizes.keys():
            gauge.remove(name)
        for name, size in sizes.items():
            gauge.labels(name).set(size)
        self._child_sizes[backend] = dict(sizes)
        self._labelled_gauges["home_children_resident_bytes"].labels(backend).set(sum(sizes.values()))
        total = sum(size for others in self._child_sizes.values() for size in others.values())
        self._gauges["children_resident_bytes"].set(total)

    def count_recycled_child(self, reason: str) -> None:
        """Count a Codex process that was replaced: `age`, `turns`, `memory` or `request`."""
        self._labelled["child_recycled"][(reason,)].inc()

    def count_pruned_traces(self, reason: str, number: int) -> None:
        """Count files of the trace buffer that were deleted: they `expired`, or beyond the `count` or the `size`."""
        self._labelled["trace_files_pruned"][(reason,)].inc(number)

    def count_upstream_request(self, name: str, outcome: str) -> None:
        """Count a finished request to an upstream.

        Args:
            name: the upstream's name in the settings.
            outcome: `ok`, `cancelled`, or the kind of the fault that ended it.
        """
        self._labelled["upstream_requests"][name, outcome].inc()

    def count_store_fault(self, problem: str) -> None:
        """Count the beginning of a fault of the database file."""
        self._labelled["store_faults"][(problem,)].inc()

    def watch_upstream(self, name: str, up: Callable[[], bool], circuit_open: Callable[[], bool]) -> None:
        """Register functions that return whether an upstream is ready, and whether its circuit breaker is open."""
        self._labelled_gauges["upstream_up"].labels(name).set_function(up)
        self._labelled_gauges["upstream_circuit_open"].labels(name).set_function(circuit_open)

    def forget_upstream(self, name: str) -> None:
        """Remove the gauges of an upstream that is no longer configured."""
        for gauge in ("upstream_up", "upstream_circuit_open", "queue_length", "queue_bytes"):
            with suppress(KeyError):
                self._labelled_gauges[gauge].remove(name)

    def watch_login(self, backend: str, logged_in: Callable[[], bool], expires_in: Callable[[], float]) -> None:
        """Register functions that return whether the Codex of a back end is logged in, and for how long, in seconds."""
        self._labelled_gauges["account_logged_in"].labels(backend).set_function(logged_in)
        self._labelled_gauges["account_expires_seconds"].labels(backend).set_function(expires_in)

    def watch_queue(self, backend: str, length: Callable[[], int], size_bytes: Callable[[], int]) -> None:
        """Register functions that return how many requests wait for a back end, and their size."""
        self._labelled_gauges["queue_length"].labels(backend).set_function(length)
        self._labelled_gauges["queue_bytes"].labels(backend).set_function(size_bytes)

    def count_queued(self, backend: str, outcome: str, waited_seconds: float | None = None) -> None:
        """Count a request that found its back end full.

        Args:
            backend: the name of the back end.
            outcome: what became of it.
            waited_seconds: how long it waited; None if it did not.
        """
        self._labelled["queued"][backend, outcome].inc()
        if waited_seconds is not None:
            self._times["queue_wait_seconds"].part(backend).observe(waited_seconds)

    def count_key_request(self, name: str) -> None:
        """Count a request of a key; `name` is one of the settings."""
        self._labelled["key_requests"][(name,)].inc()

    def count_key_tokens(self, name: str, usage: Usage) -> None:
        """Count what a key has used."""
        for kind, amount in zip(TOKEN_KINDS, read_tokens(usage), strict=True):
            self._labelled["key_tokens"][name, kind].inc(amount)

    def count_key_refusal(self, name: str, reason: str) -> None:
        """Count a request that the policy of its key refused; `reason` is one of `codexd.http.key_access.REFUSALS`."""
        self._labelled["key_refusals"][name, reason].inc()

    def watch_account(self, account: AccountState) -> None:
        """Register the limits of the Codex account; read at every scrape."""
        used = self._labelled_gauges["account_limit_used_ratio"]
        resets = self._labelled_gauges["account_limit_reset_timestamp_seconds"]
        for window in WINDOWS:
            used.labels(window).set_function(partial(account.used_ratio, window))
            resets.labels(window).set_function(partial(account.resets_at, window))

    def watch_key_budgets(self, meters: Iterable[KeyMeter]) -> None:
        """Register the budgets of all keys; read at every scrape."""
        used, sizes = self._labelled_gauges["key_budget_used_ratio"], self._labelled_gauges["key_budget_tokens"]
        used.clear()
        sizes.clear()
        for meter in meters:
            for budget in meter.budgets:
                if budget.limit is not None:
                    labels = meter.policy.name, budget.kind
                    used.labels(*labels).set_function(partial(meter.used_ratio, budget.kind))
                    sizes.labels(*labels).set(budget.limit)

    def count_tokens(self, usage: Usage, model: str) -> None:
        """Count tokens that were used with a model; those of a model are only what its provider counted."""
        counter = self._labelled["tokens_estimated" if usage.estimated else "tokens"]
        by_model, label = self._labelled["model_tokens"], self.models.label(model)
        for kind, amount in zip(TOKEN_KINDS, read_tokens(usage), strict=True):
            counter[(kind,)].inc(amount)
            if amount and not usage.estimated:
                by_model[label, kind].inc(amount)

    def _count_usage(self, record: RequestRecord) -> None:
        for charge in record.charges:
            self.count_tokens(charge.usage, record.model)
        for param in record.ignored:
            self._labelled["ignored_params"][(_param_label(param),)].inc()

    def render(self) -> bytes:
        """Render all metrics in Prometheus' text format, version 0.0.4."""
        return generate_latest(self._registry)


def _param_label(param: str) -> str:
    """Return the top-level field of a parameter path, `other` for a field that OpenAI does not define."""
    name = param.partition(".")[0].partition("[")[0]
    return name if name in PARAMS else OTHER
