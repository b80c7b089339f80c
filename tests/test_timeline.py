from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.timeline import MAX_STEPS, Timeline


class TimelineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.timeline = Timeline(self.clock.seconds)

    def test_a_step_lasts_from_its_begin_to_its_end(self) -> None:
        step = self.timeline.begin("rpc", "thread/start", size=12)
        self.assertIsNone(step.ended)
        self.clock.advance(2)
        self.timeline.end(step, "ok")
        self.assertEqual((step.began, step.ended, step.status, step.size), (0, 2, "ok", 12))

    def test_a_step_without_a_duration_ends_when_it_begins(self) -> None:
        self.clock.advance(3)
        step = self.timeline.add("retry", status="child_died")
        self.assertEqual((step.began, step.ended, step.status), (3, 3, "child_died"))

    def test_steps_beyond_the_limit_are_added_up_by_kind_and_label(self) -> None:
        for number in range(MAX_STEPS):
            self.timeline.add("rpc", str(number))
        for _ in range(5):
            self.clock.advance(1)
            self.timeline.add("event", "text", size=10)
        self.timeline.add("retry")
        self.assertEqual(len(self.timeline.steps), MAX_STEPS)
        text, retry = self.timeline.totals
        self.assertEqual((text.label, text.count, text.size, text.began, text.ended), ("text", 5, 50, 1, 5))
        self.assertEqual((retry.kind, retry.count, retry.is_total), ("retry", 1, True))

    def test_its_size_is_bounded_whatever_the_labels_are(self) -> None:
        for number in range(1000):
            self.timeline.add("rpc", str(number))
        self.assertEqual(len(self.timeline.steps), MAX_STEPS)
        self.assertLess(len(self.timeline.totals), 40)
        self.assertEqual(sum(step.count for step in (*self.timeline.steps, *self.timeline.totals)), 1000)

    def test_what_continues_after_the_request_has_its_own_steps_on_the_same_clock(self) -> None:
        self.timeline.add("received")
        other = self.timeline.begin_other()
        self.clock.advance(1)
        other.add("ended")
        self.assertEqual([step.kind for step in self.timeline.steps], ["received"])
        self.assertEqual([(step.kind, step.began) for step in other.steps], [("ended", 1)])
