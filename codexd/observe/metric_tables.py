"""All metrics, in tables: their names, help texts and labels. docs/metrics.md is made from them.

Labels take few values, and clients cannot add any.
"""

from typing import Final

from codexd.observe.histogram import HistogramDescription

COUNTERS: Final = {
    "client_disconnected": "Responses cancelled because their client disconnected.",
    "slow_client": "Clients disconnected because they read too slowly.",
    "client_paused": "Times a model's output was paused for a slow client.",
    "request_body_bytes": "Bytes of request bodies, as received.",
    "response_body_bytes": "Bytes of response bodies, as given to the connections.",
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
    "upstream_breaker_open": "Requests refused while the circuit breaker of an upstream was open, not its openings.",
    "codex_breaker_open": "Requests refused while the circuit breaker of Codex's provider was open, not its openings.",
    "crash_quarantined": "Times an API key was refused for a while because Codex processes ended during its turns.",
    "child_started": "Codex processes started.",
    "child_exited": "Codex processes that exited unexpectedly.",
    "child_hung": "Codex processes killed because they did not respond.",
    "child_orphans_killed": "Processes that were killed because a Codex process had left them behind.",
    "child_line_malformed": "Lines from a Codex process that were not JSON-RPC.",
    "child_notification_ignored": "Notifications from a Codex process that codexd does not use.",
    "child_request_declined": "Requests from a Codex process that were declined or unknown.",
    "child_call_timeout": "Calls to a Codex process that timed out.",
    "tool_buffer_started": "Tool call blocks started in a model's text.",
    "tool_buffer_flushed": "Tool call blocks in a model's text that were complete.",
    "tool_buffer_aborted": "Tool call blocks in a model's text that were invalid or too long.",
    "store_writes": "Changes committed to the store.",
    "store_failures": "Store calls that failed, for example on a full disk.",
    "store_refused": "Store calls refused because too many waited or the disk did not respond.",
    "usage_rows_lost": "Rows of the ledger of usage that were lost because the store did not accept them.",
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
    "usage_rows_waiting": "Rows of the ledger of usage that wait to be written.",
    "maintenance": "Whether maintenance is on.",
}
"""The gauges: name to help text; exported as `codexd_<name>`."""

LABELLED_GAUGES: Final = {
    "build_info": ("1; the labels are the versions.", ("version", "codex_version")),
    "child_resident_bytes": ("Resident memory of a Codex process.", ("worker",)),
    "upstream_circuit_open": (
        "Whether the circuit breaker of an upstream is open for all requests.",
        ("upstream",),
    ),
    "upstream_up": (
        "Whether an upstream is ready: its models are listed and its circuit breaker is closed.",
        ("upstream",),
    ),
    "queue_length": ("Requests that wait until their back end has room.", ("backend",)),
    "queue_bytes": ("Memory of the requests that wait until their back end has room.", ("backend",)),
    "account_limit_used_ratio": ("The part of a limit of the Codex account that is used; NaN is unknown.", ("window",)),
    "account_limit_reset_timestamp_seconds": (
        "When a limit of the Codex account resets, in Unix time; NaN is unknown.",
        ("window",),
    ),
    "account_logged_in": ("Whether Codex is logged in to an account, or has an API key.", ("backend",)),
    "account_expires_seconds": (
        "Time until the access token of Codex's login expires, which Codex renews; NaN if it is not known.",
        ("backend",),
    ),
    "home_children_up": ("Codex processes that are ready, by home.", ("backend",)),
    "home_children_resident_bytes": ("Resident memory of Codex processes, by home.", ("backend",)),
    "home_circuit_open": ("Whether the circuit breaker of the model provider of a home is open.", ("backend",)),
    "home_threads_idle": ("Idle threads, by home.", ("backend",)),
    "home_turns_running": ("Turns running in Codex processes, by home.", ("backend",)),
    "home_turns_suspended": ("Turns that wait for tool results, by home.", ("backend",)),
    "key_budget_tokens": ("The budget of an API key for a day or a month, in tokens.", ("key", "period")),
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
    "rpc_requests": ("Calls to Codex processes.", ("method",)),
    "rpc_errors": (
        "Calls to Codex processes that failed: with an error, without a reply in time (timeout), or by an exit.",
        ("method", "reason"),
    ),
    "tokens": ("Tokens used, as the model providers counted them.", ("kind",)),
    "tokens_estimated": ("Tokens used, as estimated where no model provider counted them.", ("kind",)),
    "model_tokens": (
        "Tokens used as counted by the providers, by a model that is listed or configured; any other is `other`.",
        ("model", "kind"),
    ),
    "trace_files_pruned": ("Files of the trace buffer that were deleted because of a limit.", ("reason",)),
    "child_recycled": ("Codex processes replaced by a new one although they worked.", ("reason",)),
    "key_requests": ("Requests of an API key that has a name.", ("key",)),
    "key_tokens": ("Tokens used by an API key that has a name; estimated where no provider counted.", ("key", "kind")),
    "key_refusals": ("Requests of an API key that its policy refused.", ("key", "reason")),
    "ignored_params": ("Request fields accepted without effect.", ("param",)),
}
"""The counters with labels: name to help text and labels."""

_REQUEST_BOUNDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
_FIRST_EVENT_BOUNDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120)
_QUEUE_BOUNDS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120)
_GAP_BOUNDS: Final = (0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_RPC_BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LAG_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)

TIMES: Final = {
    "request_duration_seconds": HistogramDescription(
        "Time from a request's arrival to its end.", "route", _REQUEST_BOUNDS
    ),
    "first_event_seconds": HistogramDescription(
        "Time from a request's arrival to the model's first event.", "route", _FIRST_EVENT_BOUNDS
    ),
    "output_gap_seconds": HistogramDescription(
        "Time between two arrivals of output of one response; what arrives together is one arrival.",
        "backend",
        _GAP_BOUNDS,
    ),
    "queue_wait_seconds": HistogramDescription(
        "Time that a request waited until its back end had room.", "backend", _QUEUE_BOUNDS
    ),
    "rpc_seconds": HistogramDescription(
        "Time from a call to a Codex process to its reply, or to its failure.", "method", _RPC_BOUNDS
    ),
    "reactor_lag_seconds": HistogramDescription(
        "How late a timer fired that fires every second: how long the reactor was held.", None, _LAG_BOUNDS
    ),
}
"""The histograms of seconds; each has buckets for what it measures."""

RPC_METHODS: Final = frozenset(
    (
        "initialize",
        "account/read",
        "account/rateLimits/read",
        "account/usage/read",
        "config/read",
        "model/list",
        "thread/loaded/list",
        "thread/start",
        "thread/inject_items",
        "turn/start",
        "turn/interrupt",
        "thread/unsubscribe",
    )
)
"""The methods of a Codex process that are labels; any other is `other`."""

_PARAM_NAMES: Final = """
audio background client_metadata conversation frequency_penalty include input logit_bias logprobs
max_completion_tokens max_output_tokens max_tokens max_tool_calls metadata modalities n parallel_tool_calls
prediction presence_penalty prompt prompt_cache_key prompt_cache_retention reasoning response_format
safety_identifier seed service_tier stop store stream_options temperature text tool_choice tools top_logprobs
top_p truncation user verbosity web_search_options
"""
PARAMS: Final = frozenset(_PARAM_NAMES.split())
"""The request fields that are labels; any other is `other`."""
