"""Tests of codexd.upstream.key_redaction: what an upstream says never has its key, whatever the endpoint is."""

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import forwarding
from codexd.neutral.event import Failed
from codexd.neutral.fault import FaultError, fault
from codexd.upstream.key_redaction import KeyRedaction
from codexd.wire import json
from tests.support.chat_chunks import chunk, frames
from tests.support.contexts import context
from tests.support.fake_upstream import UpstreamHarness
from tests.support.recording_sink import RecordingSink
from tests.upstream.test_embed import build_body
from tests.upstream.test_forwarding import BODY, Receiver

KEY = "UPPLAIN99887766"
MESSAGE = f"Incorrect key {KEY}, for {KEY}"
ERROR = json.encode({"error": {"message": MESSAGE, "type": "invalid_request_error"}})
SHOWN = "Incorrect key ***, for ***"


def read_message(sink: RecordingSink) -> str:
    last = sink.events[-1]
    assert isinstance(last, Failed)
    return last.fault.message


class KeyRedactionTests(SynchronousTestCase):
    def test_a_short_key_is_left_as_it_may_be_any_word(self) -> None:
        for key in ("none", "", None):
            redaction = KeyRedaction(key)
            self.assertEqual(redaction.apply("none of these"), "none of these")
            self.assertEqual((redaction.apply_to_body(b"none"), redaction.secrets), (b"none", ()))

    @given(st.text(), st.text(), st.integers(8, len(KEY)))
    def test_neither_the_key_nor_its_cut_beginning_is_left(self, before: str, after: str, length: int) -> None:
        redaction = KeyRedaction(KEY)
        self.assertNotIn(KEY, redaction.apply(before + KEY + after))
        self.assertEqual(redaction.apply(before + KEY[:length]), f"{redaction.apply(before)}***")

    def test_the_note_of_a_fault_is_for_the_log_and_loses_the_key_too(self) -> None:
        failed = evolve(fault("model_failed", MESSAGE), note=KEY)
        redacted = KeyRedaction(KEY).apply_to_fault(failed)
        self.assertEqual((redacted.message, redacted.note, redacted.kind), (SHOWN, "***", "model_failed"))

    def test_its_repr_has_no_key(self) -> None:
        self.assertNotIn(KEY, repr(KeyRedaction(KEY)))


class UpstreamTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.harness = UpstreamHarness(key=KEY)

    def test_an_error_response(self) -> None:
        for status in (400, 422):
            sink, _ = self.harness.begin()
            self.harness.accept().send_response(ERROR, status, "connection: close")
            self.assertEqual(read_message(sink), SHOWN)

    def test_an_error_in_a_stream(self) -> None:
        for before in (b"", frames(chunk({"content": "Hel"}))):
            sink, _ = self.harness.begin()
            self.harness.accept().send_response(before + frames(json.decode(ERROR)), 200, "connection: close")
            self.assertEqual(read_message(sink), SHOWN)

    def test_an_error_for_embeddings(self) -> None:
        request = self.harness.backend.embed("m", build_body, context("req_e"))
        self.harness.accept().send_response(ERROR, 400, "connection: close")
        self.assertEqual(self.failureResultOf(request, FaultError).value.fault.message, SHOWN)
        request = self.harness.backend.embed("m", build_body, context("req_e"))
        self.harness.accept().send_response(ERROR, 200, "connection: close")
        self.assertEqual(json.decode(self.successResultOf(request))["error"]["message"], SHOWN)

    def test_an_error_for_a_forwarded_request(self) -> None:
        receiver = Receiver()
        request = forwarding.decode("audio/speech", b"application/json", b"audio/mpeg", json.encode(BODY))
        self.harness.backend.forward(request.model, request, context("req_f"), receiver)
        self.harness.clock.advance(0)
        self.harness.accept().send_response(ERROR, 400, "connection: close")
        assert receiver.end is not None
        self.assertEqual(getattr(receiver.end, "message", None), SHOWN)
