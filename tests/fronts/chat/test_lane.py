"""Who began first finishes first."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.chat.lane import Lane
from codexd.neutral.event import TextDelta
from tests.support.sentences import merged


class LaneTests(SynchronousTestCase):
    def test_the_first_has_the_lane_and_the_next_gets_it_after(self) -> None:
        lane: Lane[str] = Lane()
        lane.enter("a")
        lane.enter("b")
        self.assertEqual(lane.current, "a")
        lane.wait("b", TextDelta(1, "late"))
        self.assertEqual(lane.leave("a"), [TextDelta(1, "late")])
        self.assertEqual(lane.current, "b")

    def test_who_left_while_waiting_is_told_and_passed_over(self) -> None:
        lane: Lane[str] = Lane()
        for key in "abc":
            lane.enter(key)
        lane.wait("b", TextDelta(1, "b"))
        lane.wait("c", TextDelta(2, "c"))
        self.assertEqual(lane.leave("b"), [])
        self.assertEqual(lane.leave("a"), [TextDelta(1, "b"), TextDelta(2, "c")])
        self.assertEqual(lane.current, "c")

    def test_an_empty_lane_is_free_for_anybody(self) -> None:
        lane: Lane[str] = Lane()
        lane.enter("a")
        self.assertEqual((lane.leave("a"), lane.current), ([], None))
        lane.enter("b")
        self.assertEqual(lane.current, "b")

    @given(st.lists(st.lists(st.text(max_size=1), min_size=1), max_size=4), st.data())
    def test_all_is_told_speaker_by_speaker(self, speeches: list[list[str]], data: st.DataObject) -> None:
        lane: Lane[int] = Lane()
        told: list[str] = []
        began: list[int] = []
        left = [len(speech) for speech in speeches]
        for speaker, piece in data.draw(merged(speeches)):
            if speaker not in began:
                began.append(speaker)
                lane.enter(speaker)
            if lane.current == speaker:
                told.append(piece)
            else:
                lane.wait(speaker, TextDelta(speaker, piece))
            left[speaker] -= 1
            if not left[speaker]:
                told += [late.text for late in lane.leave(speaker)]
        self.assertEqual(told, [piece for speaker in began for piece in speeches[speaker]])
