from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.slot_ledger import SlotLedger


class SlotLedgerTests(SynchronousTestCase):
    def test_running_turns_are_counted_by_principal_over_all_back_ends(self) -> None:
        ledger = SlotLedger()
        for principal in "aab":
            ledger.take(principal)
        ledger.release("codex", "a")
        self.assertEqual([ledger.running(principal) for principal in "abc"], [1, 1, 0])

    def test_watchers_learn_of_every_turn_that_ends_and_of_other_changes(self) -> None:
        ledger, notices = SlotLedger(), []
        ledger.watch(notices.append)
        ledger.take("a")
        ledger.release("codex", "a")
        ledger.capacity_changed()
        self.assertEqual(notices, ["codex", None])

    def test_principals_without_turns_take_no_memory(self) -> None:
        ledger = SlotLedger()
        for number in range(100):
            ledger.take(str(number))
            ledger.release("codex", str(number))
        self.assertEqual(len(ledger._running), 0)
