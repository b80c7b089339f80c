"""Law 4, meeting: the same sentence gives the same client bytes, whichever back end it came from.

An answer is dictated to both back ends as their models' sides tell it, and said by one that speaks the
neutral language itself: no front door may tell them apart.
"""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.bindings import TurnError
from codexd.backs.chat.failures import refusal
from codexd.backs.failures import translate
from codexd.neutral import event as e
from tests.support.chat_upstream import chunk, fragments
from tests.support.dictation import by_child, by_server, written
from tests.support.doors import DOORS
from tests.support.meeting import ANSWERS, SIDE_BY_SIDE, Answer, spoken


class MeetingTests(SynchronousTestCase):
    def same(self, *tellings: Iterable[e.Event]) -> None:
        """See that no client can tell these apart."""
        first, *others = (list(telling) for telling in tellings)
        for other in others:
            for door in DOORS:
                self.assertEqual(door.stream(first), door.stream(other), door.name)
                if isinstance(first[-1], e.Ended):
                    self.assertEqual(door.whole(first), door.whole(other), door.name)

    @given(ANSWERS)
    def test_no_front_door_can_tell_which_back_end_spoke(self, answer: Answer) -> None:
        self.same(by_child(answer), by_server(answer), spoken(answer))

    @given(SIDE_BY_SIDE, st.data())
    def test_calls_in_any_fragments_are_the_same_calls(self, answer: Answer, data: st.DataObject) -> None:
        """A Chat server's calls grow side by side to the answer's end; a child's come whole."""
        entries = data.draw(fragments([written(item) for item in answer.items if item.kind == "call"]))
        theirs = by_server(answer, [chunk({"tool_calls": some}) for some in entries])
        ours = by_child(answer)
        for door in DOORS:
            self.assertEqual(door.whole(theirs), door.whole(ours), door.name)
            self.assertEqual(door.added(door.stream(theirs)), door.added(door.stream(ours)), door.name)

    def test_a_refused_request_is_the_same_failure(self) -> None:
        for status in (400, 401, 403, 404, 413, 429, 500, 503):
            told = translate(TurnError("no", {"httpConnectionFailed": {"httpStatusCode": status}}))
            self.same([e.Failed(refusal(status, b"no"))], [e.Failed(told)])
