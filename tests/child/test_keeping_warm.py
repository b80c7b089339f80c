"""Conversations kept warm: gone on with only while the model sees what it would see on a fresh thread."""

from pathlib import Path

from attrs import evolve

from codexd.neutral.turn import Format, Message, Sampling, TextPart, Thinking, Turn
from codexd.settings import Codex as CodexSettings
from codexd.settings import Settings, Turns
from tests.child.test_keeping import PARALLEL, KeepingTestCase
from tests.support.appserver_thread import Habits
from tests.support.codex import Codex
from tests.support.listener import TOOL, after, answered, turn, user


class WarmTests(KeepingTestCase):
    def test_a_longer_history_has_only_the_rest_injected(self) -> None:
        first = self.codex.ask(turn("think: one"))
        second = self.codex.ask(after(first, "say: two"))
        self.assertAnswer(second, "two", 1)
        self.assertAnswer(self.codex.ask(after(second, "say: three")), "three", 1)
        injected = [len(asked["items"]) for asked in self.codex.server.asked("thread/inject_items")]
        self.assertEqual(injected, [1, 1, 1])
        self.assertEqual(self.figures("affinity_hit", "affinity_miss", "threads_warm"), [2, 1, 1])

    def test_the_model_sees_the_same_as_on_a_fresh_thread(self) -> None:
        cold = Codex.up(Path(self.mktemp()), Settings(turns=Turns(affinity=False)))
        for codex in (self.codex, cold):
            first = codex.ask(turn("think: one", instructions="be brief"))
            codex.ask(after(first, "say: two", "say: three"))
        warm_seen, cold_seen = (
            [_plain(item) for item in codex.server.bodies[-1]["input"]] for codex in (self.codex, cold)
        )
        self.assertEqual(warm_seen, cold_seen)
        self.assertEqual((self.starts(), len(cold.server.asked("thread/start"))), (1, 2))

    def test_an_edited_history_begins_anew(self) -> None:
        first = self.codex.ask(turn("say: one"))
        items = after(first, "say: two").items
        reworded = Message("assistant", (TextPart("reworded"),))
        for edited in ((user("say: 1"), *items[1:]), (items[0], reworded, items[2]), items[2:]):
            before = self.starts()
            self.assertAnswer(self.codex.ask(Turn("scripted", edited)), "two", before + 1)

    def test_the_same_history_again_is_a_new_answer(self) -> None:
        self.codex.ask(turn("say: one"))
        self.assertAnswer(self.codex.ask(turn("say: one")), "one", 2)

    def test_a_history_that_goes_on_is_found_without_what_a_client_does_not_send_back(self) -> None:
        first = self.codex.ask(turn("think: one"))
        said = Message("assistant", (TextPart(first.reply.text),))
        follow_up = evolve(first.turn, items=(*first.turn.items, said, user("say: two")))
        self.assertAnswer(self.codex.ask(follow_up), "two", 1)

    def test_nobody_else_goes_on_with_it(self) -> None:
        changes = (
            {"principal": "another"},
            {"instructions": "be brief"},
            {"tools": (TOOL,)},
            {"thinking": Thinking("low")},
            {"service_tier": "flex"},
            {"verbosity": "low"},
        )
        for change in changes:
            before, first = self.starts(), self.codex.ask(turn("say: one"))
            self.assertAnswer(self.codex.ask(evolve(after(first, "say: two"), **change)), "two", before + 2)

    def test_what_a_turn_set_is_not_left_to_the_next(self) -> None:
        first = self.codex.ask(turn("say: one", thinking=Thinking("high")))
        self.codex.ask(evolve(after(first, "say: two"), thinking=Thinking()))
        self.assertEqual(self.codex.server.bodies[-1]["reasoning"], {"effort": "low"})

    def test_another_form_of_answer_may_go_on(self) -> None:
        first = self.codex.ask(turn("say: one", format=Format("json_schema", '{"type":"object"}')))
        self.assertAnswer(self.codex.ask(evolve(after(first, "say: two"), format=Format())), "two", 1)
        self.assertIsNone(self.codex.server.bodies[-1]["text"])

    def test_a_demand_that_is_no_part_of_the_history_is_not_kept(self) -> None:
        first = self.codex.ask(turn("say: {}", format=Format("json_object")))
        self.codex.reactor.advance(0)
        self.assertEqual(self.codex.threads, 0)
        self.assertAnswer(self.codex.ask(evolve(after(first, "say: two"), format=Format())), "two", 2)

    def test_an_answer_cut_by_a_limit_is_not_kept(self) -> None:
        self.codex.ask(turn("say: one two", sampling=Sampling(stop=("two",))))
        self.codex.reactor.advance(0)
        self.assertEqual(self.figures("threads_warm"), [0])
        self.wait(31)
        self.assertEqual(self.codex.threads, 0)

    def test_nor_is_one_that_was_cut_at_its_very_end(self) -> None:
        self.codex.server.habits = Habits(loses=frozenset({"item/completed"}))
        asked = self.codex.ask(turn("say: abcdx", sampling=Sampling(stop=("xy",), max_tokens=1)))
        self.codex.reactor.advance(0)
        self.assertEqual((asked.kind, asked.reply.text), ("length", "abcd"))
        self.assertEqual((self.figures("threads_warm"), self.codex.threads), ([0], 0))

    def test_it_is_kept_for_a_while(self) -> None:
        first = self.codex.ask(turn("say: one"))
        self.wait(301)
        self.assertEqual(self.figures("affinity_evicted", "threads_warm"), [1, 0])
        self.assertEqual(self.codex.threads, 0)
        self.assertAnswer(self.codex.ask(after(first, "say: two")), "two", 2)

    def test_only_so_many_are_kept(self) -> None:
        for number in range(15):
            self.codex.ask(turn(f"say: {number}"))
        self.codex.reactor.advance(0)
        self.assertEqual(self.figures("threads_warm", "affinity_evicted"), [12, 3])
        self.assertEqual(self.codex.threads, 12)

    def test_all_are_let_go_when_a_child_grows_too_large(self) -> None:
        self.codex.ask(turn("say: one"))
        self.codex.resident = 2**30
        self.wait(2)
        self.assertEqual(self.figures("threads_warm", "children_resident_bytes"), [1, 2**30])
        self.codex.resident += 1
        self.wait(1)
        self.assertEqual(self.figures("threads_warm", "affinity_evicted"), [0, 1])
        self.codex.reactor.advance(0)
        self.assertEqual(self.codex.threads, 0)

    def test_a_suspended_turn_is_not_let_go_for_memory(self) -> None:
        asked = self.codex.ask(PARALLEL)
        self.codex.resident = 2**31
        self.wait(3)
        self.assertAnswer(self.codex.ask(answered(asked, "1", "2")), "tool said: 1 | 2", 1)

    def test_a_thread_the_child_has_closed_is_not_gone_on_with(self) -> None:
        first = self.codex.ask(turn("say: one"))
        (thread,) = self.codex.server.threads
        self.codex.process.tell(b'{"method":"thread/closed","params":{"threadId":"%s"}}\n' % thread.encode())
        self.assertAnswer(self.codex.ask(after(first, "say: two")), "two", 2)

    def test_a_full_child_is_not_given_more_on_a_warm_thread(self) -> None:
        codex = Codex.up(Path(self.mktemp()), Settings(codex=CodexSettings(turns_per_worker=1, workers=2)))
        first = codex.ask(turn("say: one"))
        busy = codex.ask(turn("hang:"))
        self.assertEqual(codex.ask(after(first, "say: two")).reply.text, "two")
        self.assertEqual([len(child.server.bodies) for child in codex.reactor.children], [2, 1])
        busy.leave()


class NoAffinityTests(KeepingTestCase):
    settings = Settings(turns=Turns(affinity=False))

    def test_nothing_is_kept_warm(self) -> None:
        first = self.codex.ask(turn("say: one"))
        self.codex.reactor.advance(0)
        self.assertEqual(self.codex.threads, 0)
        self.assertAnswer(self.codex.ask(after(first, "say: two")), "two", 2)
        self.assertEqual(self.figures("affinity_hit", "affinity_miss"), [0, 0])

    def test_tools_results_go_on_all_the_same(self) -> None:
        asked = self.codex.ask(PARALLEL)
        self.assertAnswer(self.codex.ask(answered(asked, "1", "2")), "tool said: 1 | 2", 1)


class WindowTests(KeepingTestCase):
    """The child replaces the history of a full thread by a summary: no such thread is gone on with."""

    def test_a_warm_thread_near_its_window_is_replayed(self) -> None:
        for used, starts in ((200_000, 1), (207_000, 3)):
            first = self.codex.ask(turn(f"usage: {used},0,10,0\nsay: one"))
            self.assertAnswer(self.codex.ask(after(first, "say: two")), "two", starts)

    def test_what_is_added_counts_too(self) -> None:
        first = self.codex.ask(turn("usage: 200000,0,10,0\nsay: one"))
        self.assertAnswer(self.codex.ask(after(first, "long " * 40_000, "say: two")), "two", 2)

    def test_so_does_a_tools_result(self) -> None:
        ask = turn("usage: 100000,0,10,0\ncall: f {}", tools=(TOOL,))
        self.codex.ask(turn("say: hi"))
        asked = self.codex.ask(ask)
        long = "long " * 110_000
        self.assertAnswer(self.codex.ask(answered(asked, long)), f"tool said: {long}", 3)

    def test_a_suspended_turn_near_its_window_is_replayed_though_its_fill_is_not_told_yet(self) -> None:
        self.codex.ask(turn("say: hi"))
        asked = self.codex.ask(turn("usage: 230000,0,10,0\ncall: f {}", tools=(TOOL,)))
        self.assertAnswer(self.codex.ask(answered(asked, "1")), "tool said: 1", 3)

    def test_a_window_that_was_never_told_is_taken_to_be_small(self) -> None:
        asked = self.codex.ask(turn("usage: 100000,0,10,0\ncall: f {}", tools=(TOOL,)))
        self.assertAnswer(self.codex.ask(answered(asked, "1")), "tool said: 1", 2)

    def test_once_it_was_told_it_is_known_of_the_models_other_threads(self) -> None:
        self.codex.ask(turn("say: hi"))
        asked = self.codex.ask(turn("usage: 100000,0,10,0\ncall: f {}", tools=(TOOL,)))
        self.assertAnswer(self.codex.ask(answered(asked, "1")), "tool said: 1", 2)

    def test_a_thread_that_was_compacted_is_not_gone_on_with(self) -> None:
        # A window smaller than any that is known of.
        self.codex.server.habits = Habits(window=1000)
        first = self.codex.ask(turn("usage: 950,0,10,0\ncall: f {}", tools=(TOOL,)))
        second = self.codex.ask(answered(first, "x"))
        self.assertEqual(second.kind, "stop")
        third = self.codex.ask(after(second, "say: three"))
        self.assertEqual((third.reply.text, self.starts()), ("three", 2))

    def test_the_windows_of_ever_new_names_are_not_all_remembered(self) -> None:
        keeping = self.codex.backend._keeping
        keeping._windows = {str(number): 1 for number in range(256)}
        self.codex.ask(turn("say: hi"))
        self.assertEqual(len(keeping._windows), 256)


def _plain(item: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in item.items() if name != "id"}
