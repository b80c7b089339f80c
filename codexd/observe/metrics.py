"""Prometheus counters, gauges and histograms. Labels take few values, and clients cannot add any.

Other packages count and set metrics by the names in these tables and do not import prometheus_client.
"""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from codexd.observe.request_record import RequestRecord

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4.encode()

COUNTERS: Final = {
    "client_gone": "Answers given up because their client left.",
    "reader_cut": "Streams cut because their client did not read.",
    "reader_held": "Times a model was held for a slow reader.",
    "background_started": "Answers begun in the background.",
    "malformed_request": "Requests that were not valid HTTP.",
    "internal_error": "Exceptions of the daemon's own making.",
    "affinity_hit": "Requests continued on a warm thread.",
    "affinity_miss": "Requests that found no warm thread to continue.",
    "affinity_evicted": "Warm threads let go for age, count or memory.",
    "fallback_taken": "Answers asked of another back end, as the one before could not begin.",
    "turn_suspended": "Turns suspended until their tools' results come.",
    "turn_resumed": "Suspended turns continued by their tools' results.",
    "turn_replayed": "Tool results whose turn was gone: history replayed on a new thread.",
    "turn_truncated": "Histories that were too long, and of which the beginning was left out as asked.",
    "turn_expired": "Suspended turns given up at their deadline or for room.",
    "turn_interrupted": "Turns interrupted in the child.",
    "watchdog_no_first_event": "Turns failed because the model did not begin in time.",
    "watchdog_idle": "Turns failed because the model stopped answering.",
    "watchdog_too_long": "Turns failed because they took too long.",
    "upstream_repeated": "Requests to an upstream made again after they failed.",
    "upstream_left_alone": "Requests not made because an upstream keeps failing.",
    "child_started": "Children started.",
    "child_ended": "Children that ended unasked.",
    "child_line_malformed": "Lines from a child that were not JSON-RPC.",
    "child_notification_ignored": "Notifications from a child that codexd does not know or has no use for.",
    "child_request_declined": "Requests of a child that were declined or not known.",
    "child_call_late": "Calls to a child that missed their deadline.",
    "tool_buffer_started": "Tool calls that models began to write into their text.",
    "tool_buffer_flushed": "Tool calls in a model's text that were whole.",
    "tool_buffer_aborted": "Tool calls in a model's text that were broken or too long, and so were text.",
    "store_writes": "Changes to what is kept that were made safe.",
    "store_failures": "Calls to the store that failed, as on a full disk.",
    "responses_pruned": "Kept answers deleted for age or count.",
}
"""The counters: name to help text; exported as `codexd_<name>_total`."""

GAUGES: Final = {
    "requests_running": "Answers under way, in the background too, and streams of those being read.",
    "background_running": "Answers running in the background.",
    "turns_running": "Turns running in children.",
    "turns_waiting": "Turns suspended for their tools' results.",
    "threads_warm": "Threads kept warm for their conversation's next request.",
    "children_up": "Children that are up.",
    "children_resident_bytes": "Resident memory of all children.",
    "responses_kept": "Answers that are kept.",
}
"""The gauges: name to help text; exported as `codexd_<name>`."""

LABELLED: Final = {
    "requests": ("Requests answered.", ("route", "status", "outcome")),
    "background_ended": ("Answers in the background that are over.", ("outcome",)),
    "upstream_requests": (
        "Answers and embeddings that were asked of an upstream and are over.",
        ("upstream", "outcome"),
    ),
    "tokens": ("Tokens used.", ("kind",)),
    "ignored_params": ("Request fields accepted without effect.", ("param",)),
}
"""The counters with labels: name to help text and labels."""

TIMES: Final = {
    "request_seconds": "From a request's coming to its end.",
    "first_event_seconds": "From a request's coming to the model's first event.",
}
"""The histograms of seconds by route: name to help text."""

_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)

_PARAM_NAMES: Final = """
audio background client_metadata conversation frequency_penalty include input logit_bias logprobs
max_completion_tokens max_output_tokens max_tokens max_tool_calls metadata modalities n parallel_tool_calls
prediction presence_penalty prompt prompt_cache_key prompt_cache_retention reasoning response_format
safety_identifier seed service_tier stop store stream_options temperature text tool_choice tools top_logprobs
top_p truncation user verbosity web_search_options
"""
_PARAMS: Final = frozenset(_PARAM_NAMES.split())


class Metrics:
    """The metrics of one daemon, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._counters = {name: Counter(f"codexd_{name}", text, registry=registry) for name, text in COUNTERS.items()}
        self._gauges = {name: Gauge(f"codexd_{name}", text, registry=registry) for name, text in GAUGES.items()}
        self._labelled = {
            name: Counter(f"codexd_{name}", text, labels, registry=registry)
            for name, (text, labels) in LABELLED.items()
        }
        self._times = {
            name: Histogram(f"codexd_{name}", text, ("route",), registry=registry, buckets=_BUCKETS)
            for name, text in TIMES.items()
        }
        self._upstreams_up = Gauge(
            "codexd_upstream_up",
            "Whether an upstream is ready: it has listed its models and is not left alone.",
            ("upstream",),
            registry=registry,
        )

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
        self._labelled["requests"].labels(record.route, str(record.status), record.outcome).inc()
        self._times["request_seconds"].labels(record.route).observe(record.seconds)
        if record.first_event_seconds is not None:
            self._times["first_event_seconds"].labels(record.route).observe(record.first_event_seconds)
        self._count_usage(record)

    def count_background_response(self, record: RequestRecord) -> None:
        """Count a finished background response."""
        self._labelled["background_ended"].labels(record.outcome).inc()
        self._count_usage(record)

    def count_upstream_request(self, name: str, outcome: str) -> None:
        """Count a finished request to an upstream.

        Args:
            name: the upstream's name in the settings.
            outcome: `ok`, `cancelled`, or the kind of the fault that ended it.
        """
        self._labelled["upstream_requests"].labels(name, outcome).inc()

    def watch_upstream(self, name: str, up: Callable[[], bool]) -> None:
        """Register a function that returns whether an upstream is ready; called at every scrape."""
        self._upstreams_up.labels(name).set_function(up)

    def _count_usage(self, record: RequestRecord) -> None:
        for kind, amount in record.tokens().items():
            self._labelled["tokens"].labels(kind).inc(amount)
        for param in record.ignored:
            self._labelled["ignored_params"].labels(_param_label(param)).inc()

    def render(self) -> bytes:
        """Render all metrics in Prometheus' text format, version 0.0.4."""
        return generate_latest(self._registry)


def _param_label(param: str) -> str:
    """Return the top-level field of a parameter path, `other` for a field that OpenAI does not define."""
    name = param.partition(".")[0].partition("[")[0]
    return name if name in _PARAMS else "other"
