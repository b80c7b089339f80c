"""Tests of what the API keys have spent over restarts."""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from codexd.interfaces import IUsageStore
from codexd.keys.usage_saver import RETRY_SECONDS, SAVE_SECONDS, UsageSaver
from codexd.neutral.event import Usage
from codexd.neutral.fault import FaultError, fault
from codexd.policy.key_meter import Charge, KeyMeters, SpentTokens
from codexd.policy.key_policy import KeyPolicy

NOON = 1_796_040_000.0
TODAY, MONTH = "2026-11-30", "2026-11"


@implementer(IUsageStore)
class FakeUsageStore:
    """A fake of `IUsageStore` that fires its Deferreds when the test says so."""

    def __init__(self) -> None:
        self.spent: dict[tuple[str, str], int] = {}
        self.waiting: list[Deferred[None]] = []
        self.failing = False
        self.calls: list[str] = []

    def load_key_usage(self) -> "Deferred[tuple[SpentTokens, ...]]":
        rows = tuple(SpentTokens(*key, tokens) for key, tokens in self.spent.items())
        return self._call("load").addCallback(lambda _: rows)

    def save_key_usage(self, spent: tuple[SpentTokens, ...]) -> "Deferred[None]":
        if not self.failing:
            self.spent |= {(one.key, one.period): one.tokens for one in spent}
        return self._call("save")

    def _call(self, name: str) -> "Deferred[None]":
        self.calls.append(name)
        deferred: Deferred[None] = Deferred()
        if self.failing:
            deferred.addCallback(lambda _: _fail())
        self.waiting.append(deferred)
        return deferred

    def fire(self) -> None:
        """Let all calls end."""
        waiting, self.waiting = self.waiting, []
        for deferred in waiting:
            deferred.callback(None)


def _fail() -> None:
    raise FaultError(fault("store_failed"))


class UsageSaverTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = FakeUsageStore()
        self.clock = Clock()
        self.start()

    def start(self) -> None:
        """Start a daemon on the store."""
        self.meters = KeyMeters(self.clock.seconds, lambda: NOON + self.clock.seconds())
        self.meters.apply([KeyPolicy(name="alice", tokens_per_day=100)])
        self.saver = UsageSaver(self.meters, self.store, self.clock)
        self.saver.start()

    def spend(self, tokens: int) -> None:
        meter = self.meters.find("alice")
        assert meter is not None
        Charge(meter).spend(Usage(input_tokens=tokens))

    def is_refused(self) -> bool:
        meter = self.meters.find("alice")
        assert meter is not None
        try:
            Charge(meter).reserve(1, 0)
        except FaultError:
            return True
        return False

    def test_the_fake_store_is_one(self) -> None:
        verifyObject(IUsageStore, self.store)

    def test_budgets_are_open_once_the_past_is_loaded(self) -> None:
        self.assertTrue(self.is_refused())
        self.store.fire()
        self.assertFalse(self.is_refused())

    def test_what_was_spent_survives_a_crash_but_for_the_last_seconds(self) -> None:
        self.store.fire()
        self.spend(60)
        self.clock.advance(SAVE_SECONDS)
        self.store.fire()
        self.spend(10)
        self.assertEqual(self.store.spent, {("alice", TODAY): 60, ("alice", MONTH): 60})
        self.start()
        self.store.fire()
        self.spend(40)
        self.assertTrue(self.is_refused())
        self.clock.advance(SAVE_SECONDS)
        self.assertEqual(self.store.spent[("alice", TODAY)], 100)

    def test_what_was_spent_before_it_is_loaded_is_added(self) -> None:
        self.store.spent = {("alice", TODAY): 60}
        self.start()
        self.spend(40)
        self.clock.advance(SAVE_SECONDS)
        self.assertEqual(self.store.calls, ["load", "load"])
        self.store.fire()
        self.assertTrue(self.is_refused())
        self.clock.advance(SAVE_SECONDS)
        self.assertEqual(self.store.spent, {("alice", TODAY): 100, ("alice", MONTH): 40})

    def test_an_idle_daemon_writes_nothing(self) -> None:
        self.store.fire()
        self.spend(1)
        for _ in range(5):
            self.clock.advance(SAVE_SECONDS)
            self.store.fire()
        self.assertEqual(self.store.calls, ["load", "save"])

    def test_a_stop_saves_the_rest(self) -> None:
        self.store.fire()
        self.spend(5)
        stopped = self.saver.stop()
        self.assertNoResult(stopped)
        self.store.fire()
        self.successResultOf(stopped)
        self.assertEqual(self.store.spent[("alice", TODAY)], 5)

    def test_a_stop_waits_for_a_call_that_runs(self) -> None:
        self.store.fire()
        self.spend(5)
        self.clock.advance(SAVE_SECONDS)
        self.spend(6)
        stopped = self.saver.stop()
        self.store.fire()
        self.store.fire()
        self.successResultOf(stopped)
        self.assertEqual(self.store.spent[("alice", TODAY)], 11)

    def test_a_store_that_fails_is_tried_again_later_and_nothing_is_lost(self) -> None:
        self.store.fire()
        self.store.failing = True
        self.spend(5)
        self.clock.advance(SAVE_SECONDS)
        self.store.fire()
        self.store.failing = False
        self.clock.advance(SAVE_SECONDS)
        self.assertEqual(self.store.calls, ["load", "save"])
        self.clock.advance(RETRY_SECONDS)
        self.assertEqual(self.store.calls, ["load", "save", "save"])
        self.assertEqual(self.store.spent[("alice", TODAY)], 5)

    def test_a_past_that_cannot_be_loaded_keeps_budgets_closed(self) -> None:
        self.store.failing = True
        self.start()
        self.store.fire()
        self.assertTrue(self.is_refused())
        self.store.failing = False
        self.clock.advance(RETRY_SECONDS + SAVE_SECONDS)
        self.store.fire()
        self.assertFalse(self.is_refused())
