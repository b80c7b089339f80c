"""The endpoints whose requests are forwarded to an upstream."""

from twisted.internet.interfaces import IPushProducer
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.fronts.forwarding import ENDPOINTS
from codexd.interfaces import IForwardingHandle
from codexd.neutral.fault import fault
from codexd.routing.metered_forwarding import MeteredForwarding
from codexd.settings import Http
from codexd.wire import json
from tests.support.cases import each_set_up
from tests.support.fake_backend import FakeForwarding
from tests.support.in_memory_server import BUFFER_BYTES, Connection, InMemoryServer
from tests.wire.test_multipart import FORM, encode

SPEECH = "/v1/audio/speech"
BODY = {"model": "tts", "input": "Hello", "voice": "alloy"}
MP3 = (b"content-type", b"audio/mpeg")


class ForwardingTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer(Http(write_timeout_seconds=30.0))

    def begin(self) -> tuple[Connection, FakeForwarding]:
        """Send a request, up to its response."""
        connection = self.server.connect()
        connection.request("POST", SPEECH, BODY)
        forwarding = self.server.backend.forwarded[-1]
        verifyObject(IForwardingHandle, forwarding)
        assert isinstance(forwarding.receiver, MeteredForwarding)
        verifyObject(IPushProducer, forwarding.receiver.receiver)
        return connection, forwarding

    @property
    def outcome(self) -> tuple[int, str]:
        """The status and outcome of the only request in the log."""
        (record,) = self.server.log.records
        return record.status, record.outcome


class ForwardingTests(ForwardingTestCase):
    def test_every_endpoint_forwards_its_body_and_streams_the_response(self) -> None:
        for path, resource in ENDPOINTS.items():
            connection = self.server.connect()
            connection.request("POST", f"/v1/{path}", BODY, accept="audio/mpeg", x_request_id="one")
            forwarding = self.server.backend.forwarded[-1]
            self.assertEqual((forwarding.model, forwarding.request.resource), ("tts", resource))
            self.assertEqual(json.decode(forwarding.request.body), BODY)
            self.assertEqual((forwarding.request.path, forwarding.request.accept), (path, b"audio/mpeg"))
            self.assertEqual(forwarding.context.id, "one")
            forwarding.respond(b"\x00\xff", b"\r\n", headers=(MP3,))
            self.assertFalse(connection.response.whole)
            forwarding.receiver.finish()
            response = connection.response
            self.assertEqual((response.status, response.chunks), (200, [b"\x00\xff", b"\r\n"]))
            self.assertEqual((response.headers["content-type"], response.whole), ("audio/mpeg", True))
            record = self.server.log.records[-1]
            self.assertEqual((record.route, record.dialect, record.model), (f"/v1/{path}", resource, "tts"))
            self.assertEqual((record.outcome, record.stream), ("ok", False))
        self.assertEqual(self.server.metric("codexd_requests_running"), 0)

    def test_a_form_is_forwarded_byte_for_byte_with_its_content_type(self) -> None:
        body = encode([(b"model", b"whisper"), (b"file", bytes(range(256)) * 5000)])
        connection = self.server.connect()
        connection.request("POST", "/v1/audio/transcriptions", body, content_type=FORM.decode())
        (forwarding,) = self.server.backend.forwarded
        self.assertEqual((forwarding.model, forwarding.request.content_type), ("whisper", FORM))
        self.assertEqual(forwarding.request.body, body)

    def test_the_length_of_the_upstreams_body_is_kept(self) -> None:
        connection, forwarding = self.begin()
        forwarding.respond(b"four", headers=((b"content-length", b"4"),))
        forwarding.receiver.finish()
        self.assertEqual((connection.response.body, connection.response.headers["content-length"]), (b"four", "4"))
        connection.request("GET", "/livez")
        self.assertEqual([response.status for response in connection.responses()], [200, 200])

    def test_server_sent_events_are_a_stream(self) -> None:
        connection, forwarding = self.begin()
        forwarding.respond(b"data: {}\n\n", headers=((b"content-type", b"text/event-stream"),))
        self.assertEqual(connection.response.events, [{}])
        forwarding.receiver.finish()
        self.assertTrue(self.server.log.records[0].stream)

    def test_wrong_requests_are_refused_before_they_are_forwarded(self) -> None:
        for body, headers, status, param in (
            (b"[]", {}, 400, None),
            ({"model": 1}, {}, 400, "model"),
            (b"--x", {"content_type": "multipart/form-data; boundary=x"}, 400, None),
            (b"--x", {"content_type": "multipart/form-data"}, 400, None),
            (b"a=b", {"content_type": "application/x-www-form-urlencoded"}, 415, None),
        ):
            response = self.server.request("POST", SPEECH, body, **headers)
            self.assertEqual((response.status, response.error["param"]), (status, param), body)
        self.assertEqual(self.server.backend.forwarded, [])

    def test_a_body_over_the_limit_is_refused(self) -> None:
        server = InMemoryServer(Http(max_body_bytes=1000))
        body = encode([(b"file", b"x" * 2000)])
        response = server.request("POST", "/v1/images/edits", body, content_type=FORM.decode())
        self.assertEqual((response.status, server.backend.forwarded), (413, []))

    def test_a_refusal_is_an_error(self) -> None:
        self.server.backend.begin_errors = [fault("endpoint_not_configured", "Configure it.")]
        response = self.server.request("POST", SPEECH, BODY)
        self.assertEqual((response.status, response.error["message"]), (404, "Configure it."))
        self.assertEqual(self.server.metric("codexd_requests_running"), 0)


class EndTests(ForwardingTestCase):
    def test_a_failure_before_the_first_byte_is_an_http_error(self) -> None:
        connection, forwarding = self.begin()
        forwarding.receiver.fail(fault("overloaded"))
        self.assertEqual((connection.response.status, connection.response.error["code"]), (503, "overloaded"))
        self.assertIn("retry-after", connection.response.headers)
        self.assertEqual(self.outcome, (503, "overloaded"))

    def test_a_failure_after_it_breaks_the_transfer(self) -> None:
        for headers in each_set_up(self, (MP3,), (MP3, (b"content-length", b"100"))):
            connection, forwarding = self.begin()
            forwarding.respond(b"half", headers=headers)
            forwarding.receiver.fail(fault("stream_cut"))
            self.assertEqual((connection.response.body, connection.response.whole), (b"half", False))
            self.assertTrue(connection.transport.aborted)
            self.assertEqual(self.outcome, (200, "stream_cut"))
            self.assertEqual(self.server.metric("codexd_requests_running"), 0)

    def test_a_client_that_leaves_cancels_it(self) -> None:
        for opened in each_set_up(self, False, True):
            connection, forwarding = self.begin()
            if opened:
                forwarding.respond(b"half")
            connection.disconnect()
            self.assertEqual(forwarding.actions, ["cancel"])
            self.assertEqual(self.outcome, (200 if opened else 499, "client_disconnected"))
            self.assertEqual(self.server.metric("codexd_client_disconnected_total"), 1)
            self.assertEqual(self.server.metric("codexd_requests_running"), 0)

    def test_draining_waits_for_it_until_the_deadline(self) -> None:
        for opened, late in each_set_up(self, (False, False), (True, False), (False, True), (True, True)):
            connection, forwarding = self.begin()
            if opened:
                forwarding.respond(b"half")
            closed = self.server.drain.run()
            self.assertNoResult(closed)
            self.assertEqual(self.server.request("POST", SPEECH, BODY).status, 503)
            if late:
                self.server.clock.advance(1000)
            else:
                if not opened:
                    forwarding.respond()
                forwarding.receiver.finish()
            self.successResultOf(closed)
            self.assertEqual(forwarding.actions, ["cancel"] if late else [])
            response = connection.response
            self.assertEqual(response.status, 503 if late and not opened else 200)
            self.assertEqual(response.whole, not (late and opened))


class SlowClientTests(ForwardingTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.connection, self.forwarding = self.begin()
        self.connection.transport.reading = False
        self.forwarding.respond(b"x" * (BUFFER_BYTES + 1), headers=(MP3,))

    def test_the_upstream_is_paused_until_the_client_has_read(self) -> None:
        self.assertEqual(self.forwarding.actions, ["pause"])
        self.assertEqual(self.server.metric("codexd_client_paused_total"), 1)
        self.connection.transport.read(2 * BUFFER_BYTES)
        self.assertEqual(self.forwarding.actions, ["pause", "resume"])
        self.server.clock.advance(1000)
        self.forwarding.receiver.write(b"y")
        self.connection.transport.reading = True
        self.forwarding.receiver.finish()
        self.connection.transport.read(2 * BUFFER_BYTES)
        self.assertEqual(self.connection.response.body, b"x" * (BUFFER_BYTES + 1) + b"y")
        self.assertTrue(self.connection.response.whole)

    def test_a_client_that_reads_nothing_is_disconnected(self) -> None:
        self.server.clock.advance(29.9)
        self.assertEqual(self.forwarding.actions, ["pause"])
        self.server.clock.advance(0.2)
        self.assertEqual(self.forwarding.actions, ["pause", "cancel"])
        self.assertTrue(self.connection.transport.aborted)
        self.assertEqual(self.outcome, (200, "slow_client"))
        self.assertEqual(self.server.metric("codexd_slow_client_total"), 1)
