"""Moderations, images and audio, which an upstream serves, by the `openai` package and over real sockets."""

import atexit
import os
import signal
from functools import cache
from hashlib import sha256
from http.client import HTTPConnection, IncompleteRead

from httpx2 import HTTPError
from openai import APIConnectionError, APIStatusError, OpenAI

from codexd.wire.json import encode
from tests.support.http_client import open_unread_request
from tests.support.live_daemon import Daemon, DaemonSetup, LiveTestCase
from tests.support.media_upstream import KEY, LARGE, PIXELS, MediaUpstream
from tests.support.processes import TIMEOUT_SECONDS, resident_bytes, wait_until

SPEECH = "/v1/audio/speech"
CLIENT_KEY = "sk-client"
GROWTH_BYTES = 32 * 2**20

_SETTINGS = """\
[codex]
model = "none"

[http]
api_keys = ["{client_key}"]
write_timeout_seconds = 2

[[upstream]]
name = "chat"
base_url = "{url}"
models = ["chatter"]

[[upstream]]
name = "media"
base_url = "{url}"
prefix = "media/"
key_env = "MEDIA_KEY"
pass_through = ["moderations", "images", "audio"]
breaker_failures = 1000
"""


@cache
def media() -> MediaUpstream:
    """Return the upstream of this test process; it stops at its exit."""
    upstream = MediaUpstream()
    atexit.register(upstream.stop)
    return upstream


class ForwardingTestCase(LiveTestCase):
    """Tests that share a daemon; metrics and the log count from the start of each test."""

    @property
    def daemon_setup(self) -> DaemonSetup:  # type: ignore[override]
        """The configuration of the daemon."""
        os.environ["MEDIA_KEY"] = KEY
        return DaemonSetup(settings=_SETTINGS.replace("{url}", media().url).replace("{client_key}", CLIENT_KEY))

    def setUp(self) -> None:
        media().requests.clear()
        media().release.clear()
        media().sent_bytes = media().disconnects = 0
        self.await_models(self.daemon)
        self.before = self.samples()
        self.logged = len(self.daemon.log)
        self.client: OpenAI = self.daemon.client(CLIENT_KEY)

    def await_models(self, daemon: Daemon) -> None:
        """Wait until the daemon has read the models of the upstream: it is ready before."""
        up = b'codexd_upstream_up{upstream="media"} 1.0'
        headers = {"authorization": f"Bearer {CLIENT_KEY}"}
        wait_until(lambda: up in daemon.get("/metrics", headers).body, "the models are known")

    def samples(self) -> dict[str, float]:
        """Return all metrics."""
        response = self.daemon.get("/metrics", {"authorization": f"Bearer {CLIENT_KEY}"})
        lines = (line.rpartition(" ") for line in response.body.decode().splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    def metric(self, name: str) -> float:
        """Return by how much a metric has grown."""
        return self.samples().get(name, 0.0) - self.before.get(name, 0.0)

    @property
    def log(self) -> str:
        """The log of this test."""
        return self.daemon.log[self.logged :]

    def speech(self, model: str, said: str = "Hello") -> bytes:
        return encode({"model": f"media/{model}", "input": said, "voice": "alloy"})

    def call(self, model: str, daemon: Daemon | None = None) -> HTTPConnection:
        """Send a speech request whose response is read by the test."""
        connection = HTTPConnection("127.0.0.1", (daemon or self.daemon).port, timeout=TIMEOUT_SECONDS)
        self.addCleanup(connection.close)
        headers = {"content-type": "application/json", "authorization": f"Bearer {CLIENT_KEY}"}
        connection.request("POST", SPEECH, self.speech(model), headers)
        return connection


class SdkTests(ForwardingTestCase):
    def test_every_resource_is_served_by_the_upstream_under_its_own_names_and_key(self) -> None:
        moderated = self.client.moderations.create(model="media/omni-moderation", input="a bad word")
        self.assertTrue(moderated.results[0].flagged)
        self.assertEqual(self.client.moderations.create(input="fine").model, "default")
        drawn = self.client.images.generate(model="media/gpt-image", prompt="A fox")
        assert drawn.data is not None
        self.assertEqual(drawn.data[0].b64_json, PIXELS)
        events = list(self.client.images.generate(model="media/gpt-image", prompt="A fox", stream=True))
        kinds = [event.type.removeprefix("image_generation.") for event in events]
        self.assertEqual(kinds, ["partial_image", "completed"])
        edited = self.client.images.edit(model="media/gpt-image", image=("a.png", b"\x89PNG"), prompt="Blue")
        self.assertEqual(edited.created, 4)
        self.assertEqual(self.client.images.create_variation(image=("a.png", b"\x89P")).created, 2)
        heard = self.client.audio.transcriptions.create(model="media/whisper", file=("a.wav", b"\x00\r\n--\xff"))
        self.assertEqual(heard.text, "6 bytes for whisper")
        translated = self.client.audio.translations.create(model="media/whisper", file=("a.wav", b"RIFF"))
        self.assertEqual(translated.text, "4 bytes for whisper")
        with self.client.audio.speech.with_streaming_response.create(
            model="media/tts", input="Hello", voice="alloy"
        ) as response:
            self.assertEqual(response.headers["content-type"], "audio/mpeg")
            self.assertNotIn("set-cookie", response.headers)
            self.assertEqual(b"".join(response.iter_bytes()), b"Hello")
        for asked in media().requests:
            self.assertEqual(asked.headers["authorization"], f"Bearer {KEY}")
            self.assertTrue(asked.headers["x-request-id"].startswith("req_"))
            self.assertIn("traceparent", asked.headers)
            self.assertNotIn(CLIENT_KEY, str(asked.headers))
            self.assertFalse([name for name in asked.headers if name.startswith("x-stainless")])
        self.assertEqual(self.metric('codexd_upstream_requests_total{outcome="ok",upstream="media"}'), 9.0)
        wait_until(lambda: self.log.count("POST /v1/audio/speech 200 ok") == 1, "it is logged")
        self.assertNotIn("Hello", self.log)

    def test_errors_of_the_upstream_have_openais_form(self) -> None:
        for model, status, code in (("status-413", 413, "request_too_large"), ("unknown", 404, "model_not_found")):
            with self.assertRaises(APIStatusError) as caught:
                self.client.audio.speech.create(model=f"media/{model}", input="a", voice="alloy")
            self.assertEqual((caught.exception.status_code, caught.exception.code), (status, code))
            self.assertNotIn("42", caught.exception.message)

    def test_bodies_of_eight_megabytes_pass_in_both_directions(self) -> None:
        before = resident_bytes(self.daemon.pid)
        heard = self.client.audio.transcriptions.create(model="media/whisper", file=("a.wav", LARGE))
        self.assertEqual(heard.text, f"{len(LARGE)} bytes for whisper")
        self.assertEqual(sha256(media().requests[-1].form["file"]).digest(), sha256(LARGE).digest())
        spoken = self.client.audio.speech.create(model="media/large", input="a", voice="alloy").read()
        self.assertEqual(sha256(spoken).digest(), sha256(LARGE).digest())
        self.assertLess(resident_bytes(self.daemon.pid) - before, 3 * len(LARGE) + GROWTH_BYTES)

    def test_an_endpoint_without_an_upstream_is_a_404_that_says_what_to_configure(self) -> None:
        settings = '[codex]\nmodel = "none"\n[[upstream]]\nname = "chat"\nbase_url = "{url}"\n'
        daemon = self.new_daemon(DaemonSetup(settings=settings.replace("{url}", media().url))).start().await_ready()
        with self.assertRaises(APIStatusError) as caught:
            daemon.client().moderations.create(input="a")
        self.assertEqual(caught.exception.status_code, 404)
        self.assertIn('pass_through = ["moderations"]', caught.exception.message)


class SocketTests(ForwardingTestCase):
    def test_a_response_that_the_upstream_cuts_is_not_complete_for_the_client(self) -> None:
        for model in ("torn", "short"):
            call = self.call(model)
            with self.assertRaises((IncompleteRead, ConnectionResetError)):
                call.getresponse().read()
            with self.assertRaises((APIConnectionError, HTTPError)):
                self.client.audio.speech.create(model=f"media/{model}", input="a", voice="alloy").read()
        self.assertEqual(self.metric('codexd_upstream_requests_total{outcome="stream_cut",upstream="media"}'), 4.0)
        wait_until(lambda: self.log.count("stream_cut") >= 4, "all are logged")
        self.assertEqual(self.client.audio.speech.create(model="media/tts", input="a", voice="alloy").read(), b"a")

    def test_a_body_of_unnamed_type_is_not_called_json(self) -> None:
        self.assertIsNone(self.call("untyped").getresponse().getheader("content-type"))

    def test_the_first_bytes_arrive_before_the_last(self) -> None:
        response = self.call("slow").getresponse()
        self.assertEqual(response.read1(100), b"He")
        media().release.set()
        self.assertEqual(response.read(), b"llo")

    def test_a_client_that_disconnects_cancels_the_request_at_the_upstream(self) -> None:
        connection = self.call("endless")
        self.assertEqual(connection.getresponse().read(10), b"x" * 10)
        connection.close()
        wait_until(lambda: media().disconnects == 1, "the upstream's connection is closed")
        wait_until(lambda: self.metric("codexd_requests_running") == 0, "the request is over")
        self.assertEqual(self.metric('codexd_upstream_requests_total{outcome="cancelled",upstream="media"}'), 1.0)
        self.assertEqual(self.metric("codexd_client_disconnected_total"), 1.0)

    def test_a_slow_client_pauses_the_upstream_and_is_then_disconnected(self) -> None:
        before = resident_bytes(self.daemon.pid)
        body = self.speech("endless")
        connection = open_unread_request(self.daemon.port, SPEECH, body, f"authorization: Bearer {CLIENT_KEY}")
        self.addCleanup(connection.close)
        # The kernel may take more for a client that reads nothing, and the upstream is paused once more.
        wait_until(lambda: self.metric("codexd_client_paused_total") >= 1, "the upstream is paused")
        self.assertEqual(self.client.audio.speech.create(model="media/tts", input="a", voice="alloy").read(), b"a")
        wait_until(lambda: media().disconnects == 1, "the upstream's connection is closed")
        self.assertLess(media().sent_bytes, GROWTH_BYTES)
        self.assertLess(resident_bytes(self.daemon.pid) - before, GROWTH_BYTES)
        self.assertEqual(self.metric("codexd_slow_client_total"), 1.0)
        wait_until(lambda: "slow_client" in self.log, "it is logged")

    def test_the_daemon_waits_for_a_running_response_before_it_stops(self) -> None:
        daemon = self.new_daemon().start().await_ready()
        self.await_models(daemon)
        response = self.call("slow", daemon).getresponse()
        self.assertEqual(response.read1(100), b"He")
        daemon.signal(signal.SIGTERM)
        wait_until(lambda: not daemon.ready, "it drains")
        media().release.set()
        self.assertEqual(response.read(), b"llo")
        self.assertEqual(daemon.end(), -signal.SIGTERM)
