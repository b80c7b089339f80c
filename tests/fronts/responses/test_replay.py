"""codexd.fronts.responses.replay: a background answer's stream, taken up again."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import responses
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.reply import Reply
from codexd.wire.json import decode
from tests.support import responses_stream
from tests.support.responses_requests import ask
from tests.support.responses_state import STAMP, kept
from tests.support.sentences import broken_sentences, sentences

Sentence = tuple[e.Event, ...]


def streamed(sentence: Sentence, **fields: Any) -> list[bytes]:
    """Give the stream of a background answer to a request with these fields."""
    keeping = ask(background=True, **fields).keeping
    assert keeping is not None
    encoder = keeping.encoder(STAMP)
    return [*encoder.queued(), *(frame for event in sentence for frame in encoder.feed(event))]


class ResumedTests(SynchronousTestCase):
    """What the client has, and what it is given then, are the whole."""

    @given(sentences() | broken_sentences(), st.data())
    def test_it_goes_on_after_any_event(self, sentence: Sentence, data: st.DataObject) -> None:
        frames = streamed(sentence)
        after = data.draw(st.integers(-1, len(frames) + 1))
        self.assertEqual(responses.resumed(b"".join(frames), after), frames[after + 1 :])

    def test_without_a_number_it_is_given_whole(self) -> None:
        frames = streamed((e.Began(), e.Ended("stop")))
        self.assertEqual(responses.resumed(b"".join(frames)), frames)
        self.assertEqual(responses.resumed(b""), [])

    def test_a_number_of_the_clients_own_is_not_the_events(self) -> None:
        tool = {"type": "function", "name": "f", "parameters": {"sequence_number": 999}}
        frames = streamed((e.Began(), e.Ended("stop")), tools=[tool])
        self.assertEqual(responses.resumed(b"".join(frames), 1), frames[2:])


class ClosingTests(SynchronousTestCase):
    """An answer of whose stream nothing was kept."""

    def read(self, after: int, reply: Reply | None = None) -> list[tuple[str, str, int]]:
        cut = kept(Reply(), "queued", background=True)
        over = responses.lost(cut) if reply is None else kept(reply, background=True)
        events = responses_stream.read(b"".join(responses.closing(over, after)))
        return [
            (event["type"].removeprefix("response."), event["response"]["status"], event["sequence_number"])
            for event in events
        ]

    begin = (("created", "queued", 0), ("queued", "queued", 1), ("in_progress", "in_progress", 2))

    def test_it_begins_as_the_lost_one_did_and_ends(self) -> None:
        whole = [*self.begin, ("failed", "failed", 3)]
        for after in (-1, 0, 1, 2):
            self.assertEqual(self.read(after), whole[after + 1 :])

    def test_to_a_client_that_had_more_the_end_comes_alone_and_numbered_on(self) -> None:
        for after in (3, 4, 99):
            self.assertEqual(self.read(after), [("failed", "failed", after + 1)])

    def test_a_cancelled_one_ends_as_its_stream_would_have(self) -> None:
        cancelled = Reply(fault=fault("cancelled"))
        self.assertEqual(self.read(-1, cancelled), [*self.begin, ("incomplete", "cancelled", 3)])

    def test_its_beginning_knows_nothing_of_its_end(self) -> None:
        over = kept(Reply((), "stop", e.Usage(1)), background=True)
        created, _, _, completed = responses_stream.read(b"".join(responses.closing(over)))
        for name in ("completed_at", "error", "incomplete_details", "usage"):
            self.assertIsNone(created["response"][name])
        self.assertEqual(completed["response"], decode(responses.shown(over)))
