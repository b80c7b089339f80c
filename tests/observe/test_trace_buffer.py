import os
from pathlib import Path

from attrs import evolve
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from codexd.context import RequestRecord
from codexd.decode_thread import run_at_once
from codexd.observe.metrics import Metrics
from codexd.observe.trace_buffer import TraceBuffer
from codexd.observe.trace_files import TraceDirectory
from codexd.request_trace import TracedRequest
from codexd.settings import Trace
from codexd.wire import json
from tests.support.metric_samples import metric

NOW = 1_700_000_000.25
REQUEST = TracedRequest(method=b"POST", path=b"/v1/responses", headers=(), body=b"{}")
SETTINGS = Trace(enabled=True, max_files=2)


def fail_to_write(directory: TraceDirectory, name: str, content: bytes) -> None:
    raise OSError(28, "No space left on device")


class TraceBufferTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()) / "traces"
        self.clock, self.metrics, self.now = Clock(), Metrics(), NOW
        self.buffer = self.make_buffer(self.path)

    def make_buffer(self, path: Path) -> TraceBuffer:
        return TraceBuffer(
            settings=SETTINGS,
            directory=TraceDirectory(path),
            run_in_thread=run_at_once,
            clock=self.clock,
            now=lambda: self.now,
            metrics=self.metrics,
        )

    def record(self, id: str) -> None:
        trace = self.buffer.begin(self.clock.seconds, REQUEST)
        trace.add("to_client", b"hello")
        self.buffer.finish(RequestRecord(id=id), trace)
        self.now += 1

    def test_a_finished_request_is_a_file_that_is_named_by_its_time_and_id(self) -> None:
        self.record("req_1")
        (name,) = os.listdir(self.path)
        self.assertEqual(name, "20231114T221320.250Z-req_1.json")
        shown = json.decode((self.path / name).read_bytes())
        self.assertEqual((shown["story"]["id"], shown["messages"][0]["text"]), ("req_1", "hello"))
        self.assertEqual(metric(self.metrics, "codexd_trace_files_written_total"), 1)

    def test_what_is_deleted_is_counted_and_logged(self) -> None:
        with capturedLogs() as logged:
            for number in range(3):
                self.record(f"req_{number}")
        self.assertEqual(len(os.listdir(self.path)), 2)
        self.assertEqual(metric(self.metrics, "codexd_trace_files_pruned_total", reason="count"), 1)
        self.assertIn("Deleted 1 files of the trace buffer: 0 too old, 1 too many", formatEvent(logged[-1]))

    def test_old_files_are_deleted_while_no_request_comes_and_while_it_is_off(self) -> None:
        self.record("req_1")
        self.buffer.apply(evolve(SETTINGS, enabled=False), TraceDirectory(self.path))
        self.assertFalse(self.buffer.is_enabled)
        self.buffer.start()
        self.addCleanup(self.buffer.stop)
        self.now = os.stat(self.path / os.listdir(self.path)[0]).st_mtime + SETTINGS.ttl_seconds + 1
        self.clock.advance(60)
        self.assertEqual(os.listdir(self.path), [])
        self.assertEqual(metric(self.metrics, "codexd_trace_files_pruned_total", reason="expired"), 1)

    def test_a_failure_is_counted_and_logged_and_frees_the_memory(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text("not a directory")
        with capturedLogs() as logged:
            self.record("req_1")
        self.assertEqual(metric(self.metrics, "codexd_trace_failures_total"), 1)
        self.assertIn("The trace buffer failed", formatEvent(logged[-1]))
        self.assertEqual(self.buffer._memory.used_bytes, 0)

    def test_a_failure_is_logged_once_and_old_files_are_deleted_meanwhile(self) -> None:
        self.record("old")
        (old,) = self.path.iterdir()
        self.now = old.stat().st_mtime + SETTINGS.ttl_seconds + 1
        self.patch(TraceDirectory, "write", fail_to_write)
        with capturedLogs() as logged:
            for number in range(3):
                self.record(f"req_{number}")
        self.assertEqual(metric(self.metrics, "codexd_trace_failures_total"), 3)
        self.assertEqual([event["event"] for event in logged], ["trace_buffer_failed", "trace_files_deleted"])
        self.assertEqual(os.listdir(self.path), [])

    def test_that_it_works_again_is_logged_once(self) -> None:
        with capturedLogs() as logged:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text("not a directory")
            self.record("req_1")
            self.path.unlink()
            self.record("req_2")
            self.record("req_3")
        self.assertEqual([event["event"] for event in logged], ["trace_buffer_failed", "trace_buffer_works"])

    def test_another_directory_that_fails_is_logged_too(self) -> None:
        self.patch(TraceDirectory, "write", fail_to_write)
        with capturedLogs() as logged:
            for path in (self.path, self.path, self.path / "other"):
                self.buffer.apply(SETTINGS, TraceDirectory(path))
                self.record("req_1")
        self.assertEqual([event["event"] for event in logged], ["trace_buffer_failed", "trace_buffer_failed"])

    def test_a_metric_shows_that_it_is_on(self) -> None:
        self.assertEqual(metric(self.metrics, "codexd_trace_enabled"), 1)
