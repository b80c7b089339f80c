"""Tests of codexd.routing.passage."""

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.reply import fold
from codexd.routing.passage import Passage
from codexd.tools.gates import Gates
from codexd.tools.joint import Inward
from tests.routing.test_joints import ASKED, CALL
from tests.routing.test_relay import Notes
from tests.support.backend import FakeBackend, FakeTurn, hello


class BrokenJoint(Inward):
    """Can take nothing but the beginning."""

    def feed(self, event: e.Event) -> list[e.Event]:
        if not isinstance(event, e.Began):
            raise ValueError("broken")
        return [event]


class PassageTests(SynchronousTestCase):
    def begun(self, joint: Callable[..., Inward], **gates: object) -> FakeTurn:
        self.notes, self.counted = Notes(), list[str]()
        made = joint(ASKED, "abc", Gates(**gates))  # type: ignore[arg-type]
        self.passage = Passage(ASKED, made, self.notes, self.counted.append)
        backend = FakeBackend()
        self.passage.handle = backend.begin(ASKED, self.passage)
        return backend.turns[0]

    def test_a_defect_of_the_joint_costs_this_answer_and_stops_its_model(self) -> None:
        model = self.begun(BrokenJoint)
        model.tell(*hello())
        self.assertEqual(self.notes.heard, [e.Began(), e.Failed(fault("internal"))])
        self.assertEqual((self.counted, self.notes.flushes), (["internal_error"], 1))

    def test_the_model_is_stopped_when_it_goes_on_after_that(self) -> None:
        model = self.begun(BrokenJoint)
        model.tell(*hello()[:2])
        self.assertEqual(model.asked, ["cancel"])
        model.tell(*hello()[2:])
        self.assertEqual(self.notes.heard, [e.Began(), e.Failed(fault("internal"))])

    def test_a_failure_after_all_that_was_wanted_is_no_failure_and_the_cost_an_estimate(self) -> None:
        model = self.begun(Inward, stop_after="first")
        model.tell(e.Began(), *CALL, e.Failed(fault("stream_cut")))
        reply = fold(self.notes.heard)
        self.assertEqual((reply.finish, reply.fault), ("tool_calls", None))
        assert reply.usage is not None
        self.assertTrue(reply.usage.estimated)
        self.assertEqual(model.asked, [], "it has stopped by itself")
