import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from attrs import define
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.administration import trace_command
from codexd.context import RequestRecord
from codexd.observe.recent_requests import RecentRequest
from codexd.observe.request_story import render_story, render_summary
from codexd.observe.trace_document import encode_trace
from codexd.observe.trace_files import TraceDirectory
from codexd.request_trace import RequestTrace, TracedRequest, TraceMemory
from codexd.timeline import Timeline
from codexd.wire import json


@define
class FakeClient:
    """Answers every call with the same list, and records the paths."""

    data: list[Any]
    paths: list[str]

    def call(self, method: str, path: str) -> Any:
        self.paths.append(f"{method} {path}")
        return {"object": "list", "data": self.data}


def make_request() -> RecentRequest:
    clock = Clock()
    record = RequestRecord(
        id="req_1", method="POST", route="/v1/responses", status=200, model="m", principal="alice", seconds=3.5,
        timeline=Timeline(clock.seconds), time=1_700_000_000.0,
    )  # fmt: skip
    record.timeline.add("received", size=2048)
    clock.advance(0.81)
    run = record.timeline.begin("event", "text", size=14000)
    run.count = 213
    clock.advance(2.39)
    record.timeline.end(run)
    record.timeline.begin("store", "end")
    return RecentRequest(record, running=False)


class TraceCommandTests(SynchronousTestCase):
    def run_command(self, data: list[Any], *argv: str) -> tuple[str, list[str]]:
        client: Any = FakeClient(data, [])
        with redirect_stdout(io.StringIO()) as out:
            self.assertEqual(trace_command.run(trace_command.parse(argv), client), 0)
        return out.getvalue(), client.paths

    def test_a_request_is_explained_with_runs_sizes_and_times(self) -> None:
        out, paths = self.run_command([render_story(make_request(), 0)], "req_1")
        self.assertEqual(paths, ["GET requests/req_1"])
        lines = out.splitlines()
        self.assertEqual(lines[0], "2023-11-14T22:13:20Z req_1 POST /v1/responses 200 ok 3.50 s model=m key=alice")
        self.assertIn("in 2.0 kB", lines[1])
        self.assertEqual(lines[2].split(), ["0.0", "ms", "received", "2.0", "kB"])
        self.assertEqual(
            lines[3].split(), ["810.0", "ms", "-", "3.20", "s", "event", "text", "x", "213", "14000", "characters"]
        )
        self.assertEqual(lines[4].split(), ["3.20", "s", "...", "store", "end"])

    def test_the_last_requests_are_listed_by_the_conditions(self) -> None:
        out, paths = self.run_command([render_summary(make_request(), 0)], "--outcome", "failed", "--key", "a b")
        self.assertEqual(paths, ["GET requests?outcome=failed&key=a+b"])
        self.assertIn("req_1 POST", out)

    def test_no_such_request_is_said_beside_the_output(self) -> None:
        with redirect_stderr(io.StringIO()) as err:
            out, _ = self.run_command([], "--key", "bob")
        self.assertEqual(out, "")
        self.assertIn("No such request", err.getvalue())

    def test_a_request_that_no_route_matched_is_shown_with_its_path(self) -> None:
        story = render_summary(make_request(), 0) | {"route": "other", "path": "/v1/complete"}
        self.assertIn("req_1 POST /v1/complete 200", self.run_command([story])[0])

    def test_json_is_printed_as_it_is(self) -> None:
        story = render_story(make_request(), 0)
        out, _ = self.run_command([story], "req_1", "--json")
        self.assertEqual(json.decode(out), [story])

    def test_what_a_client_chose_cannot_control_the_terminal(self) -> None:
        story = render_story(make_request(), 0) | {"note": "a\x1b[2Jb"}
        out, _ = self.run_command([story], "req_1")
        self.assertNotIn("\x1b", out)

    def test_bodies_need_the_id_of_a_request(self) -> None:
        with redirect_stderr(io.StringIO()) as err:
            self.assertRaises(SystemExit, trace_command.parse, ["--bodies"])
        self.assertIn("needs the id of a request", err.getvalue())

    def test_an_empty_id_is_refused(self) -> None:
        with redirect_stderr(io.StringIO()) as err:
            self.assertRaises(SystemExit, trace_command.parse, [""])
        self.assertIn("is empty", err.getvalue())


class TraceFilesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = TraceDirectory(Path(self.mktemp()))
        request = TracedRequest(method=b"POST", path=b"/v1/responses", headers=((b"accept", b"*/*"),), body=b'{"a":1}')
        trace = RequestTrace(
            seconds=Clock().seconds, request=request, limit_bytes=10**6, memory=TraceMemory(10**6), is_truncated=True
        )
        story = render_story(make_request(), 0)
        self.directory.write("20231114T221320.250Z-req_1.json", encode_trace(trace, story, 0.0))

    def run_command(self, *argv: str, status: int = 0) -> str:
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(out):
            self.assertEqual(trace_command.run_on_files(trace_command.parse(argv), self.directory), status)
        return out.getvalue()

    def test_the_content_of_a_request_is_shown(self) -> None:
        out = self.run_command("req_1", "--bodies")
        for text in ("req_1 POST", "\naccept: */*\n", '{"a":1}', "the rest was not recorded"):
            self.assertIn(text, out)
        self.assertEqual(json.decode(self.run_command("req_1", "--bodies", "--json"))["format"], 1)

    def test_a_request_without_a_trace_is_an_error(self) -> None:
        self.assertIn("has no trace of req_2", self.run_command("req_2", "--bodies", status=1))

    def test_all_files_are_deleted(self) -> None:
        self.assertIn("deleted 1 file in", self.run_command("--purge"))
        self.assertEqual(self.directory.files(), ())

    def test_a_file_that_is_no_trace_is_an_error(self) -> None:
        for content in (b"", b"\xff", b"[]", b'{"format":1}', b'{"format":1,"story":{"time":1e300}}'):
            self.directory.write("20231114T221320.250Z-req_3.json", content)
            self.assertIn("file of the trace buffer", self.run_command("req_3", "--bodies", status=1))
        self.directory.write("20231114T221320.250Z-req_3.json", b"\xff")
        self.assertIn("not a file of the trace buffer", self.run_command("req_3", "--bodies", "--json", status=1))
