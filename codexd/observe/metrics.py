"""Prometheus counters, gauges and histograms. Labels take few values, and clients cannot add any.

Other packages count and set metrics by the names in these tables and do not import prometheus_client.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from codexd.context import TOKEN_KINDS, RequestRecord, read_tokens
from codexd.neutral.event import Usage
from codexd.policy.key_meter import KeyMeter

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4.encode()

COUNTERS: Final = {
    "client_disconnected": "Responses cancelled because their client disconnected.",
    "slow_client": "Clients disconnected because they read too slowly.",
    "client_paused": "Times a model's output was paused for a slow client.",
    "background_started": "Background responses started.",
    "background_displaced": "Background responses that failed to make room for those of keys that had fewer.",
    "connection_refused": "Connections closed at once because too many were open.",
    "connection_closed_idle": "Idle connections closed to make room for new ones.",
    "authentication_failed": "Requests without a valid API key.",
    "malformed_request": "Requests that were not valid HTTP.",
    "internal_error": "Unexpected exceptions in codexd.",
    "log_lines_dropped": "Log lines that were dropped because their destination stalled or failed.",
    "affinity_hit": "Requests continued on an idle thread.",
    "affinity_miss": "Requests for which there was no matching idle thread.",
    "affinity_evicted": "Idle threads closed because of age, number or memory.",
    "fallback_used": "Requests passed to a fallback because the model before it could not respond.",
    "turn_suspended": "Turns suspended to wait for tool results.",
    "turn_resumed": "Suspended turns resumed with their tool results.",
    "turn_replayed": "Tool results whose turn no longer existed; history replayed on a new thread.",
    "turn_truncated": "Histories shortened because the request asked for truncation.",
    "turn_expired": "Suspended turns ended at their deadline or to make room for others.",
    "turn_retried": "Turns started again on a Codex process after a failure before their first event.",
    "turn_interrupted": "Turns interrupted in a Codex process.",
    "watchdog_no_first_event": "Turns failed because the model did not start to respond in time.",
    "watchdog_unreachable": "Turns failed because Codex could not connect to the model's provider.",
    "watchdog_idle_timeout": "Turns failed because the model stopped sending events.",
    "watchdog_too_long": "Turns failed because they exceeded the maximum duration.",
    "images_fetched": "Images by URL that were fetched.",
    "images_refused": "Images by URL that were not fetched because of a limit or a rule of `[images]`.",
    "images_failed": "Images by URL that could not be fetched, or were not accepted.",
    "image_bytes": "Bytes of fetched images.",
    "image_cache_hits": "Images by URL that were in the cache.",
    "upstream_retried": "Requests to an upstream retried after a failure.",
    "upstream_breaker_open": "Requests refused because an upstream's circuit breaker was open.",
    "codex_breaker_open": "Requests refused because the circuit breaker of Codex's model provider was open.",
    "crash_quarantined": "Times an API key was refused for a while because Codex processes ended during its turns.",
    "child_started": "Codex processes started.",
    "child_exited": "Codex processes that exited unexpectedly.",
    "child_hung": "Codex processes killed because they did not respond.",
    "child_orphans_killed": "Processes that were killed because a Codex process had left them behind.",
    "child_line_malformed": "Lines from a Codex process that were not JSON-RPC.",
    "child_notification_ignored": "Notifications from a Codex process that codexd does not use.",
    "child_request_declined": "Requests from a Codex process that were declined or unknown.",
    "child_call_timeout": "Calls to a Codex process that timed out.",
    "tool_block_started": "Tool call blocks started in a model's text.",
    "tool_block_parsed": "Tool call blocks in a model's text that were complete.",
    "tool_block_rejected": "Tool call blocks in a model's text that were invalid or too long.",
    "store_writes": "Changes committed to the store.",
    "store_failures": "Store calls that failed, for example on a full disk.",
    "store_refused": "Store calls refused because too many waited or the disk did not respond.",
    "store_restored": "Times the database file vanished and its content was restored.",
    "reloads": "Reloads of the settings.",
    "reloads_failed": "Reloads that changed nothing because the new settings were wrong.",
    "otel_failures": "Failures of the export of traces to a collector.",
    "trace_files_written": "Files written to the trace buffer.",
    "trace_failures": "Times a file of the trace buffer could not be written or deleted.",
    "responses_pruned": "Stored responses deleted because of age or number.",
}
"""The counters: name to help text; exported as `codexd_<name>_total`."""

GAUGES: Final = {
    "connections_open": "Open connections of clients.",
    "requests_running": "Running responses, background responses included, replayed streams and forwarded requests.",
    "received_bytes": "Size of the bodies of the requests that are being handled; small ones are not counted.",
    "unsent_bytes": "Size of the responses that wait for slow clients.",
    "background_running": "Running background responses.",
    "turns_running": "Turns running in Codex processes.",
    "turns_suspended": "Turns that wait for tool results.",
    "threads_idle": "Idle threads kept for the next request of their conversation.",
    "image_cache_bytes": "Memory of the cached images.",
    "requests_waiting_for_images": "Requests that wait for their images.",
    "children_up": "Codex processes that are ready.",
    "codex_circuit_open": "Whether the circuit breaker of Codex's model provider is open for all requests.",
    "children_resident_bytes": "Resident memory of all Codex processes.",
    "responses_stored": "Stored responses.",
    "store_up": "Whether responses can be stored.",
    "store_queue_bytes": "Memory of the calls that wait for the database.",
    "trace_enabled": "Whether the trace buffer records prompts and outputs.",
    "maintenance": "Whether maintenance is on.",
}
"""The gauges: name to help text; exported as `codexd_<name>`."""

LABELLED_GAUGES: Final = {
    "upstream_up": (
        "Whether an upstream is ready: its models are listed and its circuit breaker is closed.",
        ("upstream",),
    ),
    "queue_length": ("Requests that wait until their back end has room.", ("backend",)),
    "queue_bytes": ("Memory of the requests that wait until their back end has room.", ("backend",)),
    "key_budget_used_ratio": ("The part of an API key's budget that is used.", ("key", "period")),
}
"""The gauges with labels: name to help text and labels; exported as `codexd_<name>`."""

LABELLED: Final = {
    "requests": ("HTTP requests.", ("route", "status", "outcome")),
    "background_finished": ("Background responses that have ended.", ("outcome",)),
    "upstream_requests": (
        "Requests to upstreams that have ended.",
        ("upstream", "outcome"),
    ),
    "store_faults": ("Times a fault of the database file began.", ("problem",)),
    "queued": (
        "Requests that found their back end full, by what became of them: admitted, expired, cancelled, displaced by"
        " those of other keys, refused because too many wait, or shutting_down.",
        ("backend", "outcome"),
    ),
    "tokens": ("Tokens used.", ("kind",)),
    "trace_files_pruned": ("Files of the trace buffer that were deleted because of a limit.", ("reason",)),
    "child_recycled": ("Codex processes replaced by a new one although they worked.", ("reason",)),
    "key_requests": ("Requests of an API key that has a name.", ("key",)),
    "key_tokens": ("Tokens used by an API key that has a name; estimated where no provider counted.", ("key", "kind")),
    "key_refusals": ("Requests of an API key that its policy refused.", ("key", "reason")),
    "ignored_params": ("Request fields accepted without effect.", ("param",)),
}
"""The counters with labels: name to help text and labels."""

TIMES: Final = {
    "request_duration_seconds": ("Time from a request's arrival to its end.", "route"),
    "first_event_seconds": ("Time from a request's arrival to the model's first event.", "route"),
    "queue_wait_seconds": ("Time that a request waited until its back end had room.", "backend"),
}
"""The histograms of seconds: name to help text and label."""

_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)

_PARAM_NAMES: Final = """
audio background client_metadata conversation frequency_penalty include input logit_bias logprobs
max_completion_tokens max_output_tokens max_tokens max_tool_calls metadata modalities n parallel_tool_calls
prediction presence_penalty prompt prompt_cache_key prompt_cache_retention reasoning response_format
safety_identifier seed service_tier stop store stream_options temperature text tool_choice tools top_logprobs
top_p truncation user verbosity web_search_options
"""
_PARAMS: Final = frozenset(_PARAM_NAMES.split())


_Metric = TypeVar("_Metric", Counter, Histogram)


class _ByLabels(dict[tuple[str, ...], _Metric]):
    """The parts of a metric by the values of its labels: prometheus_client takes a lock to look one up."""

    def __init__(self, metric: _Metric) -> None:
        super().__init__()
        self._metric: _Metric = metric

    def __missing__(self, labels: tuple[str, ...]) -> _Metric:
        part: _Metric = self._metric.labels(*labels)
        self[labels] = part
        return part


class Metrics:
    """The metrics of one daemon, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._counters = {name: Counter(f"codexd_{name}", text, registry=registry) for name, text in COUNTERS.items()}
        self._gauges = {name: Gauge(f"codexd_{name}", text, registry=registry) for name, text in GAUGES.items()}
        self._labelled = {
            name: _ByLabels(Counter(f"codexd_{name}", text, labels, registry=registry))
            for name, (text, labels) in LABELLED.items()
        }
        self._times = {
            name: _ByLabels(Histogram(f"codexd_{name}", text, (label,), registry=registry, buckets=_BUCKETS))
            for name, (text, label) in TIMES.items()
        }
        self._labelled_gauges = {
            name: Gauge(f"codexd_{name}", text, labels, registry=registry)
            for name, (text, labels) in LABELLED_GAUGES.items()
        }

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

    def count_request(self, record: RequestRecord) -> None:
        """Count and time a finished request."""
        self._labelled["requests"][record.route, str(record.status), record.outcome].inc()
        self._times["request_duration_seconds"][(record.route,)].observe(record.seconds)
        if record.first_event_seconds is not None:
            self._times["first_event_seconds"][(record.route,)].observe(record.first_event_seconds)
        if record.outcome == "invalid_api_key":
            self.count("authentication_failed")
        self._count_usage(record)

    def count_background_response(self, record: RequestRecord) -> None:
        """Count a finished background response."""
        self._labelled["background_finished"][(record.outcome,)].inc()
        self._count_usage(record)

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

    def watch_upstream(self, name: str, up: Callable[[], bool]) -> None:
        """Register a function that returns whether an upstream is ready; called at every scrape."""
        self._labelled_gauges["upstream_up"].labels(name).set_function(up)

    def forget_upstream(self, name: str) -> None:
        """Remove the gauges of an upstream that is no longer configured."""
        for gauge in ("upstream_up", "queue_length", "queue_bytes"):
            with suppress(KeyError):
                self._labelled_gauges[gauge].remove(name)

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
            self._times["queue_wait_seconds"][(backend,)].observe(waited_seconds)

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

    def watch_key_budgets(self, meters: Iterable[KeyMeter]) -> None:
        """Register the budgets of all keys; read at every scrape."""
        gauge = self._labelled_gauges["key_budget_used_ratio"]
        gauge.clear()
        for meter in meters:
            for budget in meter.budgets:
                if budget.limit is not None:
                    gauge.labels(meter.policy.name, budget.kind).set_function(partial(meter.used_ratio, budget.kind))

    def _count_usage(self, record: RequestRecord) -> None:
        for kind, amount in record.tokens().items():
            self._labelled["tokens"][(kind,)].inc(amount)
        for param in record.ignored:
            self._labelled["ignored_params"][(_param_label(param),)].inc()

    def render(self) -> bytes:
        """Render all metrics in Prometheus' text format, version 0.0.4."""
        return generate_latest(self._registry)


def _param_label(param: str) -> str:
    """Return the top-level field of a parameter path, `other` for a field that OpenAI does not define."""
    name = param.partition(".")[0].partition("[")[0]
    return name if name in _PARAMS else "other"
