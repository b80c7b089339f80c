import logging
from collections.abc import Sequence
from threading import Event
from typing import Any

from attrs import evolve
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration import ConfigurationError
from codexd.observe import span_export
from codexd.observe.metrics import Metrics
from codexd.observe.span_export import SpanExport, build_span_export, check_installed, find_endpoint
from codexd.policy.tracing import continue_trace
from codexd.settings import Otel
from tests.support.finished_requests import SPAN_ID, TRACE_ID, UNIX_TIME, UPSTREAM_SPAN_ID, upstream_request


class Reactor(MemoryReactorClock):
    """A reactor in memory that runs what other threads ask of it at once."""

    def callFromThread(self, call: Any, *arguments: Any) -> None:
        call(*arguments)


class StuckExporter(SpanExporter):
    """A collector that does not answer before it is released."""

    def __init__(self) -> None:
        self.released = Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.released.wait(60)
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        pass


class SpanExportTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.export = SpanExport(SimpleSpanProcessor(self.exporter), {})

    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def test_a_request_and_its_steps_are_one_trace(self) -> None:
        self.export.export(upstream_request())
        root, *steps = self.spans()
        assert root.context is not None
        self.assertEqual((root.name, root.kind, root.parent), ("POST /v1/chat/completions", SpanKind.SERVER, None))
        self.assertEqual((f"{root.context.trace_id:032x}", f"{root.context.span_id:016x}"), (TRACE_ID, SPAN_ID))
        self.assertEqual((root.start_time, root.end_time), (int(UNIX_TIME * 1e9), int((UNIX_TIME + 4) * 1e9)))
        self.assertEqual([span.name for span in steps], ["queue near", "upstream near", "upstream near"])
        for span in steps:
            assert span.context is not None
            assert span.parent is not None
            self.assertEqual(span.context.trace_id, root.context.trace_id)
            self.assertEqual(span.parent.span_id, root.context.span_id)
        failed, last = steps[1:]
        assert last.context is not None
        self.assertEqual(f"{last.context.span_id:016x}", UPSTREAM_SPAN_ID)
        self.assertEqual((failed.status.status_code, last.status.status_code), (StatusCode.ERROR, StatusCode.UNSET))
        self.assertEqual(root.resource.attributes["service.name"], "codexd")

    def test_the_span_of_the_client_is_the_parent(self) -> None:
        record = upstream_request()
        record.span = continue_trace(f"00-{'a' * 32}-{'b' * 16}-01", "c" * 16)
        self.export.export(record)
        parent = self.spans()[0].parent
        assert parent is not None
        self.assertEqual((f"{parent.trace_id:x}", f"{parent.span_id:x}"), ("a" * 32, "b" * 16))

    def test_what_is_not_sampled_is_not_exported(self) -> None:
        record = upstream_request()
        for ids in (None, evolve(record.span, sampled=False)):
            record.span = ids
            self.export.export(record)
        self.assertEqual(self.spans(), ())

    def test_administration_and_probes_are_not_exported(self) -> None:
        self.export.export(evolve(upstream_request(), route="/admin/requests"))
        self.assertEqual(self.spans(), ())

    def test_a_collector_that_does_not_answer_neither_blocks_nor_grows_memory(self) -> None:
        stuck = StuckExporter()
        self.addCleanup(stuck.released.set)
        logger = logging.getLogger("opentelemetry")
        self.patch(logger, "handlers", [logging.NullHandler()])
        self.patch(logger, "propagate", False)
        processor = BatchSpanProcessor(stuck, max_queue_size=100, max_export_batch_size=10)
        export = SpanExport(processor, {})
        record = upstream_request()
        for _ in range(200):
            export.export(record)
        self.assertLessEqual(len(processor._batch_processor._queue), 100)
        reactor = Reactor()
        stopped = export.stop(reactor)
        self.assertNoResult(stopped)
        reactor.advance(span_export.STOP_SECONDS + 1)
        self.successResultOf(stopped)

    def test_each_span_that_is_dropped_is_counted(self) -> None:
        exporter = StuckExporter()
        processor = BatchSpanProcessor(exporter, max_queue_size=10, max_export_batch_size=10)
        self.addCleanup(processor.shutdown)
        self.addCleanup(exporter.released.set)
        logger = logging.getLogger("opentelemetry")
        self.patch(logger, "handlers", logger.handlers)
        self.patch(logger, "propagate", True)
        failures: list[None] = []
        span_export.report_failures(lambda: failures.append(None), lambda *_, **fields: None)
        export = SpanExport(processor, {})
        for _ in range(25):
            export.export(upstream_request())
        # Each request is four spans; a batch of ten is being sent, and ten wait.
        self.assertGreaterEqual(len(failures), 100 - 20)


class ConfigurationTests(SynchronousTestCase):
    def test_the_endpoint_is_that_of_the_settings_or_of_the_standard_variables(self) -> None:
        base, traces = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
        for settings, environ, expected in (
            (None, {}, None),
            ("http://a:4318", {}, "http://a:4318/v1/traces"),
            ("http://a:4318/v1/traces", {}, "http://a:4318/v1/traces"),
            ("http://a:4318", {base: "http://b"}, "http://a:4318/v1/traces"),
            (None, {base: "http://b/"}, "http://b/v1/traces"),
            (None, {base: "http://b", traces: "http://c/x"}, "http://c/x"),
            ("http://a:4318", {"OTEL_SDK_DISABLED": "true"}, None),
        ):
            self.assertEqual(find_endpoint(Otel(endpoint=settings), environ), expected)

    def test_without_the_packages_the_error_says_what_to_install(self) -> None:
        self.patch(span_export, "_PACKAGES", ("opentelemetry_that_is_missing.sdk",))
        check_installed(Otel(), {})
        for settings, environ, name in (
            (Otel(endpoint="http://a"), {}, "otel.endpoint"),
            (Otel(), {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ):
            error = self.assertRaises(ConfigurationError, check_installed, settings, environ)
            self.assertIn(name, str(error))
            self.assertIn("pip install 'codexd[otel]'", str(error))

    def test_without_an_endpoint_nothing_is_built(self) -> None:
        self.assertIsNone(build_span_export(Otel(), {}, Metrics(), Reactor()))

    def test_what_the_packages_log_is_counted_and_logged_once(self) -> None:
        logger = logging.getLogger("opentelemetry")
        self.patch(logger, "handlers", [])
        self.patch(logger, "propagate", True)
        failures: list[None] = []
        calls: list[Any] = []
        span_export.report_failures(lambda: failures.append(None), lambda call, text, **fields: calls.append(fields))
        for _ in range(3):
            logging.getLogger("opentelemetry.exporter").warning("the collector is down")
        self.assertEqual(
            (len(failures), calls), (3, [{"event": "trace_export_failed", "reason": "the collector is down"}])
        )
