from twisted.internet.task import Clock
from twisted.logger import LogEvent, Logger, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from codexd.observe.readiness_log import CHECK_SECONDS, ReadinessLog


class ReadinessLogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.logged = Clock(), list[LogEvent]()
        self.patch(ReadinessLog, "_log", Logger("codexd.test", observer=self.logged.append))
        self.ready, self.upstreams = False, {"local": False}
        self.log = ReadinessLog(self.clock, lambda: self.ready, lambda: self.upstreams)
        self.log.start()

    def events(self) -> list[str]:
        """Let a check pass, and return the names of the events since the last call."""
        self.clock.advance(CHECK_SECONDS)
        events = [event["event"] for event in self.logged]
        self.logged.clear()
        return events

    def test_each_change_of_the_daemon_is_logged_once(self) -> None:
        self.assertEqual(self.events(), [])
        self.ready = True
        self.assertEqual((self.events(), self.events()), (["daemon_ready"], []))
        self.ready = False
        self.assertEqual((self.events(), self.events()), (["daemon_unready"], []))

    def test_each_change_of_an_upstream_is_logged_once_with_its_name(self) -> None:
        self.upstreams = {"local": True, "other": False}
        self.clock.advance(CHECK_SECONDS)
        self.assertEqual([formatEvent(event) for event in self.logged], ["Upstream local is ready"])
        self.logged.clear()
        self.upstreams = {"local": False, "other": False}
        self.assertEqual((self.events(), self.events()), (["upstream_down"], []))

    def test_an_upstream_that_was_removed_is_forgotten(self) -> None:
        self.upstreams = {"local": True}
        self.assertEqual(self.events(), ["upstream_up"])
        self.upstreams = {}
        self.assertEqual(self.events(), [])

    def test_a_stop_leaves_no_timer(self) -> None:
        self.log.stop()
        self.log.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
