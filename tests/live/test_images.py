"""Images by URL: codexd fetches them, and the provider receives them inline."""

import base64
import signal
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

from codexd.wire.json import Json, encode
from tests.live.test_plain_profile import PIXEL
from tests.support import provider_requests
from tests.support.live_daemon import CHAT, RESPONSES, Daemon, DaemonSetup, LiveTestCase, message, shared
from tests.support.processes import TIMEOUT_SECONDS, wait_until

PNG = base64.b64decode(PIXEL.partition(",")[2])
LOOK: Json = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
INLINE: Json = {"type": "input_image", "image_url": PIXEL}


class _Images(BaseHTTPRequestHandler):
    """Serves the image at every path, except as the path says; `server.requested` has the paths."""

    protocol_version = "HTTP/1.1"
    server: "ImageServer"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.requested.append(path)
        if path == "/slow.png":
            self.server.release.wait(TIMEOUT_SECONDS)
        elif path == "/moved.png":
            self.send_response(302)
            self.send_header("location", "http://10.0.0.1/secret.png")
        else:
            self.send_response(404 if path == "/missing.png" else 200)
            self.send_header("content-type", "image/png")
        if path != "/slow.png":
            self.send_header("content-length", str(len(PNG)))
            self.end_headers()
            self.wfile.write(PNG)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


class ImageServer(ThreadingHTTPServer):
    """A server of one image, in a thread.

    Attributes:
        requested: the paths of the requests.
        release: ends the slow responses.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Images)
        self.requested: list[str] = []
        self.release = Event()
        Thread(target=self.serve_forever, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


@cache
def image_server() -> ImageServer:
    """Return the server of all tests, started when it is needed first."""
    return ImageServer()


def setup() -> DaemonSetup:
    """Build the setup of a daemon that may fetch from that server."""
    images = f'[images]\nallow_private = ["127.0.0.1"]\nports = [80, {image_server().server_port}]\n'
    return DaemonSetup(account=True, settings=images + "[codex]\ndrain_seconds = 1\n")


class ImageTests(LiveTestCase):
    @property
    def daemon(self) -> Daemon:
        return shared(setup())

    def setUp(self) -> None:
        self.server = image_server()
        self.server.requested.clear()

    def question(self, path: str, text: str = "say: I see") -> Json:
        parts = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": self.server.url(path)}}]
        return {"role": "user", "content": parts}

    def see(self, path: str, text: str = "say: I see") -> Json:
        parts = [{"type": "input_text", "text": text}, {"type": "input_image", "image_url": self.server.url(path)}]
        return {"role": "user", "content": parts}

    def respond(self, items: list[Json], **more: Json) -> Json:
        answer = self.daemon.post(RESPONSES, {"model": self.daemon.model, "input": items} | more)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json

    def images(self) -> list[Json]:
        """Return the image parts of the provider's last request, in messages and in results."""
        found = provider_requests.items(self.daemon.last_provider_request)
        contents = [item.get("content") or item.get("output") or [] for item in found]
        return [part for content in contents if isinstance(content, list) for part in content if "image_url" in part]

    def test_the_image_of_a_chat_message_reaches_the_provider(self) -> None:
        self.assertEqual(self.daemon.chat_text([self.question("/chat.png")]), "I see")
        self.assertEqual((self.images(), self.server.requested), ([INLINE], ["/chat.png"]))

    def test_a_resent_history_fetches_nothing_and_continues_its_idle_thread(self) -> None:
        history = [self.question("/idle.png")]
        first = message(self.daemon.chat(history))
        hits = self.daemon.metric("codexd_affinity_hit_total")
        self.daemon.chat_text([*history, first, {"role": "user", "content": "say: again"}])
        self.assertEqual((self.images(), self.server.requested), ([INLINE], ["/idle.png"]))
        self.assertEqual(self.daemon.metric("codexd_affinity_hit_total"), hits + 1)

    def test_a_stored_response_keeps_the_url_and_its_continuation_the_image(self) -> None:
        first = self.respond([self.see("/stored.png")])
        items = self.daemon.get(f"{RESPONSES}/{first['id']}/input_items").json["data"]
        self.assertEqual(items[0]["content"][1]["image_url"], self.server.url("/stored.png"))
        self.respond([{"role": "user", "content": "say: more"}], previous_response_id=first["id"])
        self.assertEqual((self.images(), self.server.requested), ([INLINE], ["/stored.png"]))

    def test_the_image_of_a_tool_result_resumes_the_suspended_turn(self) -> None:
        asked = [self.see("/before.png", "call: look {}")]
        output = self.respond(asked, tools=[LOOK])["output"]
        (call,) = (item for item in output if item["type"] == "function_call")
        result = {
            "type": "function_call_output",
            "call_id": call["call_id"],
            "output": [{"type": "input_image", "image_url": self.server.url("/result.png")}],
        }
        resumed = self.daemon.metric("codexd_turn_resumed_total")
        self.respond([*asked, *output, result], tools=[LOOK])
        self.assertEqual([one["image_url"] for one in self.images()], [PIXEL, PIXEL])
        self.assertEqual(self.server.requested, ["/before.png", "/result.png"])
        self.assertEqual(self.daemon.metric("codexd_turn_resumed_total"), resumed + 1)

    def test_streams_and_background_responses_receive_the_image_too(self) -> None:
        frames = [*self.daemon.call(CHAT, self.daemon.chat_body([self.question("/s.png")], stream=True)).frames()]
        self.assertEqual((frames[-1].data, self.images()), (b"[DONE]", [INLINE]))
        id = self.respond([self.see("/b.png")], background=True)["id"]
        wait_until(lambda: self.daemon.get(f"{RESPONSES}/{id}").json["status"] == "completed", "it is complete")
        self.assertEqual(self.images(), [INLINE])

    def test_a_background_response_whose_image_is_missing_fails(self) -> None:
        id = self.respond([self.see("/missing.png")], background=True)["id"]
        wait_until(lambda: self.daemon.get(f"{RESPONSES}/{id}").json["status"] == "failed", "it has failed")
        error = self.daemon.get(f"{RESPONSES}/{id}").json["error"]
        self.assertEqual(error["code"], "invalid_image_url")

    def test_an_image_that_is_missing_or_elsewhere_is_an_error_with_its_field(self) -> None:
        for stream in (False, True):
            for path in ("/missing.png", "/moved.png"):
                answer = self.daemon.chat([self.question(path)], stream=stream)
                error = answer.json["error"]
                self.assertEqual((answer.status, error["code"]), (400, "invalid_image_url"))
                self.assertEqual(error["param"], "messages[0].content[1].image_url.url")
                answer = self.daemon.post(
                    RESPONSES, {"model": self.daemon.model, "input": [self.see(path)], "stream": stream}
                )
                self.assertEqual(answer.json["error"]["param"], "input[0].content[1].image_url")
        for url in ("http://10.0.0.1/a.png", "http://localhost/a.png", "http://u:p@127.0.0.1/a.png"):
            part = {"type": "image_url", "image_url": {"url": url}}
            answer = self.daemon.chat([{"role": "user", "content": [part]}])
            self.assertEqual((answer.status, answer.json["error"]["code"]), (400, "invalid_image_url"), url)

    def test_the_log_has_the_host_and_nothing_else_of_the_url(self) -> None:
        self.daemon.chat([self.question("/missing.png?sig=SECRET")])
        self.daemon.chat([self.question("/moved.png?sig=SECRET")])
        self.daemon.chat([self.question("/log.png?sig=SECRET")])
        wait_until(lambda: "image from 127.0.0.1: status_404" in self.daemon.log, "the log line")
        for secret in ("SECRET", "missing.png", "log.png", "secret.png", "Starting factory _HTTP11ClientFactory"):
            self.assertNotIn(secret, self.daemon.log)

    def test_a_client_that_disconnects_ends_the_fetch(self) -> None:
        daemon = self.daemon
        call = daemon.call(CHAT, daemon.chat_body([self.question("/slow.png")]))
        wait_until(lambda: daemon.metric("codexd_requests_waiting_for_images") == 1, "it is fetched")
        call.disconnect()
        wait_until(lambda: daemon.metric("codexd_requests_waiting_for_images") == 0, "the fetch ends")
        wait_until(lambda: daemon.metric("codexd_requests_running") == 0, "the request is over")

    def test_a_drain_ends_the_fetch(self) -> None:
        daemon = self.new_daemon(setup()).start().await_ready()
        call = daemon.call(CHAT, daemon.chat_body([self.question("/slow.png")]))
        wait_until(lambda: daemon.metric("codexd_requests_waiting_for_images") == 1, "it is fetched")
        daemon.end(signal.SIGTERM)
        self.assertEqual(call.read().status, 503)


class FetchingOffTests(LiveTestCase):
    daemon_setup = DaemonSetup(account=True, settings="[images]\nfetch = false\n")

    def test_every_image_by_url_is_an_error_that_names_the_setting(self) -> None:
        part = {"type": "input_image", "image_url": "https://example.org/a.png"}
        body = {"model": self.daemon.model, "input": [{"role": "user", "content": [part]}]}
        answer = self.daemon.post(RESPONSES, encode(body))
        self.assertEqual(answer.status, 400)
        self.assertIn("images.fetch", answer.json["error"]["message"])
        self.assertEqual(answer.json["error"]["param"], "input[0].content[0].image_url")
