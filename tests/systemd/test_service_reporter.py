"""The service manager learns of readiness, of the status, of reloads and of the stop, and its watchdog is fed."""

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from codexd.systemd.notify import NotifySocket
from codexd.systemd.service_reporter import ServiceReporter, find_watchdog_seconds
from tests.support.notify_receiver import NotifyReceiver


class ServiceReporterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.receiver = NotifyReceiver()
        self.addCleanup(self.receiver.close)
        self.clock = Clock()
        self.is_ready = False
        self.status = "starting"

    def build(self, watchdog_seconds: float | None = None) -> ServiceReporter:
        return ServiceReporter(
            NotifySocket(self.receiver.path.encode(), self.clock.seconds),
            self.clock,
            ready=lambda: self.is_ready,
            describe=lambda: self.status,
            watchdog_seconds=watchdog_seconds,
        )

    def become_ready(self) -> None:
        self.is_ready = True
        self.clock.advance(1)

    def run_for(self, seconds: float, step: float) -> None:
        """Let time pass, and read what is sent: a socket holds only ten datagrams."""
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            self.receiver.receive()

    def count(self, name: str) -> int:
        return len(self.receiver.find(name))

    def test_ready_is_sent_once_when_the_first_back_end_is(self) -> None:
        self.build().start()
        self.run_for(1, 0.1)
        self.assertEqual(self.count("READY"), 0)
        self.is_ready = True
        self.run_for(5, 0.1)
        self.assertEqual(self.count("READY"), 1)
        self.is_ready = False
        self.run_for(5, 1)
        self.is_ready = True
        self.run_for(5, 1)
        self.assertEqual(self.count("READY"), 1)

    def test_a_slow_start_is_extended_while_the_reactor_runs(self) -> None:
        self.build().start()
        self.assertEqual(self.receiver.receive()[0].values["EXTEND_TIMEOUT_USEC"], "30000000")
        self.become_ready()
        sent = self.count("EXTEND_TIMEOUT_USEC")
        self.run_for(10, 1)
        self.assertEqual(self.count("EXTEND_TIMEOUT_USEC"), sent)

    def test_the_status_is_sent_when_it_changes(self) -> None:
        self.is_ready = True
        self.build().start()
        self.run_for(5, 1)
        self.status = "busy"
        self.run_for(5, 1)
        self.assertEqual([one.values["STATUS"] for one in self.receiver.find("STATUS")], ["starting", "busy"])

    def test_the_watchdog_is_fed_several_times_in_its_time(self) -> None:
        for seconds, expected in ((0.4, 95), (0.000001, 95), (2, 20), (60, 10)):
            self.setUp()
            self.is_ready = True
            reporter = self.build(seconds)
            reporter.start()
            self.run_for(10, 0.01)
            self.assertApproximates(self.count("WATCHDOG"), expected, expected // 10)
            reporter.end()

    def test_without_a_watchdog_it_is_not_fed(self) -> None:
        self.build().start()
        self.become_ready()
        self.assertEqual(self.count("WATCHDOG"), 0)

    def test_what_was_not_accepted_is_sent_again(self) -> None:
        self.is_ready = True
        path, self.receiver.path = self.receiver.path, "/nowhere"
        reporter = self.build()
        reporter.start()
        reporter._notify = NotifySocket(path.encode(), self.clock.seconds)
        self.clock.advance(1)
        self.assertEqual(self.receiver.receive()[0].values, {"READY": "1", "STATUS": "starting"})

    def test_a_reload_ends_with_ready(self) -> None:
        reporter = self.build()
        reporter.start()
        self.become_ready()
        reporter.reloading()
        reporter.reloaded()
        reloading, ready = self.receiver.receive()[-2:]
        self.assertEqual(reloading.values, {"RELOADING": "1", "MONOTONIC_USEC": "1000000"})
        self.assertEqual(ready.values, {"READY": "1"})

    def test_a_reload_during_the_start_does_not_report_readiness(self) -> None:
        reporter = self.build()
        reporter.start()
        reporter.reloading()
        reporter.reloaded()
        self.assertEqual(self.count("READY"), 0)

    def test_the_stop_has_its_time_and_ends_the_timer(self) -> None:
        reporter = self.build()
        reporter.start()
        reporter.stopping(17.5)
        self.assertEqual(self.receiver.receive()[-1].values, {"STOPPING": "1", "EXTEND_TIMEOUT_USEC": "17500000"})
        reporter.end()
        reporter.end()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_without_a_service_manager_there_is_no_timer(self) -> None:
        reporter = ServiceReporter(NotifySocket(None), self.clock, ready=lambda: True, describe=str)
        reporter.start()
        reporter.stopping(1)
        reporter.end()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class WatchdogTests(SynchronousTestCase):
    def test_the_time_is_that_of_this_process(self) -> None:
        for environ, expected in (
            ({}, None),
            ({"WATCHDOG_USEC": "0"}, None),
            ({"WATCHDOG_USEC": "2500000"}, 2.5),
            ({"WATCHDOG_USEC": "2500000", "WATCHDOG_PID": "7"}, 2.5),
            ({"WATCHDOG_USEC": "2500000", "WATCHDOG_PID": "8"}, None),
        ):
            self.assertEqual(find_watchdog_seconds(environ, 7), expected)

    def test_a_time_that_is_none_is_ignored_with_a_warning(self) -> None:
        for time in ("soon", "-1", "\u0663", str(2**64), "9" * 400, "9" * 5000):
            with capturedLogs() as logged:
                self.assertEqual(find_watchdog_seconds({"WATCHDOG_USEC": time}, 7), None)
            self.assertEqual([event["event"] for event in logged], ["watchdog_ignored"])
