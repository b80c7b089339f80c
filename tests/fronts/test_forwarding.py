"""Requests that upstreams answer: only their model is read."""

from hypothesis import assume, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import forwarding
from codexd.neutral.forwarded import ForwardedRequest
from codexd.wire import json
from tests.fronts.test_json_fields import refusal
from tests.wire.test_multipart import FORM, encode, read

SOUND = bytes(range(256)) * 4


def form(*fields: tuple[bytes, bytes]) -> ForwardedRequest:
    return forwarding.decode("audio/transcriptions", FORM, None, encode(list(fields)))


class ForwardingTests(SynchronousTestCase):
    def test_a_json_body_stays_unchanged_unless_the_upstream_has_another_name_for_the_model(self) -> None:
        body = b'{"model": "small",\n "input": "a", "x": 1.50}'
        found = forwarding.decode("audio/speech", b"application/json", b"audio/mpeg", body)
        self.assertEqual((found.resource, found.path, found.model), ("audio", "audio/speech", "small"))
        self.assertEqual((found.content_type, found.accept), (b"application/json", b"audio/mpeg"))
        self.assertEqual(found.replace_model("small"), body)
        self.assertEqual(json.decode(found.replace_model("tts")), json.decode(body) | {"model": "tts"})

    def test_a_form_stays_unchanged_but_for_its_model(self) -> None:
        found = form((b"file", SOUND), (b"model", b"near/whisper"), (b"language", b"no"))
        self.assertEqual((found.model, found.content_type), ("near/whisper", FORM))
        self.assertEqual(found.replace_model("near/whisper"), found.body)
        renamed = read(found.replace_model("whisper-1"))
        self.assertEqual(renamed, [(b"file", SOUND), (b"model", b"whisper-1"), (b"language", b"no")])

    def test_a_request_may_name_no_model(self) -> None:
        for body in ({"input": "a"}, {"input": "a", "model": None}):
            self.assertIsNone(forwarding.decode("moderations", b"", None, json.encode(body)).model)
        self.assertIsNone(form((b"file", SOUND)).model)

    def test_a_model_that_cannot_be_read_is_named(self) -> None:
        for values in ((b"",), (b"\xff",), (b"a", b"b"), (b"x" * 513,)):
            fields = [(b"model", value) for value in values]
            found = refusal(lambda fields=fields: form(*fields))
            self.assertEqual((found.kind, found.param, found.status), ("wrong_value", "model", 400), fields)
        for body, kind in (({"model": 1}, "wrong_type"), ({"model": ""}, "wrong_value")):
            found = refusal(lambda body=body: forwarding.decode("moderations", b"", None, json.encode(body)))
            self.assertEqual((found.kind, found.param), (kind, "model"))

    def test_a_broken_form_is_a_400_that_says_what_is_wrong(self) -> None:
        found = refusal(lambda: forwarding.decode("images/edits", FORM, None, b"--frontier\r\n"))
        self.assertEqual((found.kind, found.status, found.code), ("malformed_form", 400, "invalid_form"))
        self.assertIn("multipart/form-data: ", found.message)

    @given(st.binary(max_size=40), st.text(min_size=1, max_size=9), st.integers(0, 2))
    def test_renaming_changes_nothing_but_the_model(self, data: bytes, name: str, place: int) -> None:
        assume(b"\r\n--frontier" not in data + name.encode())
        fields = [(b"file", data), (b"prompt", data)]
        fields.insert(place, (b"model", b"m"))
        found = form(*fields)
        fields[place] = (b"model", name.encode())
        self.assertEqual(read(found.replace_model(name)), fields)
