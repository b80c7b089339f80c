"""Suspended turns: continued by exactly the tool results they wait for, and closed at their deadline."""

from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.turn import ReasoningOptions, ResponseFormat, ToolCall, ToolChoice, ToolResult
from codexd.settings import Codex as CodexSettings
from codexd.settings import Settings, Turns
from tests.support.fake_app_server_thread import AppServerBehaviour
from tests.support.in_memory_codex import InMemoryCodex
from tests.support.recording_sink import TOOL, StartedTurn, turn, user_message, with_results

PARALLEL = turn("call: f {}\ncall: f {}", tools=(TOOL,))
ONE_BY_ONE = evolve(PARALLEL, parallel_tool_calls=False)


class IdleThreadsTestCase(SynchronousTestCase):
    settings = Settings()

    def setUp(self) -> None:
        self.codex = InMemoryCodex.started(Path(self.mktemp()), self.settings)

    def wait(self, seconds: int) -> None:
        self.codex.reactor.pump([1.0] * seconds)

    def starts(self) -> int:
        """Return how many threads were ever started."""
        return len(self.codex.server.calls_to("thread/start"))

    def figures(self, *names: str) -> list[float]:
        return [self.codex.metric(name) for name in names]

    def assertAnswer(self, asked: StartedTurn, text: str, starts: int) -> None:
        self.assertEqual((asked.kind, asked.reply.text, self.starts()), ("stop", text, starts))


class SuspendedTests(IdleThreadsTestCase):
    def test_results_in_any_order_continue_the_turn(self) -> None:
        for behaviour in (
            AppServerBehaviour(),
            AppServerBehaviour(calls_reversed=True),
            AppServerBehaviour(calls_together=True),
        ):
            for order in (1, -1):
                self.codex.server.behaviour = behaviour
                before, asked = self.starts(), self.codex.ask(PARALLEL)
                self.assertEqual((asked.kind, len(asked.reply.calls)), ("tool_calls", 2))
                given = with_results(asked, "1", "2")
                given = evolve(given, items=(*given.items[:-2], *given.items[-2:][::order]))
                resumed = self.codex.ask(given)
                self.assertAnswer(resumed, "tool said: 1 | 2", before + 1)
        self.assertEqual(self.figures("turn_suspended", "turn_resumed", "turn_replayed"), [6, 6, 0])

    def test_arguments_that_a_client_writes_again_continue_the_turn(self) -> None:
        asked = self.codex.ask(turn('call: f {"b": 1.50, "a": "\u00e9"}', tools=(TOOL,)))
        given = with_results(asked, "1")
        for arguments, starts in (('{"a": "\u00e9", "b": 1.51}', 2), ('{ "a":"\\u00e9" ,"b":1.5}', 2)):
            items = tuple(
                evolve(item, arguments=arguments) if isinstance(item, ToolCall) else item for item in given.items
            )
            self.codex.ask(evolve(given, items=items))
            self.assertEqual(self.starts(), starts, arguments)
        self.assertEqual(self.figures("turn_resumed", "turn_replayed"), [1, 1])

    def test_rounds_of_calls_stay_on_one_thread(self) -> None:
        asked = self.codex.ask(turn("call: f {}\nthen: call: f {}\nthen: say: done", tools=(TOOL,)))
        asked = self.codex.ask(with_results(asked, "1"))
        self.assertEqual(asked.kind, "tool_calls")
        self.assertAnswer(self.codex.ask(with_results(asked, "2")), "done", 1)

    def test_calls_are_passed_on_one_by_one_without_parallel_tool_calls(self) -> None:
        for behaviour in (
            AppServerBehaviour(),
            AppServerBehaviour(calls_reversed=True),
            AppServerBehaviour(calls_together=True, calls_early=True),
        ):
            self.codex.server.behaviour = behaviour
            before = self.starts()
            first = self.codex.ask(ONE_BY_ONE)
            second = self.codex.ask(with_results(first, "1"))
            third = self.codex.ask(with_results(second, "2"))
            self.assertEqual([len(asked.reply.calls) for asked in (first, second, third)], [1, 1, 0])
            self.assertAnswer(third, "tool said: 1 | 2", before + 1)
            assert second.reply.usage is not None
            self.assertEqual(second.reply.usage.total_tokens, 0)

    def test_the_result_of_a_failed_tool_continues_the_turn(self) -> None:
        asked = self.codex.ask(turn("call: f {}", tools=(TOOL,)))
        given = with_results(asked, "broken")
        last = given.items[-1]
        assert isinstance(last, ToolResult)
        resumed = self.codex.ask(evolve(given, items=(*given.items[:-1], evolve(last, success=False))))
        self.assertAnswer(resumed, "tool said: broken", 1)

    def test_a_suspended_turn_has_no_idle_deadline(self) -> None:
        asked = self.codex.ask(turn("call: f {}", tools=(TOOL,)))
        self.wait(599)
        self.assertAnswer(self.codex.ask(with_results(asked, "late")), "tool said: late", 1)

    def test_an_expired_turn_is_interrupted_and_its_results_are_replayed(self) -> None:
        asked = self.codex.ask(PARALLEL)
        self.wait(601)
        self.assertEqual(self.figures("turn_expired", "turn_interrupted", "turns_suspended"), [1, 1, 0])
        self.assertEqual((self.codex.threads, self.codex.server.turns), (0, {}))
        self.assertAnswer(self.codex.ask(with_results(asked, "1", "2")), "tool said: 1 | 2", 2)
        self.assertEqual(self.figures("turn_replayed"), [1])

    def test_results_of_other_calls_are_replayed(self) -> None:
        for change in ("fewer", "others", "twice"):
            before, asked = self.starts(), self.codex.ask(PARALLEL)
            given = with_results(asked, "1", "2").items
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
            self.assertEqual((self.codex.metric("turns_suspended"), self.codex.threads), (0, threads), change)

    def test_results_followed_by_a_message_are_replayed(self) -> None:
        asked = self.codex.ask(turn("call: f {}", tools=(TOOL,)))
        given = with_results(asked, "1")
        self.assertAnswer(self.codex.ask(evolve(given, items=(*given.items, user_message("say: so")))), "so", 2)

    def test_a_request_that_differs_does_not_continue_the_turn(self) -> None:
        changes = (
            {"principal": "another"},
            {"model": "scripted-low"},
            {"instructions": "be brief"},
            {"tools": ()},
            {"tools": (evolve(TOOL, description="changed"),)},
            {"tool_choice": ToolChoice("none")},
            {"parallel_tool_calls": False},
            {"reasoning": ReasoningOptions("low")},
            {"format": ResponseFormat(kind="json_object")},
            {"service_tier": "flex"},
            {"verbosity": "low"},
        )
        for change in changes:
            before, asked = self.starts(), self.codex.ask(PARALLEL)
            self.codex.ask(evolve(with_results(asked, "1", "2"), **change))
            self.assertEqual(self.starts(), before + 2, change)

    def test_equal_histories_of_two_principals_are_kept_apart(self) -> None:
        mine = self.codex.ask(evolve(PARALLEL, principal="me"))
        yours = self.codex.ask(evolve(PARALLEL, principal="you"))
        # The scripted model derives call ids from the text: both are the same.
        self.assertEqual(mine.reply.items, yours.reply.items)
        self.assertAnswer(self.codex.ask(with_results(yours, "y", "y")), "tool said: y | y", 2)
        self.assertAnswer(self.codex.ask(with_results(mine, "m", "m")), "tool said: m | m", 2)

    def test_a_full_child_still_continues_its_suspended_turns(self) -> None:
        codex = InMemoryCodex.started(Path(self.mktemp()), Settings(codex=CodexSettings(turns_per_worker=1)))
        asked = codex.ask(PARALLEL)
        codex.ask(turn("hang:"))
        self.assertEqual(codex.ask(with_results(asked, "1", "2")).reply.text, "tool said: 1 | 2")


class SuspendLimitTests(IdleThreadsTestCase):
    settings = Settings(turns=Turns(suspend_limit=2, affinity=False))

    def test_the_oldest_turn_is_closed_above_the_limit(self) -> None:
        asked = [self.codex.ask(turn(f"call: f {{}}\nthen: say: {number}", tools=(TOOL,))) for number in range(3)]
        self.codex.reactor.advance(0)
        self.assertEqual(self.figures("turn_expired", "turns_suspended"), [1, 2])
        self.assertEqual((self.codex.threads, self.starts()), (2, 3))
        for number, starts in ((2, 3), (1, 3), (0, 4)):
            self.assertAnswer(self.codex.ask(with_results(asked[number], "x")), str(number), starts)


class NoSuspensionTests(IdleThreadsTestCase):
    settings = Settings(turns=Turns(suspend_limit=0))

    def test_with_a_limit_of_zero_every_result_is_replayed(self) -> None:
        asked = self.codex.ask(PARALLEL)
        self.codex.reactor.advance(0)
        self.assertEqual((self.codex.threads, self.codex.server.turns), (0, {}))
        self.assertAnswer(self.codex.ask(with_results(asked, "1", "2")), "tool said: 1 | 2", 2)
