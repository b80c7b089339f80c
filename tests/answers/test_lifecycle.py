from twisted.trial.unittest import SynchronousTestCase

from codexd.answers.lifecycle import AnswerLifecycle, build_answer_lifecycle
from codexd.neutral.fault import fault

SHUTTING_DOWN = fault("shutting_down")


class RecordedActions:
    """Records the actions and states of the machine.

    Args:
        follow_ups: by action, the input that follows it at once.
    """

    def __init__(self, **follow_ups: str) -> None:
        self.actions: list[str] = []
        self.states: list[str] = []
        self._follow_ups = follow_ups
        self.lifecycle: AnswerLifecycle = build_answer_lifecycle(self)

    def enter(self, state: str) -> None:
        self.states.append(state)

    def fail(self, fault: object) -> None:
        self.actions.append("fail")

    def __getattr__(self, action: str) -> object:
        def act() -> None:
            self.actions.append(action)
            if action in self._follow_ups:
                getattr(self.lifecycle, self._follow_ups[action])()

        return act


def foreground() -> RecordedActions:
    """Return an answer that runs."""
    answer = RecordedActions()
    answer.lifecycle.begin()
    return answer


class PathTests(SynchronousTestCase):
    def test_a_foreground_answer_is_never_stored(self) -> None:
        answer = foreground()
        answer.lifecycle.deliver()
        answer.lifecycle.delivered()
        self.assertEqual(answer.states, ["Running", "Delivering", "Over"])
        self.assertEqual(answer.actions, ["begin_turns", "settle", "stop_model", "deliver_end", "stop_model", "close"])

    def test_a_stored_answer_is_delivered_after_it_was_saved(self) -> None:
        answer = foreground()
        answer.lifecycle.save()
        self.assertEqual(answer.actions[-1], "save_end")
        answer.lifecycle.deliver()
        self.assertEqual(answer.states[-2:], ["Saving", "Delivering"])

    def test_a_background_answer_is_saved_before_the_model_is_asked(self) -> None:
        answer = RecordedActions()
        answer.lifecycle.queue()
        self.assertEqual(answer.actions, ["save_queued"])
        answer.lifecycle.begin()
        self.assertEqual(answer.states, ["Queued", "Running"])

    def test_a_background_answer_that_is_not_accepted_never_asks_the_model(self) -> None:
        answer = RecordedActions()
        answer.lifecycle.queue()
        answer.lifecycle.reject()
        self.assertEqual(answer.states, ["Queued", "Over"])
        self.assertNotIn("begin_turns", answer.actions)

    def test_an_end_that_cannot_be_saved_may_be_replaced_and_saved_again(self) -> None:
        answer = foreground()
        answer.lifecycle.save()
        answer.lifecycle.save()
        self.assertEqual(answer.actions.count("save_end"), 2)


class ClientTests(SynchronousTestCase):
    def test_a_client_that_leaves_while_the_answer_runs_is_detached_and_the_answer_saved_or_discarded(self) -> None:
        answer = foreground()
        answer.lifecycle.client_disconnected()
        self.assertEqual((answer.actions[-2:], answer.states[-1]), (["detach", "save_or_discard"], "Running"))
        answer.lifecycle.discard()
        self.assertEqual(answer.states[-1], "Over")

    def test_a_client_that_leaves_while_the_end_is_saved_is_only_detached(self) -> None:
        answer = foreground()
        answer.lifecycle.save()
        answer.lifecycle.client_disconnected()
        self.assertEqual((answer.actions[-1], answer.states[-1]), ("detach", "Saving"))

    def test_a_client_that_leaves_while_the_end_is_delivered_ends_the_answer(self) -> None:
        answer = foreground()
        answer.lifecycle.deliver()
        answer.lifecycle.client_disconnected()
        self.assertEqual(answer.states[-1], "Over")


class AbandonTests(SynchronousTestCase):
    """The store has not accepted the answer in time."""

    def test_an_answer_that_is_not_stored_fails_for_its_client(self) -> None:
        answer = foreground()
        answer.lifecycle.save()
        answer.lifecycle.abandon()
        self.assertEqual(answer.actions[-1], "fail_unsaved")

    def test_an_answer_that_is_not_stored_as_queued_is_rejected(self) -> None:
        answer = RecordedActions()
        answer.lifecycle.queue()
        answer.lifecycle.abandon()
        self.assertEqual(answer.actions[-1], "reject_unsaved")

    def test_any_other_answer_goes_on(self) -> None:
        answer = foreground()
        for step in ("deliver", "delivered"):
            before = list(answer.actions)
            answer.lifecycle.abandon()
            self.assertEqual(answer.actions, before)
            getattr(answer.lifecycle, step)()
        answer.lifecycle.abandon()
        self.assertEqual(answer.states[-1], "Over")


class StopTests(SynchronousTestCase):
    def test_a_running_answer_fails_and_settles(self) -> None:
        answer = foreground()
        answer.lifecycle.stop(SHUTTING_DOWN)
        self.assertEqual(answer.actions[-3:], ["fail", "forbid_waiting", "settle"])

    def test_a_queued_answer_fails_before_the_model_is_asked(self) -> None:
        answer = RecordedActions()
        answer.lifecycle.queue()
        answer.lifecycle.stop(SHUTTING_DOWN)
        self.assertEqual(answer.actions[-1], "fail")

    def test_an_answer_whose_end_is_known_only_stops_waiting_for_its_client(self) -> None:
        for step in ("save", "deliver"):
            answer = foreground()
            getattr(answer.lifecycle, step)()
            answer.lifecycle.stop(SHUTTING_DOWN)
            self.assertEqual(answer.actions[-1], "forbid_waiting")

    def test_nothing_happens_to_an_answer_that_is_over(self) -> None:
        answer = foreground()
        answer.lifecycle.deliver()
        answer.lifecycle.delivered()
        before = list(answer.actions)
        for late in ("delivered", "client_disconnected", "discard"):
            getattr(answer.lifecycle, late)()
        answer.lifecycle.stop(SHUTTING_DOWN)
        self.assertEqual(answer.actions, before)
