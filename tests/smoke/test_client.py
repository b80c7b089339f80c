"""The time of a request ends, however slowly the daemon sends."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

from twisted.trial.unittest import SynchronousTestCase

from codexd.smoke.client import SmokeClient, SmokeError


class SlowServerTests(SynchronousTestCase):
    def setUp(self) -> None:
        ended = Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.end_headers()
                while not ended.wait(0.05):
                    try:
                        self.wfile.write(b": keep-alive\n\n")
                    except OSError:
                        break

            do_GET = do_POST

            def log_message(self, format: str, *arguments: object) -> None:
                """Log nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.addCleanup(ended.set)
        self.client = SmokeClient(url=f"http://127.0.0.1:{server.server_port}", timeout_seconds=0.5)

    def test_a_body_that_does_not_end_is_an_error(self) -> None:
        error = self.assertRaises(SmokeError, self.client.send, "GET", "/v1/models")
        self.assertEqual(str(error), "the response has not ended after 0.5 s (--timeout)")

    def test_a_stream_of_nothing_but_comments_is_an_error(self) -> None:
        with self.assertRaises(SmokeError) as raised, self.client.stream("/v1/responses", {}) as frames:
            list(frames)
        self.assertIn("has not ended", str(raised.exception))
