from twisted.trial.unittest import SynchronousTestCase

from codexd.wire import json
from tests.parity.client import HttpResponse
from tests.parity.response_content import (
    UnusableResponseError,
    is_stream,
    parse_events,
    parse_listed_ids,
    parse_object,
    parse_progress,
)
from tests.parity.sample_responses import event_stream, json_response

RESPONSE = {"id": "resp_1", "status": "completed"}


class ObjectTests(SynchronousTestCase):
    def test_a_json_body_is_the_object(self) -> None:
        self.assertEqual(parse_object(json_response({"id": "conv_1"})), {"id": "conv_1"})

    def test_a_stream_shows_its_last_response(self) -> None:
        begun = {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}}
        delta = {"type": "response.output_text.delta", "delta": "one"}
        self.assertEqual(parse_object(event_stream(begun, delta)), begun["response"])
        self.assertEqual(parse_object(event_stream(begun, delta, {"response": RESPONSE})), RESPONSE)

    def test_a_response_without_an_object_is_an_error(self) -> None:
        for answer in (
            json_response([]),
            event_stream(),
            event_stream({"choices": []}),
            HttpResponse((), b"{", complete=False),
        ):
            self.assertRaises(UnusableResponseError, parse_object, answer)

    def test_only_a_list_has_listed_ids(self) -> None:
        models = json_response({"object": "list", "data": [{"id": "a"}, {"id": "b"}]})
        self.assertEqual(
            (parse_listed_ids(models), parse_listed_ids(json_response({"error": {}}))),
            ({"a", "b"}, frozenset()),
        )

    def test_a_stream_has_the_event_stream_type_and_may_end_with_done(self) -> None:
        self.assertEqual((is_stream(json_response({})), is_stream(event_stream())), (False, True))
        stream = event_stream({"n": 1}, {"n": 2})
        done = HttpResponse(stream.head, stream.body + b"data: [DONE]\n\n", complete=True)
        self.assertEqual(list(parse_events(done)), list(parse_events(stream)))


class ProgressTests(SynchronousTestCase):
    def test_progress_follows_the_status(self) -> None:
        for status in ("queued", "in_progress"):
            self.assertEqual(parse_progress(json_response({"status": status})), "running")
            self.assertEqual(parse_progress(event_stream({"response": {"status": status}})), "running")
        for status in ("completed", "incomplete", "failed", "cancelled"):
            self.assertEqual(parse_progress(json_response({"status": status})), "done")

    def test_a_response_that_shows_none_has_no_progress(self) -> None:
        for answer in (
            json_response({"object": "list"}),
            json_response([]),
            json_response(RESPONSE, 404),
            HttpResponse(("HTTP/1.1 200 OK",), json.encode("ok")[:1], complete=True),
        ):
            self.assertIsNone(parse_progress(answer))
