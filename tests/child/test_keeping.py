"""Turns suspended for their tools' results: found by exactly whom they are for, and let go in time."""

from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.turn import Format, Thinking, ToolChoice, ToolResult
from codexd.settings import Codex as CodexSettings
from codexd.settings import Settings, Turns
from tests.support.appserver_thread import Habits
from tests.support.codex import Codex
from tests.support.listener import TOOL, Asked, answered, turn, user

PARALLEL = turn("call: f {}\ncall: f {}", tools=(TOOL,))
ONE_BY_ONE = evolve(PARALLEL, parallel_tool_calls=False)


class KeepingTestCase(SynchronousTestCase):
    settings = Settings()

    def setUp(self) -> None:
        self.codex = Codex.up(Path(self.mktemp()), self.settings)

    def wait(self, seconds: int) -> None:
        self.codex.reactor.pump([1.0] * seconds)

    def starts(self) -> int:
        """How many threads were ever started."""
        return len(self.codex.server.asked("thread/start"))

    def figures(self, *names: str) -> list[float]:
        return [self.codex.figure(name) for name in names]

    def assertAnswer(self, asked: Asked, text: str, starts: int) -> None:
        self.assertEqual((asked.kind, asked.reply.text, self.starts()), ("stop", text, starts))


class SuspendedTests(KeepingTestCase):
    def test_results_in_any_order_go_on_with_the_turn(self) -> None:
        for habits in (Habits(), Habits(calls_backwards=True), Habits(calls_at_once=True)):
            for order in (1, -1):
                self.codex.server.habits = habits
                before, asked = self.starts(), self.codex.ask(PARALLEL)
                self.assertEqual((asked.kind, len(asked.reply.calls)), ("tool_calls", 2))
                given = answered(asked, "1", "2")
                given = evolve(given, items=(*given.items[:-2], *given.items[-2:][::order]))
                resumed = self.codex.ask(given)
                self.assertAnswer(resumed, "tool said: 1 | 2", before + 1)
        self.assertEqual(self.figures("turn_suspended", "turn_resumed", "turn_replayed"), [6, 6, 0])

    def test_rounds_of_calls_stay_on_one_thread(self) -> None:
        asked = self.codex.ask(turn("call: f {}\nthen: call: f {}\nthen: say: done", tools=(TOOL,)))
        asked = self.codex.ask(answered(asked, "1"))
        self.assertEqual(asked.kind, "tool_calls")
        self.assertAnswer(self.codex.ask(answered(asked, "2")), "done", 1)

    def test_calls_are_held_back_for_a_client_that_takes_one_at_a_time(self) -> None:
        for habits in (Habits(), Habits(calls_backwards=True), Habits(calls_at_once=True, calls_early=True)):
            self.codex.server.habits = habits
            before = self.starts()
            first = self.codex.ask(ONE_BY_ONE)
            second = self.codex.ask(answered(first, "1"))
            third = self.codex.ask(answered(second, "2"))
            self.assertEqual([len(asked.reply.calls) for asked in (first, second, third)], [1, 1, 0])
            self.assertAnswer(third, "tool said: 1 | 2", before + 1)
            assert second.reply.usage is not None
            self.assertEqual(second.reply.usage.total_tokens, 0)

    def test_a_failed_tool_is_a_result_too(self) -> None:
        asked = self.codex.ask(turn("call: f {}", tools=(TOOL,)))
        given = answered(asked, "broken")
        last = given.items[-1]
        assert isinstance(last, ToolResult)
        resumed = self.codex.ask(evolve(given, items=(*given.items[:-1], evolve(last, success=False))))
        self.assertAnswer(resumed, "tool said: broken", 1)

    def test_while_it_waits_nothing_times_out(self) -> None:
        asked = self.codex.ask(turn("call: f {}", tools=(TOOL,)))
        self.wait(599)
        self.assertAnswer(self.codex.ask(answered(asked, "late")), "tool said: late", 1)

    def test_after_its_time_it_is_stopped_and_the_results_are_replayed(self) -> None:
        asked = self.codex.ask(PARALLEL)
        self.wait(601)
        self.assertEqual(self.figures("turn_expired", "turn_interrupted", "turns_waiting"), [1, 1, 0])
        self.assertEqual((self.codex.threads, self.codex.server.turns), (0, {}))
        self.assertAnswer(self.codex.ask(answered(asked, "1", "2")), "tool said: 1 | 2", 2)
        self.assertEqual(self.figures("turn_replayed"), [1])

    def test_other_results_than_it_waits_for_are_replayed(self) -> None:
        for change in ("fewer", "others", "twice"):
            before, asked = self.starts(), self.codex.ask(PARALLEL)
            given = answered(asked, "1", "2").items
            last = given[-1]
            assert isinstance(last, ToolResult)
            items = {
                "fewer": given[:-1],
                "others": (*given[:-1], evolve(last, call_id="other")),
                "twice": (*given, last),
            }[change]
            threads = self.codex.threads
            self.codex.ask(evolve(PARALLEL, items=items))
            self.codex.reactor.advance(0)
            self.assertEqual(self.starts(), before + 2, change)
            self.assertEqual((self.codex.figure("turns_waiting"), self.codex.threads), (0, threads), change)

    def test_results_with_something_more_said_are_replayed(self) -> None:
        asked = self.codex.ask(turn("call: f {}", tools=(TOOL,)))
        given = answered(asked, "1")
        self.assertAnswer(self.codex.ask(evolve(given, items=(*given.items, user("say: so")))), "so", 2)

    def test_nobody_else_goes_on_with_it(self) -> None:
        changes = (
            {"principal": "another"},
            {"model": "scripted-low"},
            {"instructions": "be brief"},
            {"tools": ()},
            {"tools": (evolve(TOOL, description="changed"),)},
            {"tool_choice": ToolChoice("none")},
            {"parallel_tool_calls": False},
            {"thinking": Thinking("low")},
            {"format": Format("json_object")},
            {"service_tier": "flex"},
            {"verbosity": "low"},
        )
        for change in changes:
            before, asked = self.starts(), self.codex.ask(PARALLEL)
            self.codex.ask(evolve(answered(asked, "1", "2"), **change))
            self.assertEqual(self.starts(), before + 2, change)

    def test_the_histories_of_two_are_told_apart(self) -> None:
        mine = self.codex.ask(evolve(PARALLEL, principal="me"))
        yours = self.codex.ask(evolve(PARALLEL, principal="you"))
        # Call ids are made from what was said: both are the same.
        self.assertEqual(mine.reply.items, yours.reply.items)
        self.assertAnswer(self.codex.ask(answered(yours, "y", "y")), "tool said: y | y", 2)
        self.assertAnswer(self.codex.ask(answered(mine, "m", "m")), "tool said: m | m", 2)

    def test_a_full_child_goes_on_with_what_it_has_begun(self) -> None:
        codex = Codex.up(Path(self.mktemp()), Settings(codex=CodexSettings(turns_per_worker=1)))
        asked = codex.ask(PARALLEL)
        codex.ask(turn("hang:"))
        self.assertEqual(codex.ask(answered(asked, "1", "2")).reply.text, "tool said: 1 | 2")


class SuspendLimitTests(KeepingTestCase):
    settings = Settings(turns=Turns(suspend_limit=2, affinity=False))

    def test_the_oldest_makes_room(self) -> None:
        asked = [
            self.codex.ask(turn(f"call: f {{}}\nthen: say: {number}", tools=(TOOL,))) for number in range(3)
        ]
        self.codex.reactor.advance(0)
        self.assertEqual(self.figures("turn_expired", "turns_waiting"), [1, 2])
        self.assertEqual((self.codex.threads, self.starts()), (2, 3))
        for number, starts in ((2, 3), (1, 3), (0, 4)):
            self.assertAnswer(self.codex.ask(answered(asked[number], "x")), str(number), starts)


class NoneSuspendedTests(KeepingTestCase):
    settings = Settings(turns=Turns(suspend_limit=0))

    def test_none_is_kept_and_every_result_replayed(self) -> None:
        asked = self.codex.ask(PARALLEL)
        self.codex.reactor.advance(0)
        self.assertEqual((self.codex.threads, self.codex.server.turns), (0, {}))
        self.assertAnswer(self.codex.ask(answered(asked, "1", "2")), "tool said: 1 | 2", 2)
