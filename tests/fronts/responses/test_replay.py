"""codexd.fronts.responses.replay: the stream of a background response, resumed."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import responses
from codexd.fronts.dialect import StreamEvent
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.reply import Reply
from codexd.wire.json import decode
from tests.support import responses_stream
from tests.support.framing import build_folding_encoder, framed
from tests.support.identities import RESPONSES_IDENTITY
from tests.support.responses_requests import decode_request
from tests.support.sentences import Sentence, broken_sentences, sentences
from tests.support.stored_responses import stored_response


def streamed(sentence: Sentence, **fields: Any) -> list[StreamEvent]:
    """Return the stream of a background response to a request with these fields."""
    storage = decode_request(background=True, **fields).storage
    assert storage is not None
    encoder = build_folding_encoder(storage, RESPONSES_IDENTITY)
    return [*encoder.queued(), *(one for event in sentence for one in encoder.feed(event))]


class ResumeTests(SynchronousTestCase):
    """What the client has and what it gets then are the whole stream."""

    @given(sentences() | broken_sentences(), st.data())
    def test_it_resumes_after_any_event(self, sentence: Sentence, data: st.DataObject) -> None:
        events = streamed(sentence)
        after = data.draw(st.integers(-1, len(events) + 1))
        rest = events[responses.resume_position(events, after) :]
        numbers = [decode(one)["sequence_number"] for _, one in rest]
        self.assertEqual(numbers, list(range(after + 1, len(events))))

    def test_without_a_number_it_is_complete(self) -> None:
        events = streamed((e.Began(), e.Ended("stop")))
        self.assertEqual((responses.resume_position(events), responses.resume_position([])), (0, 0))

    def test_after_the_last_event_there_is_nothing(self) -> None:
        events = streamed((e.Began(), e.Ended("stop")))
        for after in (len(events) - 1, len(events), 2**53):
            self.assertEqual(responses.resume_position(events, after), len(events))


class FinalStreamTests(SynchronousTestCase):
    """A response whose stream was not stored."""

    def read(self, after: int, reply: Reply | None = None) -> list[tuple[str, str, int]]:
        cut = stored_response(Reply(), "queued", background=True)
        over = responses.mark_interrupted(cut) if reply is None else stored_response(reply, background=True)
        events = responses_stream.read(framed(responses.render_final_stream(over, after)))
        return [
            (event["type"].removeprefix("response."), event["response"]["status"], event["sequence_number"])
            for event in events
        ]

    begin = (("created", "queued", 0), ("queued", "queued", 1), ("in_progress", "in_progress", 2))

    def test_it_has_the_beginning_of_the_lost_stream_and_the_end(self) -> None:
        whole = [*self.begin, ("failed", "failed", 3)]
        for after in (-1, 0, 1, 2):
            self.assertEqual(self.read(after), whole[after + 1 :])

    def test_a_client_that_has_more_gets_only_the_end_with_the_next_number(self) -> None:
        for after in (3, 4, 99):
            self.assertEqual(self.read(after), [("failed", "failed", after + 1)])

    def test_a_cancelled_response_ends_as_its_stream_would_have(self) -> None:
        cancelled = Reply(fault=fault("cancelled"))
        self.assertEqual(self.read(-1, cancelled), [*self.begin, ("incomplete", "cancelled", 3)])

    def test_its_beginning_has_no_members_of_its_end(self) -> None:
        over = stored_response(Reply(items=(), finish="stop", usage=e.Usage(input_tokens=1)), background=True)
        created, _, _, completed = responses_stream.read(framed(responses.render_final_stream(over)))
        for name in ("completed_at", "error", "incomplete_details", "usage"):
            self.assertIsNone(created["response"][name])
        self.assertEqual(completed["response"], decode(responses.render_stored(over)))
