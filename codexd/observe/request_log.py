"""Logs and counts finished requests and internal errors."""

from collections.abc import Callable
from typing import Final

from attrs import Factory, frozen
from twisted.logger import Logger
from twisted.python.failure import Failure

from codexd.context import RequestRecord, UsageCharge
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.observe.log import AccessLog, format_failure
from codexd.observe.metrics import Metrics
from codexd.observe.recent_requests import RecentRequests
from codexd.observe.span_export import SpanExport
from codexd.observe.trace_buffer import TraceBuffer
from codexd.policy.request_history import RequestHistory

REFUSALS: Final = frozenset(
    (
        "busy",
        "circuit_open",
        "key_background_limit",
        "key_budget_exhausted",
        "key_request_limit",
        "key_request_too_large",
        "key_token_limit",
        "key_turn_limit",
        "maintenance",
        "not_ready",
        "shutting_down",
        "unreachable",
    )
)
"""The outcomes of requests that reached no model: how long they took says nothing about the models."""


def _ignore(*_: object) -> None:
    """Record nothing."""


@frozen(kw_only=True)
class RequestLogger:
    """Writes requests to the access log, to the metrics and to the ledger of usage.

    Attributes:
        metrics: counts and times the requests.
        requests: writes one line per request.
        recent: remembers the running requests and the last ones.
        traces: the trace buffer; None if there is none.
        spans: exports traces; None if they are not exported.
        history: how long the requests to models took, and what they used.
        record_usage: adds a request to the ledger.
        record_late_usage: adds what a request has used after that.
    """

    _log = Logger()

    metrics: Metrics
    requests: AccessLog
    record_usage: Callable[[RequestRecord], object] = _ignore
    record_late_usage: Callable[[RequestRecord, UsageCharge], object] = _ignore
    recent: RecentRequests = Factory(RecentRequests)
    traces: TraceBuffer | None = None
    spans: SpanExport | None = None
    history: RequestHistory = Factory(RequestHistory)

    def begin(self, record: RequestRecord) -> None:
        """Remember a request, or a background response, that runs."""
        self.recent.began(record)

    def forget(self, record: RequestRecord) -> None:
        """Forget a background response that was not begun after all."""
        self.recent.forget(record)
        if record.trace is not None:
            record.trace.release()

    def log_request(self, record: RequestRecord) -> None:
        """Log and count a finished request."""
        self._end(record)
        self.metrics.count_request(record)
        self._finish(record)

    def log_background_response(self, record: RequestRecord) -> None:
        """Log and count a finished background response; its `record.method` is `background`."""
        self._end(record)
        self.metrics.count_background_response(record)
        self._finish(record)

    def _finish(self, record: RequestRecord) -> None:
        self.requests.write(record)
        self.record_usage(record)
        record.on_late_charge = self._log_late_charge

    def _log_late_charge(self, record: RequestRecord, charge: UsageCharge) -> None:
        """Count what a request has used after it was logged, such as a turn that its client no longer waits for."""
        self.metrics.count_tokens(charge.usage, record.model)
        self.record_late_usage(record, charge)

    def _end(self, record: RequestRecord) -> None:
        record.timeline.add("ended", status=record.outcome)
        self.recent.ended(record)
        trace, record.trace = record.trace, None
        if trace is not None and self.traces is not None:
            self.traces.finish(record, trace)
        if self.spans is not None:
            self.spans.export(record)
        is_refused = record.first_event_seconds is None and record.outcome in REFUSALS
        if is_refused or record.first_event_seconds is not None or (record.backend and record.is_failure):
            self._add_to_history(record, is_refused)

    def _add_to_history(self, record: RequestRecord, is_refused: bool) -> None:
        self.history.add(
            record.began + record.seconds,
            seconds=record.seconds,
            first_event_seconds=record.first_event_seconds,
            is_refused=is_refused,
        )

    def count_malformed_request(self) -> None:
        """Count bytes that were not an HTTP request."""
        self.metrics.count("malformed_request")

    def log_save_failure(self, failure: Failure, request_id: str = "none") -> Fault:
        """Return the fault for a response that was not saved; log the failure unless the store did.

        Args:
            failure: of the call to the store.
            request_id: the id of the request whose response it is; `none` for what is saved at the start.
        """
        if isinstance(failure.value, FaultError):
            return failure.value.fault
        self.metrics.count("internal_error")
        self._log.error(
            "Request {id}: a response could not be saved because of an internal error: {where}",
            event="internal_error",
            id=request_id,
            where=format_failure(failure),
        )
        return fault("internal")

    def log_unsaved(self, request_id: str) -> None:
        """Log that a response was ended before the store had stored its end, because the daemon stops."""
        self._log.error(
            "Request {id}: its response was not stored before the daemon stopped",
            event="response_not_stored",
            id=request_id,
        )

    def log_internal_error(self, record: RequestRecord, failure: Failure) -> None:
        """Log and count an exception of codexd's own during a request, without the exception's message."""
        self.metrics.count("internal_error")
        self._log.error(
            "Request {id}: internal error: {where}", event="internal_error", id=record.id, where=format_failure(failure)
        )
