import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from twisted.trial.unittest import SynchronousTestCase

from codexd.administration.replay_command import ReplayError, parse, run
from codexd.transcripts import archive
from codexd.wire import json
from codexd.wire.json import Json

BODY = b'{"id":"chatcmpl-%s","object":"chat.completion","created":%d,"choices":[]}'
BEFORE = BODY % (b"a" * 24, 1_700_000_000)


def make_trace(**changes: Json) -> Json:
    return {
        "format": 1,
        "story": {"id": "req_1", "time": 1_700_000_000.0, "outcome": "ok", "backend": "near"},
        "request": {
            "method": "POST",
            "path": "/v1/chat/completions",
            "headers": [["Content-Type", "application/json"], ["X-Codexd-Output-Mode", "obsidian-xml"]],
            "text": '{"model":"m"}',
        },
        "response": {"status": 200, "headers": [["Server", "codexd"], ["X-Request-Id", "req_" + "1" * 32]]},
        "messages": [
            {"channel": "to_upstream", "label": "POST chat/completions", "text": '{"model":"n"}'},
            {"channel": "from_upstream", "label": "200", "text": "data: 1"},
            {"channel": "to_client", "label": "", "text": BEFORE.decode()},
        ],
        "truncated": False,
        **changes,
    }


@contextmanager
def server(answer: bytes, requests: list[tuple[str, str | None, bytes]]) -> Iterator[str]:
    """Run a server on loopback that gives every request the same answer; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            requests.append((self.path, self.headers["authorization"], body))
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *arguments: object) -> None:
            """Log nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=listening.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}"
    finally:
        listening.shutdown()
        listening.server_close()


class ReplayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.file = self.folder / "trace.json"
        self.file.write_bytes(json.encode(make_trace()))

    def replay(self, *argv: str, key: str | None = None) -> tuple[int, str]:
        with redirect_stdout(io.StringIO()) as out:
            status = run(parse([str(self.file), *argv]), key, lambda: "codex-cli 0.163.0")
        return status, out.getvalue()

    def test_a_scenario_has_all_sections_with_ids_and_times_replaced(self) -> None:
        path = self.folder / "text.txt"
        self.assertEqual(self.replay("--scenario", str(path), "--about", "a text"), (0, f"wrote {path}\n"))
        sections = archive.decode(path.read_bytes())
        self.assertEqual(list(sections), ["meta.json", "request.1.json", "provider.1.json", "response.1.http"])
        metadata = json.decode(sections["meta.json"])
        self.assertEqual((metadata["about"], metadata["codex"], metadata["captured"]), ("a text", None, "2023-11-14"))
        self.assertEqual(
            json.decode(sections["request.1.json"]),
            {
                "method": "POST",
                "path": "/v1/chat/completions",
                "headers": {"X-Codexd-Output-Mode": "obsidian-xml"},
                "body": {"model": "m"},
            },
        )
        self.assertEqual(json.decode(sections["provider.1.json"]), [{"model": "n"}])
        head, _, body = sections["response.1.http"].partition(b"\n\n")
        self.assertEqual(
            head.split(b"\n"),
            [b"HTTP/1.1 200 OK", b"Server: codexd", b"X-Request-Id: <req 1>", b"Transfer-Encoding: chunked"],
        )
        self.assertIn(b'"id":"<chatcmpl 1>"', body)
        self.assertIn(b'"created":"<time 1>"', body)

    def test_an_existing_file_is_not_replaced(self) -> None:
        error = self.assertRaises(ReplayError, self.replay, "--scenario", str(self.file))
        self.assertIn("an existing file is not replaced", str(error))

    def test_an_answer_that_differs_only_in_ids_and_times_is_equal(self) -> None:
        requests: list[tuple[str, str | None, bytes]] = []
        with server(BODY % (b"b" * 24, 1_800_000_000), requests) as url:
            status, out = self.replay("--url", url, key="sk-1")
        self.assertEqual((status, out), (0, "The answers are equal, but for ids and times.\n"))
        self.assertEqual(requests, [("/v1/chat/completions", "Bearer sk-1", b'{"model":"m"}')])

    def test_any_other_difference_is_shown(self) -> None:
        with server(BEFORE.replace(b"[]", b"[1]"), []) as url:
            status, out = self.replay("--url", url)
        self.assertEqual(status, 1)
        self.assertIn('"choices":[1]', out)

    def test_what_cannot_be_replayed_is_explained(self) -> None:
        for content, reason in (
            (b"{}", "not a file of the trace buffer"),
            (b"nothing", "not a file of the trace buffer"),
            (json.encode(make_trace(response=None)), "background response"),
        ):
            self.file.write_bytes(content)
            error = self.assertRaises(ReplayError, self.replay, "--scenario", str(self.folder / "new.txt"))
            self.assertIn(reason, str(error))

    def test_a_server_that_does_not_answer_is_named(self) -> None:
        error = self.assertRaises(ReplayError, self.replay, "--url", "http://127.0.0.1:1")
        self.assertIn("http://127.0.0.1:1 does not answer", str(error))

    def test_a_file_with_missing_members_or_other_types_is_an_error(self) -> None:
        trace = make_trace()
        wrong: list[Json] = [
            {"format": 1},
            *({name: value for name, value in trace.items() if name != missing} for missing in trace),
            *({**trace, name: value} for name in trace for value in (5, "x", [], {}, [5], {"a": "b"})),
            *(
                {**trace, name: {**trace[name], member: value}}
                for name in ("story", "request", "response")
                for member in trace[name]
                if member not in ("outcome", "backend", "id", "text", "method", "path")
                for value in ("x", None, [5], [["a"]], {"a": 1}, 1e300)
            ),
            make_trace(messages=[{"channel": "to_client", "base64": "\u00e9"}]),
            make_trace(messages=[{"channel": "to_client", "text": 5}]),
        ]
        for document in wrong:
            if document.get("messages") in ([], {}):  # a request without messages is complete
                continue
            self.file.write_bytes(json.encode(document))
            self.assertRaises(ReplayError, self.replay, "--scenario", str(self.folder / "new.txt"))

    def test_a_request_that_cannot_be_sent_is_an_error(self) -> None:
        request = make_trace()["request"]
        for changes in (
            {"path": "/v1/é"},
            {"path": "/a b"},
            {"headers": [["X-Codexd-Output-Mode", "a\r\nb: c"]]},
            {"headers": [["X-Codexd-Output-Mode", "\u2028"]]},
        ):
            self.file.write_bytes(json.encode(make_trace(request={**request, **changes})))
            with server(BEFORE, []) as url:
                self.assertRaises(ReplayError, self.replay, "--url", url)

    def test_a_wrong_address_is_an_error(self) -> None:
        for url in ("http://127.0.0.1:99999", "http://127.0.0.1:x", "http://[::1", "http://a b/", "x"):
            error = self.assertRaises(ReplayError, self.replay, "--url", url)
            self.assertIn("is not an http:// or https:// address", str(error))
