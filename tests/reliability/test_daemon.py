"""The daemon is stopped, hurried, reloaded or set to maintenance, at each point of a turn, over both back ends."""

from attrs import evolve

from codexd.settings import Http, Maintenance
from tests.support.fault_cases import FaultTestCase, UpstreamFaultTestCase
from tests.support.fault_client import Client
from tests.support.fault_daemon import DRAIN_SECONDS, UPSTREAM


class StoppedTests(FaultTestCase):
    """SIGTERM."""

    def stop(self) -> None:
        self.stopped = self.daemon.stop()

    def test_idle(self) -> None:
        for _ in self.idle():
            self.stop()
            self.assert_stopped()

    def test_in_the_queue(self) -> None:
        for client in self.queued():
            self.stop()
            self.assert_end(client, "shutting_down")
            self.assert_answered(self.holder)
            self.assert_stopped()

    def test_before_the_first_event(self) -> None:
        for client in self.before():
            self.stop()
            self.assert_answered(client)
            self.assert_stopped()

    def test_in_the_response(self) -> None:
        for client in self.begun():
            self.stop()
            self.assert_answered(client)
            self.assert_stopped()

    def test_longer_than_the_drain(self) -> None:
        for point in (self.before, self.begun):
            for client in point():
                self.stop()
                self.daemon.run(DRAIN_SECONDS)
                self.assert_end(client, "shutting_down")
                self.assert_stopped()

    def test_background(self) -> None:
        for client in self.background():
            self.stop()
            self.assertNoResult(self.stopped)
            self.daemon.answer()
            self.assertEqual(self.daemon.metric("background_finished_total", outcome="ok"), 1)
            self.assert_stopped()
            if client.ask.stream:
                self.assert_end(client, "ok")


class UpstreamStoppedTests(StoppedTests):
    model = UPSTREAM
    settings = UpstreamFaultTestCase.settings


class SuspendedTests(FaultTestCase):
    """What does not end a suspended turn, or ends it so that its results are replayed."""

    def test_a_stop(self) -> None:
        for _ in self.suspended():
            self.stopped = self.daemon.stop()
            self.assert_stopped()

    def test_a_second_signal(self) -> None:
        for _ in self.suspended():
            self.stopped = self.daemon.stop()
            self.daemon.daemon.hurry()
            self.assert_stopped()

    def test_a_reload(self) -> None:
        for ask, body in self.suspended():
            self.daemon.reload(http=evolve(self.settings.http, max_items=100))
            self.assert_resumed(ask, body)
            self.assertEqual(self.daemon.metric("turn_resumed_total"), 1)

    def test_maintenance(self) -> None:
        for ask, body in self.suspended():
            self.daemon.reload(maintenance=Maintenance(enabled=True))
            self.assert_end(self.daemon.send(ask, body), "maintenance")
            self.daemon.reload(maintenance=Maintenance())
            self.assert_resumed(ask, body)


class HurriedTests(FaultTestCase):
    """A second SIGTERM."""

    def hurry(self) -> None:
        self.stopped = self.daemon.stop()
        self.daemon.daemon.hurry()
        self.daemon.run()

    def test_in_the_queue(self) -> None:
        for client in self.queued():
            self.hurry()
            self.assert_end(client, "shutting_down")
            self.assert_end(self.holder, "shutting_down")
            self.assert_stopped()

    def test_before_the_first_event(self) -> None:
        for client in self.before():
            self.hurry()
            self.assert_end(client, "shutting_down")
            self.assert_stopped()

    def test_in_the_response(self) -> None:
        for client in self.begun():
            self.hurry()
            self.assert_end(client, "shutting_down")
            self.assert_stopped()

    def test_background(self) -> None:
        for client in self.background():
            self.hurry()
            self.assertEqual(self.daemon.metric("background_finished_total", outcome="shutting_down"), 1)
            self.assert_stopped()
            if client.ask.stream:
                self.assertEqual(client.end, "server_error")


class UpstreamHurriedTests(HurriedTests):
    model = UPSTREAM
    settings = UpstreamFaultTestCase.settings


class ReloadedTests(FaultTestCase):
    """SIGHUP: what is under way goes on."""

    def inject(self) -> None:
        """Change a limit, the upstream and the number of slots."""
        tables = self.daemon.settings
        upstream = tuple(evolve(one, idle_seconds=60.0) for one in tables.upstream)
        self.daemon.reload(http=Http(keepalive_seconds=1e6, max_items=100), upstream=upstream)

    def assert_goes_on(self, client: Client) -> None:
        """Check that a request is answered."""
        self.assert_answered(client)

    def test_idle(self) -> None:
        for ask in self.idle():
            self.inject()
            self.assert_goes_on(self.daemon.ask(ask))

    def test_in_the_queue(self) -> None:
        for client in self.queued():
            self.inject()
            self.assert_goes_on(self.holder)
            self.assert_goes_on(client)

    def test_before_the_first_event(self) -> None:
        for client in self.before():
            self.inject()
            self.assert_goes_on(client)

    def test_in_the_response(self) -> None:
        for client in self.begun():
            self.inject()
            self.assert_goes_on(client)

    def test_background(self) -> None:
        for client in self.background():
            self.inject()
            self.daemon.answer()
            self.assert_stored(client)

    def test_while_the_daemon_drains(self) -> None:
        for client in self.draining():
            self.inject()
            self.assert_goes_on(client)
            self.assert_stopped()


class UpstreamReloadedTests(ReloadedTests):
    model = UPSTREAM
    settings = UpstreamFaultTestCase.settings


class MaintainedTests(ReloadedTests):
    """Maintenance: what is under way goes on, and new requests are refused."""

    def inject(self) -> None:
        """Set the daemon to maintenance."""
        self.daemon.reload(maintenance=Maintenance(enabled=True))

    def test_idle(self) -> None:
        for ask in self.idle():
            self.inject()
            self.assert_end(self.daemon.ask(ask), "maintenance")
            self.daemon.reload(maintenance=Maintenance())
            self.assert_answered(self.daemon.ask(ask))


class UpstreamMaintainedTests(MaintainedTests):
    model = UPSTREAM
    settings = UpstreamFaultTestCase.settings
