from twisted.trial.unittest import SynchronousTestCase

from codexd.wire import json
from tests.parity.answers import answered, told
from tests.parity.client import Response
from tests.parity.reading import Unanswerable, events, listed, said, standing, streamed

RESPONSE = {"id": "resp_1", "status": "completed"}


class SaidTests(SynchronousTestCase):
    def test_a_body_is_what_is_said(self) -> None:
        self.assertEqual(said(answered({"id": "conv_1"})), {"id": "conv_1"})

    def test_a_stream_says_the_last_response_that_it_shows(self) -> None:
        begun = {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}}
        delta = {"type": "response.output_text.delta", "delta": "one"}
        self.assertEqual(said(told(begun, delta)), begun["response"])
        self.assertEqual(said(told(begun, delta, {"response": RESPONSE})), RESPONSE)

    def test_what_is_no_object_says_nothing(self) -> None:
        for answer in (answered([]), told(), told({"choices": []}), Response((), b"{", whole=False)):
            self.assertRaises(Unanswerable, said, answer)

    def test_a_list_names_what_it_lists_and_nothing_else_does(self) -> None:
        models = answered({"object": "list", "data": [{"id": "a"}, {"id": "b"}]})
        self.assertEqual((listed(models), listed(answered({"error": {}}))), ({"a", "b"}, frozenset()))

    def test_a_stream_is_told_by_its_type_and_ends_with_done_or_without(self) -> None:
        self.assertEqual((streamed(answered({})), streamed(told())), (False, True))
        stream = told({"n": 1}, {"n": 2})
        done = Response(stream.head, stream.body + b"data: [DONE]\n\n", whole=True)
        self.assertEqual(list(events(done)), list(events(stream)))


class StandingTests(SynchronousTestCase):
    def test_a_response_runs_until_it_has_an_end(self) -> None:
        for status in ("queued", "in_progress"):
            self.assertEqual(standing(answered({"status": status})), "running")
            self.assertEqual(standing(told({"response": {"status": status}})), "running")
        for status in ("completed", "incomplete", "failed", "cancelled"):
            self.assertEqual(standing(answered({"status": status})), "over")

    def test_what_shows_no_response_does_not_tell(self) -> None:
        for answer in (
            answered({"object": "list"}),
            answered([]),
            answered(RESPONSE, 404),
            Response(("HTTP/1.1 200 OK",), json.encode("ok")[:1], whole=True),
        ):
            self.assertIsNone(standing(answer))
