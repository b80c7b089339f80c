from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from codexd.administration.maintenance import NAME, MaintenanceSwitch
from codexd.neutral.fault import FaultError
from codexd.observe.metrics import Metrics
from codexd.policy.maintenance import MaintenanceState
from codexd.settings import Maintenance
from tests.support.metric_samples import metric

ON = MaintenanceState(True, 120.0, "back at ten")


class MaintenanceSwitchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()) / "state" / NAME

    def make(self, settings: Maintenance = Maintenance()) -> MaintenanceSwitch:  # noqa: B008
        self.metrics = Metrics()
        return MaintenanceSwitch(settings, self.path, self.metrics)

    def test_it_refuses_with_its_message_and_retry_time_while_it_is_on(self) -> None:
        switch = self.make()
        switch.check()
        self.assertEqual(metric(self.metrics, "codexd_maintenance"), 0)
        switch.switch(ON)
        refused = self.assertRaises(FaultError, switch.check).fault
        self.assertEqual((refused.kind, refused.status, refused.message), ("maintenance", 503, "back at ten"))
        self.assertEqual((refused.retry_after_seconds, refused.should_retry), (120.0, True))
        self.assertEqual(metric(self.metrics, "codexd_maintenance"), 1)
        switch.switch(MaintenanceState())
        switch.check()

    def test_it_ends_with_a_restart_unless_it_is_kept(self) -> None:
        switch = self.make()
        switch.switch(ON)
        self.assertFalse(self.make().state.enabled)
        switch.switch(ON, keep=True)
        again = self.make()
        self.assertEqual((again.state, again.kept), (ON, True))
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        again.switch(MaintenanceState())
        self.assertFalse(self.make().state.enabled)
        self.assertFalse(self.path.exists())

    def test_it_can_be_on_from_the_start(self) -> None:
        switch = self.make(Maintenance(enabled=True, retry_after_seconds=5, message="soon"))
        self.assertEqual(switch.state, MaintenanceState(True, 5, "soon"))

    def test_what_was_kept_has_precedence_over_the_settings(self) -> None:
        self.make().switch(MaintenanceState(), keep=True)
        self.assertFalse(self.make(Maintenance(enabled=True)).state.enabled)

    def test_a_file_that_cannot_be_read_counts_as_maintenance(self) -> None:
        self.path.parent.mkdir(parents=True)
        for damaged in (b"", b"[]", b'{"enabled": true}', b"\xff"):
            self.path.write_bytes(damaged)
            self.assertTrue(self.make().state.enabled, damaged)

    def test_changed_settings_take_effect_although_the_kept_state_cannot_be_removed(self) -> None:
        switch = self.make()
        self.path.mkdir(parents=True)
        switch.apply(Maintenance(enabled=True, message="soon"))
        self.assertEqual((switch.state.enabled, switch.state.message), (True, "soon"))

    def test_a_state_that_cannot_be_kept_is_not_set(self) -> None:
        switch = self.make()
        self.path.parent.parent.mkdir(parents=True)
        self.path.parent.write_text("in the way")
        self.assertRaises(OSError, switch.switch, ON, keep=True)
        self.assertFalse(switch.state.enabled)
        self.assertRaises(OSError, MaintenanceSwitch(Maintenance(), None, Metrics()).switch, ON, keep=True)
