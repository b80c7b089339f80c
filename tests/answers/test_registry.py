from typing import cast

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.answers.answer import Answer
from codexd.answers.registry import ActiveAnswers
from codexd.neutral import event as e
from codexd.neutral.fault import FaultError
from codexd.observe.metrics import Metrics
from tests.support.cases import each_set_up
from tests.support.contexts import context
from tests.support.fake_backend import message
from tests.support.http_cases import CHAT, ChatTestCase
from tests.support.in_memory_server import chat
from tests.support.limited_backend import context_of
from tests.support.metric_samples import metric


class Activity:
    """Ends when it is shut down."""

    def __init__(self, active: ActiveAnswers) -> None:
        self.active = active
        self.shut_downs = 0
        self.abandoned = False

    def shut_down(self) -> None:
        self.shut_downs += 1
        self.active.remove(self)

    def abandon(self) -> None:
        self.abandoned = True


class BackgroundActivity(Activity):
    """One of a caller."""

    def __init__(self, active: ActiveAnswers, principal: str) -> None:
        super().__init__(active)
        self.context = evolve(context(), principal=principal)


class ActiveAnswersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.metrics = Metrics()
        self.active = ActiveAnswers(2, self.metrics)
        self.activities = [Activity(self.active) for _ in range(2)]

    def test_active_answers_are_counted(self) -> None:
        for activity in self.activities:
            self.active.add(activity)
        self.assertEqual(metric(self.metrics, "codexd_requests_running"), 2)
        self.active.remove(self.activities[0])
        self.active.remove(self.activities[0])
        self.assertEqual(metric(self.metrics, "codexd_requests_running"), 1)

    def test_nothing_is_accepted_while_draining(self) -> None:
        self.successResultOf(self.active.drain())
        with self.assertRaises(FaultError) as caught:
            self.active.add(self.activities[0])
        self.assertEqual(caught.exception.fault.kind, "shutting_down")

    def begin_background(self, *principals: str) -> str:
        """Start background answers of these callers; return which of them were accepted."""
        accepted = ""
        for principal in principals:
            try:
                id = f"{principal}{len(self.begun)}"
                self.active.add_background(id, BackgroundActivity(self.active, principal))
            except FaultError as error:
                self.assertEqual(error.fault.kind, "busy")
            else:
                self.begun.append(id)
                accepted += principal
        return accepted

    def test_a_single_caller_may_use_all_places_for_background_answers(self) -> None:
        self.begun: list[str] = []
        self.active.apply(8)
        self.assertEqual(self.begin_background(*"aaaaaaaaaa"), "aaaaaaaa")

    def test_draining_waits_for_the_last(self) -> None:
        for activity in self.activities:
            self.active.add(activity)
        closed, again = self.active.drain(), self.active.drain()
        self.active.remove(self.activities[0])
        self.assertNoResult(closed)
        self.active.remove(self.activities[1])
        self.successResultOf(closed)
        self.successResultOf(again)

    def test_all_are_abandoned_or_shut_down(self) -> None:
        for activity in self.activities:
            self.active.add(activity)
        closed = self.active.drain()
        self.active.abandon()
        self.assertEqual([activity.abandoned for activity in self.activities], [True, True])
        self.assertNoResult(closed)
        self.active.shut_down()
        self.assertEqual([activity.shut_downs for activity in self.activities], [1, 1])
        self.successResultOf(closed)

    def test_they_are_shut_down_in_order_of_arrival(self) -> None:
        shut_down: list[Activity] = []
        activities = [Activity(self.active) for _ in range(8)]
        for activity in activities:
            activity.shut_down = lambda activity=activity: shut_down.append(activity)  # type: ignore[method-assign,misc]
            self.active.add(activity)
        self.active.shut_down()
        self.assertEqual(shut_down, activities)

    def test_a_caller_can_stop_waiting(self) -> None:
        self.active.add(self.activities[0])
        closed, other = self.active.drain(), self.active.drain()
        closed.cancel()
        self.failureResultOf(closed)
        self.active.remove(self.activities[0])
        self.successResultOf(other)


class BackgroundAnswer(Activity):
    """A background answer of a principal, which ends some time after it was displaced."""

    def __init__(self, active: ActiveAnswers, id: str) -> None:
        super().__init__(active)
        self.id, self.context = id, context_of(id[0])
        self.displaced = False

    def displace(self) -> None:
        self.displaced = True

    def end(self) -> None:
        self.active.remove(self, self.id)


class BackgroundShareTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.metrics = Metrics()
        self.active = ActiveAnswers(4, self.metrics)
        self.answers: dict[str, BackgroundAnswer] = {}

    def add(self, *ids: str) -> None:
        for id in ids:
            answer = BackgroundAnswer(self.active, id)
            self.active.add_background(id, cast(Answer, answer))
            self.answers[id] = answer

    def displaced(self) -> list[str]:
        return [id for id, answer in self.answers.items() if answer.displaced]

    def refused(self, id: str) -> str:
        return self.assertRaises(FaultError, self.add, id).fault.kind

    def test_one_key_may_use_everything(self) -> None:
        self.add("a1", "a2", "a3", "a4")
        self.assertEqual((self.refused("a5"), self.displaced()), ("busy", []))

    def test_a_key_with_fewer_takes_the_places_of_the_newest_of_the_key_with_most(self) -> None:
        self.add("a1", "a2", "a3", "a4", "b1", "b2")
        self.assertEqual(self.displaced(), ["a3", "a4"])
        self.assertEqual((self.refused("b3"), self.refused("a5")), ("busy", "busy"))
        self.assertEqual(metric(self.metrics, "codexd_background_displaced_total"), 2)

    def test_an_answer_that_is_over_leaves_its_place(self) -> None:
        self.add("a1", "a2", "a3", "a4", "b1")
        self.answers["a4"].end()
        self.answers["a1"].end()
        self.add("c1")
        self.assertEqual((self.displaced(), self.refused("a5")), (["a4"], "busy"))

    def test_while_draining_nothing_is_displaced(self) -> None:
        self.add("a1", "a2", "a3", "a4")
        self.active.drain()
        self.assertEqual((self.refused("b1"), self.displaced()), ("shutting_down", []))


class DrainTests(ChatTestCase):
    def test_new_requests_are_refused_and_running_answers_finish(self) -> None:
        turn = self.start_stream()
        turn.emit(e.Began())
        closed = self.server.drain.run()
        response = self.server.request("POST", CHAT, chat())
        self.assertEqual((response.status, response.error["code"]), (503, "shutting_down"))
        self.assertEqual(response.headers["retry-after"], "5")
        self.assertNoResult(closed)
        turn.emit(*message(), e.Ended("stop"))
        self.assertEqual(self.texts()[-1], "[DONE]")
        self.successResultOf(closed)

    def test_a_running_answer_that_takes_too_long_fails_and_its_model_is_cancelled(self) -> None:
        for stream, events, status in each_set_up(
            self, (True, (e.Began(),), 200), (True, (), 503), (False, (e.Began(),), 503)
        ):
            (turn,) = self.ask(stream=stream)
            turn.emit(*events)
            closed = self.server.drain.run()
            self.server.clock.advance(10)
            response = self.connection.response
            self.assertEqual((response.status, response.whole), (status, True))
            error = response.error if status == 503 else response.events[-1]["error"]
            self.assertEqual(error["code"], "shutting_down")
            self.assertEqual(turn.actions, ["cancel"])
            self.successResultOf(closed)
            self.assert_nothing_running()
