"""Idle threads: continued only if the model sees what it would see on a new thread."""

import time
import timeit
from pathlib import Path

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.child.idle_threads import IdleThreads
from codexd.neutral.turn import (
    Message,
    ReasoningOptions,
    ResponseFormat,
    Sampling,
    TextPart,
    ToolCall,
    ToolResult,
    Turn,
)
from codexd.observe.metrics import Metrics
from codexd.policy.affinity import fingerprint_turn
from codexd.settings import Codex as CodexSettings
from codexd.settings import Settings, Turns
from tests.child.test_suspended_turns import PARALLEL, IdleThreadsTestCase
from tests.support.fake_app_server_thread import AppServerBehaviour
from tests.support.in_memory_codex import InMemoryCodex
from tests.support.recording_sink import TOOL, continued, turn, user_message, with_results


class IdleThreadsTests(IdleThreadsTestCase):
    def test_a_longer_history_has_only_the_rest_injected(self) -> None:
        first = self.codex.ask(turn("think: one"))
        second = self.codex.ask(continued(first, "say: two"))
        self.assertAnswer(second, "two", 1)
        self.assertAnswer(self.codex.ask(continued(second, "say: three")), "three", 1)
        injected = [len(asked["items"]) for asked in self.codex.server.calls_to("thread/inject_items")]
        self.assertEqual(injected, [1, 1, 1])
        self.assertEqual(self.figures("affinity_hit", "affinity_miss", "threads_idle"), [2, 1, 1])

    def test_the_model_sees_the_same_as_on_a_new_thread(self) -> None:
        cold = InMemoryCodex.started(Path(self.mktemp()), Settings(turns=Turns(affinity=False)))
        for codex in (self.codex, cold):
            first = codex.ask(turn("think: one", instructions="be brief"))
            codex.ask(continued(first, "say: two", "say: three"))
        seen, expected = (
            [_without_id(item) for item in codex.server.model_requests[-1]["input"]] for codex in (self.codex, cold)
        )
        self.assertEqual(seen, expected)
        self.assertEqual((self.starts(), len(cold.server.calls_to("thread/start"))), (1, 2))

    def test_an_edited_history_starts_a_new_thread(self) -> None:
        first = self.codex.ask(turn("say: one"))
        items = continued(first, "say: two").items
        reworded = Message(role="assistant", parts=(TextPart("reworded"),))
        for edited in ((user_message("say: 1"), *items[1:]), (items[0], reworded, items[2]), items[2:]):
            before = self.starts()
            self.assertAnswer(self.codex.ask(Turn(model="scripted", items=edited)), "two", before + 1)

    def test_the_same_history_again_starts_a_new_thread(self) -> None:
        self.codex.ask(turn("say: one"))
        self.assertAnswer(self.codex.ask(turn("say: one")), "one", 2)

    def test_items_that_clients_do_not_send_back_do_not_matter(self) -> None:
        first = self.codex.ask(turn("think: one"))
        said = Message(role="assistant", parts=(TextPart(first.reply.text),))
        follow_up = evolve(first.turn, items=(*first.turn.items, said, user_message("say: two")))
        self.assertAnswer(self.codex.ask(follow_up), "two", 1)

    def test_a_request_that_differs_does_not_continue_the_thread(self) -> None:
        changes = (
            {"principal": "another"},
            {"instructions": "be brief"},
            {"tools": (TOOL,)},
            {"reasoning": ReasoningOptions("low")},
            {"service_tier": "flex"},
            {"verbosity": "low"},
        )
        for change in changes:
            before, first = self.starts(), self.codex.ask(turn("say: one"))
            self.assertAnswer(self.codex.ask(evolve(continued(first, "say: two"), **change)), "two", before + 2)

    def test_the_effort_of_one_turn_does_not_apply_to_the_next(self) -> None:
        first = self.codex.ask(turn("say: one", reasoning=ReasoningOptions("high")))
        self.codex.ask(evolve(continued(first, "say: two"), reasoning=ReasoningOptions()))
        self.assertEqual(self.codex.server.model_requests[-1]["reasoning"], {"effort": "low"})

    def test_another_response_format_may_continue_the_thread(self) -> None:
        first = self.codex.ask(turn("say: one", format=ResponseFormat(kind="json_schema", schema='{"type":"object"}')))
        self.assertAnswer(self.codex.ask(evolve(continued(first, "say: two"), format=ResponseFormat())), "two", 1)
        self.assertIsNone(self.codex.server.model_requests[-1]["text"])

    def test_a_thread_with_an_injected_instruction_is_unloaded(self) -> None:
        first = self.codex.ask(turn("say: {}", format=ResponseFormat(kind="json_object")))
        self.codex.reactor.advance(0)
        self.assertEqual(self.codex.threads, 0)
        self.assertAnswer(self.codex.ask(evolve(continued(first, "say: two"), format=ResponseFormat())), "two", 2)

    def test_a_thread_whose_response_was_cut_is_unloaded(self) -> None:
        self.codex.ask(turn("say: one two", sampling=Sampling(stop=("two",))))
        self.codex.reactor.advance(0)
        self.assertEqual(self.figures("threads_idle"), [0])
        self.wait(31)
        self.assertEqual(self.codex.threads, 0)

    def test_a_thread_whose_response_was_cut_at_its_end_is_unloaded(self) -> None:
        self.codex.server.behaviour = AppServerBehaviour(loses=frozenset({"item/completed"}))
        asked = self.codex.ask(turn("say: abcdx", sampling=Sampling(stop=("xy",), max_tokens=1)))
        self.codex.reactor.advance(0)
        self.assertEqual((asked.kind, asked.reply.text), ("length", "abcd"))
        self.assertEqual((self.figures("threads_idle"), self.codex.threads), ([0], 0))

    def test_a_thread_is_closed_after_its_time(self) -> None:
        first = self.codex.ask(turn("say: one"))
        self.wait(301)
        self.assertEqual(self.figures("affinity_evicted", "threads_idle"), [1, 0])
        self.assertEqual(self.codex.threads, 0)
        self.assertAnswer(self.codex.ask(continued(first, "say: two")), "two", 2)

    def test_the_number_of_idle_threads_is_limited(self) -> None:
        for number in range(15):
            self.codex.ask(turn(f"say: {number}"))
        self.codex.reactor.advance(0)
        self.assertEqual(self.figures("threads_idle", "affinity_evicted"), [12, 3])
        self.assertEqual(self.codex.threads, 12)

    def test_all_are_closed_when_a_child_uses_too_much_memory(self) -> None:
        self.codex.ask(turn("say: one"))
        self.codex.resident = 2**30
        self.wait(2)
        self.assertEqual(self.figures("threads_idle", "children_resident_bytes"), [1, 2**30])
        self.codex.resident += 1
        self.wait(1)
        self.assertEqual(self.figures("threads_idle", "affinity_evicted"), [0, 1])
        self.codex.reactor.advance(0)
        self.assertEqual(self.codex.threads, 0)

    def test_suspended_turns_are_not_closed_to_free_memory(self) -> None:
        asked = self.codex.ask(PARALLEL)
        self.codex.resident = 2**31
        self.wait(3)
        self.assertAnswer(self.codex.ask(with_results(asked, "1", "2")), "tool said: 1 | 2", 1)

    def test_a_thread_that_the_child_has_closed_is_not_continued(self) -> None:
        first = self.codex.ask(turn("say: one"))
        (thread,) = self.codex.server.threads
        self.codex.process.write_lines(b'{"method":"thread/closed","params":{"threadId":"%s"}}\n' % thread.encode())
        self.assertAnswer(self.codex.ask(continued(first, "say: two")), "two", 2)

    def test_a_full_child_is_given_no_turn_on_an_idle_thread(self) -> None:
        codex = InMemoryCodex.started(Path(self.mktemp()), Settings(codex=CodexSettings(turns_per_worker=1, workers=2)))
        first = codex.ask(turn("say: one"))
        busy = codex.ask(turn("hang:"))
        self.assertEqual(codex.ask(continued(first, "say: two")).reply.text, "two")
        self.assertEqual([len(child.server.model_requests) for child in codex.reactor.children], [2, 1])
        busy.cancel()


class NoAffinityTests(IdleThreadsTestCase):
    settings = Settings(turns=Turns(affinity=False))

    def test_no_thread_stays_loaded(self) -> None:
        first = self.codex.ask(turn("say: one"))
        self.codex.reactor.advance(0)
        self.assertEqual(self.codex.threads, 0)
        self.assertAnswer(self.codex.ask(continued(first, "say: two")), "two", 2)
        self.assertEqual(self.figures("affinity_hit", "affinity_miss"), [0, 0])

    def test_tool_results_continue_their_turn(self) -> None:
        asked = self.codex.ask(PARALLEL)
        self.assertAnswer(self.codex.ask(with_results(asked, "1", "2")), "tool said: 1 | 2", 1)


class WindowTests(IdleThreadsTestCase):
    """The child replaces the history of a full thread by a summary: such a thread is not continued."""

    def test_an_idle_thread_near_its_window_is_replaced(self) -> None:
        for used, starts in ((200_000, 1), (207_000, 3)):
            first = self.codex.ask(turn(f"usage: {used},0,10,0\nsay: one"))
            self.assertAnswer(self.codex.ask(continued(first, "say: two")), "two", starts)

    def test_the_new_items_count(self) -> None:
        first = self.codex.ask(turn("usage: 200000,0,10,0\nsay: one"))
        self.assertAnswer(self.codex.ask(continued(first, "long " * 40_000, "say: two")), "two", 2)

    def test_a_tool_result_counts(self) -> None:
        ask = turn("usage: 100000,0,10,0\ncall: f {}", tools=(TOOL,))
        self.codex.ask(turn("say: hi"))
        asked = self.codex.ask(ask)
        long = "long " * 110_000
        self.assertAnswer(self.codex.ask(with_results(asked, long)), f"tool said: {long}", 3)

    def test_a_suspended_turn_near_its_window_is_replaced(self) -> None:
        self.codex.ask(turn("say: hi"))
        asked = self.codex.ask(turn("usage: 230000,0,10,0\ncall: f {}", tools=(TOOL,)))
        self.assertAnswer(self.codex.ask(with_results(asked, "1")), "tool said: 1", 3)

    def test_an_unknown_window_is_assumed_to_be_small(self) -> None:
        asked = self.codex.ask(turn("usage: 100000,0,10,0\ncall: f {}", tools=(TOOL,)))
        self.assertAnswer(self.codex.ask(with_results(asked, "1")), "tool said: 1", 2)

    def test_a_reported_window_holds_for_other_threads_of_the_model(self) -> None:
        self.codex.ask(turn("say: hi"))
        asked = self.codex.ask(turn("usage: 100000,0,10,0\ncall: f {}", tools=(TOOL,)))
        self.assertAnswer(self.codex.ask(with_results(asked, "1")), "tool said: 1", 2)

    def test_a_compacted_thread_is_not_continued(self) -> None:
        # A window smaller than that of any known model.
        self.codex.server.behaviour = AppServerBehaviour(window=1000)
        first = self.codex.ask(turn("usage: 950,0,10,0\ncall: f {}", tools=(TOOL,)))
        second = self.codex.ask(with_results(first, "x"))
        self.assertEqual(second.kind, "stop")
        third = self.codex.ask(continued(second, "say: three"))
        self.assertEqual((third.reply.text, self.starts()), ("three", 2))

    def test_the_number_of_remembered_windows_is_limited(self) -> None:
        idle_threads = self.codex.backend._idle_threads
        idle_threads._windows = {str(number): 1 for number in range(256)}
        self.codex.ask(turn("say: hi"))
        self.assertEqual(len(idle_threads._windows), 256)


def _without_id(item: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in item.items() if name != "id"}


class TimeTests(SynchronousTestCase):
    def test_the_search_for_a_suspended_turn_takes_linear_time(self) -> None:
        few, many = (_search_seconds(count) / count for count in (500, 5000))
        self.assertLess(many, 5 * few)


def _search_seconds(count: int) -> float:
    """Return the seconds in which no suspended turn is found for a request with this many tool results."""
    calls = tuple(ToolCall(call_id=f"c{number}", name="f", arguments="{}") for number in range(count))
    results = tuple(ToolResult(call.call_id, (TextPart("x"),)) for call in calls)
    asked = Turn(model="scripted", items=(user_message("a"), *calls, *results))
    keys = fingerprint_turn(asked, "")
    threads = IdleThreads(Turns(affinity=False), Clock(), Metrics())
    return min(timeit.repeat(lambda: threads.take(asked, keys), timer=time.process_time, number=1, repeat=3))
