"""Exports spans with OpenTelemetry's SDK (the extra `codexd[otel]`), which sends them in a thread of its own."""

import logging
import secrets
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from codexd import __version__
from codexd.configuration import ConfigurationError
from codexd.context import RequestRecord
from codexd.observe.metrics import Metrics
from codexd.observe.spans import SpanDescription, describe_request, describe_steps
from codexd.policy.tracing import SpanIds
from codexd.settings import Otel

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

_PACKAGES: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
_TRACES_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
_PATH: Final = "/v1/traces"
_EXPORTED_ROUTES: Final = "/v1/"
_REASON_CHARACTERS: Final = 500
STOP_SECONDS: Final = 2.0
"""How long the daemon waits for the last spans to be sent when it stops."""


def find_endpoint(settings: Otel, environ: Mapping[str, str]) -> str | None:
    """Return the URL to which traces are sent; None if they are not exported."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    base = settings.endpoint or environ.get(_ENDPOINT)
    if settings.endpoint is None and environ.get(_TRACES_ENDPOINT):
        return environ[_TRACES_ENDPOINT]
    if not base:
        return None
    return base if base.endswith(_PATH) else base.rstrip("/") + _PATH


def check_installed(settings: Otel, environ: Mapping[str, str]) -> None:
    """Check that what an export needs is installed.

    Raises:
        ConfigurationError: if it is not.
    """
    if find_endpoint(settings, environ) is not None and not _is_installed():
        source = "otel.endpoint" if settings.endpoint else f"{_ENDPOINT} or {_TRACES_ENDPOINT}"
        raise ConfigurationError(
            f"{source}: the export of traces needs OpenTelemetry's packages; install them with pip install"
            " 'codexd[otel]', or set OTEL_SDK_DISABLED=true"
        )


def _is_installed() -> bool:
    try:
        return all(find_spec(name) is not None for name in _PACKAGES)
    except ModuleNotFoundError:
        return False


class PlannedIds:
    """The ids of the next span (`opentelemetry.sdk.trace.id_generator.IdGenerator`).

    Attributes:
        trace_id: of its trace.
        span_id: its id, that an upstream was told or the client's request got; 0 for a new one.
    """

    trace_id = span_id = 0

    def generate_span_id(self) -> int:
        """Return the planned id, once."""
        planned, self.span_id = self.span_id, 0
        return planned or int(secrets.token_hex(8), 16) or 1

    def generate_trace_id(self) -> int:
        """Return the id of the trace."""
        return self.trace_id

    def is_trace_id_random(self) -> bool:
        """Return whether the id of the trace is known to be random: the client may have chosen it."""
        return False


class SpanExport:
    """Exports the spans of finished requests.

    Args:
        processor: receives the spans; never blocks, and drops what it cannot hold.
        environ: the process environment.
    """

    def __init__(self, processor: "SpanProcessor", environ: Mapping[str, str]) -> None:
        from opentelemetry import trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON

        name = {} if environ.get("OTEL_SERVICE_NAME") else {"service.name": "codexd"}
        self._trace = trace
        self._ids = PlannedIds()
        provider = TracerProvider(
            # Whether a request is sampled was decided when it came, for its upstreams know it.
            sampler=ALWAYS_ON,
            resource=Resource.create({**name, "service.version": __version__}),
            id_generator=self._ids,  # type: ignore[arg-type]  # its base class is not always installed
            shutdown_on_exit=False,
        )
        provider.add_span_processor(processor)
        self._processor = processor
        self._tracer = provider.get_tracer("codexd", __version__)
        kinds = trace.SpanKind
        self._kinds = {"server": kinds.SERVER, "client": kinds.CLIENT, "internal": kinds.INTERNAL}

    def export(self, record: RequestRecord) -> None:
        """Export a finished request, if it is sampled."""
        ids = record.span
        if ids is None or not ids.sampled or not record.route.startswith(_EXPORTED_ROUTES):
            return
        self._ids.trace_id = int(ids.trace_id, 16)
        self._emit(describe_request(record), ids, ids.parent_id)
        for step in describe_steps(record):
            self._emit(step, ids, ids.span_id)

    def stop(self, reactor: Any) -> "Deferred[None]":
        """Send what is left; fires when it was sent, or when a collector that does not answer has delayed the stop.

        The thread in which that is done does not keep the process alive.
        """
        stopped: Deferred[None] = Deferred()

        def end() -> None:
            if timer.active():
                timer.cancel()
                stopped.callback(None)

        def run() -> None:
            self._processor.shutdown()
            reactor.callFromThread(end)

        timer = reactor.callLater(STOP_SECONDS, stopped.callback, None)
        Thread(target=run, daemon=True, name="span-export-stop").start()
        return stopped

    def _emit(self, described: SpanDescription, ids: SpanIds, parent_id: str) -> None:
        trace = self._trace
        self._ids.span_id = int(described.span_id or "0", 16)
        span = self._tracer.start_span(
            described.name,
            context=self._context(ids, parent_id),
            kind=self._kinds[described.kind],
            attributes=described.attributes,
            start_time=_nanoseconds(described.began),
        )
        for event in described.events:
            span.add_event(event.name, event.attributes, _nanoseconds(event.at))
        if described.error:
            span.set_status(trace.StatusCode.ERROR, described.error)
        span.end(_nanoseconds(described.ended))

    def _context(self, ids: SpanIds, parent_id: str) -> Any:
        """Return the context of a span: its parent; an empty one for the first span of a trace."""
        trace = self._trace
        if not parent_id:
            return trace.set_span_in_context(trace.INVALID_SPAN)
        flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
        parent = trace.SpanContext(int(ids.trace_id, 16), int(parent_id, 16), is_remote=True, trace_flags=flags)
        return trace.set_span_in_context(trace.NonRecordingSpan(parent))


def build_span_export(settings: Otel, environ: Mapping[str, str], metrics: Metrics, reactor: Any) -> SpanExport | None:
    """Build the export to the collector of the settings; None if there is none.

    Args:
        settings: its settings.
        environ: the process environment.
        metrics: counts failures.
        reactor: provides IReactorFromThreads.

    Raises:
        ConfigurationError: if a package is missing.
    """
    endpoint = find_endpoint(settings, environ)
    if endpoint is None:
        return None
    check_installed(settings, environ)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    call = reactor.callFromThread
    report_failures(lambda: call(metrics.count, "otel_failures"), call)
    return SpanExport(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)), environ)


class _FailureReporter(logging.Handler):
    """Counts what the SDK reports, and logs each kind of it once: a collector that is down would fill the log."""

    _log = Logger()

    def __init__(self, on_failure: Callable[[], object], call_in_reactor: Callable[..., Any]) -> None:
        super().__init__(logging.WARNING)
        self._on_failure = on_failure
        self._call_in_reactor = call_in_reactor
        self._reported: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Report a message; called in any thread."""
        self._on_failure()
        if record.msg not in self._reported:
            self._reported.add(str(record.msg))
            reason = record.getMessage()[:_REASON_CHARACTERS]
            self._call_in_reactor(
                self._log.warn, "Traces could not be exported: {reason}", event="trace_export_failed", reason=reason
            )


def report_failures(on_failure: Callable[[], object], call_in_reactor: Callable[..., Any]) -> None:
    """Report what OpenTelemetry's packages log, in place of Python's standard error."""
    logger = logging.getLogger("opentelemetry")
    logger.handlers = [_FailureReporter(on_failure, call_in_reactor)]
    logger.propagate = False
    for name, one in logging.root.manager.loggerDict.items():
        # The SDK hides repeated messages, of which there is one for each span that is dropped.
        if name.startswith("opentelemetry.") and isinstance(one, logging.Logger):
            one.filters.clear()


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)
