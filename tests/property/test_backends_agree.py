"""Law 4 (meeting): the same answer gives the same client bytes, whichever back end it came from.

Each answer is encoded as an app-server's notifications, as a Chat server's stream, and as neutral events;
every endpoint must render the three alike.
"""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.bindings import TurnError
from codexd.backs.chat.failures import translate_http_error
from codexd.backs.failures import translate
from codexd.neutral import event as e
from codexd.wire import json
from tests.support.answer_encodings import events_from_child, events_from_server, server_call
from tests.support.chat_chunks import chunk, fragments
from tests.support.endpoints import ENDPOINTS
from tests.support.shared_answers import ANSWERS, PARALLEL_CALLS, Answer, neutral_events


class BackendsAgreeTests(SynchronousTestCase):
    def assert_same(self, *sentences: Iterable[e.Event]) -> None:
        """Check that every endpoint renders these sentences alike."""
        first, *others = (list(sentence) for sentence in sentences)
        for other in others:
            for endpoint in ENDPOINTS:
                self.assertEqual(endpoint.stream(first), endpoint.stream(other), endpoint.name)
                if isinstance(first[-1], e.Ended):
                    self.assertEqual(endpoint.body_of(first), endpoint.body_of(other), endpoint.name)

    @given(ANSWERS)
    def test_every_endpoint_renders_all_back_ends_alike(self, answer: Answer) -> None:
        self.assert_same(events_from_child(answer), events_from_server(answer), neutral_events(answer))

    @given(PARALLEL_CALLS, st.data())
    def test_fragmented_calls_equal_whole_calls(self, answer: Answer, data: st.DataObject) -> None:
        """A Chat server interleaves the fragments of its calls; an app-server sends each call whole."""
        entries = data.draw(fragments([server_call(item) for item in answer.items if item.kind == "call"]))
        theirs = events_from_server(answer, [chunk({"tool_calls": some}) for some in entries])
        ours = events_from_child(answer)
        for endpoint in ENDPOINTS:
            self.assertEqual(endpoint.body_of(theirs), endpoint.body_of(ours), endpoint.name)
            self.assertEqual(
                endpoint.merge(endpoint.stream(theirs)), endpoint.merge(endpoint.stream(ours)), endpoint.name
            )

    def test_an_http_error_is_the_same_failure(self) -> None:
        for status in range(300, 600):
            text = f"no, url: http://x, status {status}"
            message = f"unexpected status {status} Reason: {text}, url: http://127.0.0.1:1/v1/responses"
            failure = translate(TurnError(message, {"httpConnectionFailed": {"httpStatusCode": status}}))
            body = json.encode({"error": {"message": text}})
            self.assert_same([e.Failed(translate_http_error(status, body))], [e.Failed(failure)])
