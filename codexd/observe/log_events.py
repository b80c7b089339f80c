"""The names of all events that the log reports (the field `event` of its JSON form).

Programs may rely on these names. Packages write the name beside the message, as the argument `event` of the call;
`tests/observe/test_log_events.py` compares the calls with this table, and docs/logs.md is made from it.
"""

from typing import Final

LogEventTable = dict[str, tuple[str, str]]
"""Name to levels and meaning."""

REQUESTS: Final[LogEventTable] = {
    "request": ("debug, info, warn", "A request is over: debug for probes, warn for failures of the server (5xx)."),
    "background_response": ("info, warn", "A background response is over."),
    "request_malformed": ("debug", "A request, or the first bytes of a connection, cannot be read."),
    "response_not_stored": ("error", "The daemon stopped before the store had stored the end of a response."),
    "internal_error": ("error, critical", "A defect of codexd: please report the line."),
    "prompt_file_added": ("warn", "Codex adds a file to the model's prompt that no client asked for."),
    "key_budget_exhausted": (
        "warn",
        "A key has used up its budget; once a day or month, at the first refusal.",
    ),
    "principal_quarantined": ("warn", "The requests of a key are refused for a while: they end Codex processes."),
}

DAEMON: Final[LogEventTable] = {
    "daemon_starting": ("info", "The daemon starts; nothing is listened on yet."),
    "listening": ("info", "An address accepts connections."),
    "daemon_started": ("info", "The daemon has started; Codex processes may not be up yet."),
    "daemon_ready": ("info", "Requests are served: a back end is ready."),
    "daemon_unready": ("warn", "No back end is ready any more."),
    "startup_hint": ("info", "A command to try."),
    "startup_warning": ("warn", "A risk of the configuration, or a setting that has no effect."),
    "clock_not_monotonic": ("warn", "Timers follow the wall clock."),
    "control_socket_failed": ("warn", "The control socket cannot be used; administration by commands is not possible."),
    "watchdog_ignored": ("warn", "WATCHDOG_USEC is not a number of microseconds; the watchdog is not fed."),
    "reloaded": ("info", "The settings were read again."),
    "reload_failed": ("error", "The settings were wrong and were not applied."),
    "maintenance_on": ("warn", "Maintenance has begun, or was on at the start."),
    "maintenance_off": ("info", "Maintenance has ended."),
    "maintenance_file_failed": ("error", "The file that keeps maintenance over restarts cannot be used."),
    "log_reopened": ("info", "The log file was opened again (SIGUSR1)."),
    "log_lines_dropped": ("warn", "The destination of the log stalled or failed; `count` lines are lost."),
    "daemon_stopping": ("info", "The drain has begun."),
    "stop_repeated": ("warn", "A second signal asks for a stop at once."),
    "stop_hurried": ("info", "Running responses end now."),
    "connections_cut": ("warn", "Clients had not read everything at the end of the drain."),
    "responses_cut": ("warn", "Responses were still running at the end of the drain."),
    "port_not_closed": ("warn", "A port or a unix socket could not be closed."),
    "daemon_stopped": ("info", "Everything is stopped and saved; the process exits."),
}

CODEX: Final[LogEventTable] = {
    "child_started": ("info", "A Codex process was started."),
    "child_ready": ("info", "A Codex process is ready for turns."),
    "child_hung": ("warn", "A Codex process does not respond, and is replaced."),
    "child_killed": ("warn", "codexd kills a Codex process; `reason` says why, `process_state` what it did."),
    "child_down": ("warn", "A Codex process that was ready is lost, with its turns."),
    "child_exited": ("warn", "A Codex process has exited; `next` says when it is restarted."),
    "restart_limit_reached": ("error", "A Codex process exits again and again; the next restart is delayed."),
    "child_recycling_started": ("info", "A Codex process is recycled; its successor starts."),
    "child_recycled": ("info", "The successor has taken over."),
    "child_recycling_failed": ("warn", "The successor is not up in time; the old process stays."),
    "child_stderr": ("debug, info, warn", "A line of a Codex process's stderr; debug during its start."),
    "home_started": ("info", "The second or a further home of Codex is served."),
    "home_without_login": ("warn", "One of several homes of Codex has no login and does not run."),
    "logged_out": ("warn", "Nobody is logged in to Codex any more."),
    "login_changed": ("info", "Codex has another login; its processes are replaced."),
    "login_expires": ("warn", "The access token of Codex's login expires soon, or has expired."),
    "login_rejected": ("warn", "A turn failed because OpenAI rejects the login of Codex."),
    "orphan_killed": ("warn", "A process was killed that a Codex process had left behind."),
    "model_catalog_unusable": ("warn", "The model catalog of the Codex binary cannot be read."),
    "model_list_failed": ("warn", "The model list of Codex could not be refreshed."),
    "account_limits_failed": ("debug", "The limits of the Codex account could not be read."),
    "provider_list_failed": ("warn", "The model list of Codex's configured provider could not be read."),
}

UPSTREAMS: Final[LogEventTable] = {
    "upstream_up": ("info", "An upstream is ready."),
    "upstream_down": ("warn", "An upstream is not ready any more."),
    "upstream_list_failed": ("warn", "The model list of an upstream could not be read."),
    "upstream_response_failed": ("warn", "The response of an upstream failed; `note` has details."),
    "upstream_output_dropped": ("warn", "The response of an upstream has output that cannot be passed on."),
    "upstream_state_dropped": ("warn", "The opaque state in the response of an upstream is too large."),
    "circuit_opened": (
        "warn",
        "A circuit breaker refuses requests: of the upstream `name`, or of Codex's `provider`.",
    ),
    "circuit_closed": ("info, warn", "A circuit breaker passes requests again."),
}

STORE: Final[LogEventTable] = {
    "store_degraded": ("error", "Responses cannot be stored; `problem` and `advice` say why and what to do."),
    "store_recovered": ("info", "Responses are stored again."),
    "store_restored": ("warn", "The database file had vanished, and was restored."),
    "store_call_failed": ("error", "A call to the store failed."),
    "usage_rows_lost": ("error", "The ledger of usage loses rows: the store has not accepted any for too long."),
}

TRACES: Final[LogEventTable] = {
    "trace_buffer_failed": (
        "error",
        "A file of the trace buffer cannot be written or deleted; logged once.",
    ),
    "trace_buffer_works": ("info", "A file of the trace buffer can be written again."),
    "trace_files_deleted": ("info", "Files of the trace buffer were deleted because of a limit."),
    "trace_export_failed": ("warn", "Traces could not be exported to a collector; each reason is logged once."),
}

GROUPS: Final = {
    "Requests": REQUESTS,
    "The daemon": DAEMON,
    "Codex processes": CODEX,
    "Upstreams and circuit breakers": UPSTREAMS,
    "The store": STORE,
    "Traces": TRACES,
}
"""All events by subject, in the order of docs/logs.md."""
