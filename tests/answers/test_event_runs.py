from typing import get_args

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.answers.event_runs import EventRuns
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.timeline import Timeline


class EventRunsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.timeline = Timeline(self.clock.seconds)
        self.runs = EventRuns(self.timeline)

    def test_equal_events_are_one_step_with_their_number_size_and_times(self) -> None:
        self.runs.add(e.Began())
        self.clock.advance(1)
        for _ in range(3):
            self.runs.add(e.TextDelta(0, "four"))
            self.runs.touch()
            self.clock.advance(1)
        self.runs.add(e.MessageClosed(0))
        self.runs.add(e.Ended("stop"))
        found = [(step.label, step.count, step.size, step.began, step.ended) for step in self.timeline.steps]
        self.assertEqual(found[0][:3], ("began", 1, 0))
        self.assertEqual(found[1], ("text", 3, 12, 1, 4))
        self.assertEqual([(label, count) for label, count, *_ in found[2:]], [("message_closed", 1), ("ended", 1)])
        self.assertEqual(self.timeline.steps[-1].status, "stop")

    def test_a_failure_is_recorded_once_with_its_kind(self) -> None:
        self.runs.add(e.Failed(fault("busy")))
        self.runs.add_failure("busy")
        (step,) = self.timeline.steps
        self.assertEqual((step.label, step.status), ("failed", "busy"))

    def test_every_event_has_a_label(self) -> None:
        labels = set()
        for kind in get_args(e.Event):
            if kind is e.Failed:
                continue
            event = kind.__new__(kind)
            for name in ("text", "finish"):
                if hasattr(kind, name):
                    object.__setattr__(event, name, "stop")
            self.runs.add(event)
            labels.add(self.timeline.steps[-1].label)
        self.assertEqual(len(labels), len(get_args(e.Event)) - 1)
