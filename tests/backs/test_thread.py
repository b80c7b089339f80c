"""One app-server thread, answer by answer."""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs import bindings as b
from codexd.backs.commands import Ask
from codexd.backs.thread import Thread
from codexd.neutral import event as e
from codexd.neutral.fault import Refused, fault
from codexd.neutral.reply import fold
from codexd.neutral.turn import FilePart, Message, TextPart, ToolChoice, Turn, WebSearch
from codexd.wire import json
from tests.support.scene import (
    ASKED,
    HELLO,
    PLAIN,
    THREAD,
    TURN,
    WITH_TOOL,
    Scene,
    delta,
    error,
    message_done,
    raw,
    raw_message,
    raw_thought,
    response_done,
    searched,
    started,
    summary_delta,
    thought_delta,
    told,
    turn_done,
    turn_started,
    usage_updated,
)

INTERRUPT = Ask("interrupt", b.TurnInterrupt(THREAD, TURN))
CLOSE = Ask("close", b.Unsubscribe(THREAD))
USAGE = e.Usage(input_tokens=10, cached_tokens=3, output_tokens=5, reasoning_tokens=1)
BINARY = (FilePart("data:application/pdf;base64,JVBERi0="),)


class OpeningTests(SynchronousTestCase):
    def test_the_history_and_the_turn_are_asked_for_together_once_the_thread_is_known(self) -> None:
        scene = Scene()
        scene.take(scene.thread.open(ASKED))
        self.assertEqual((scene.asked, scene.thread.state), (["thread"], "opening"))
        scene.reply("thread", {"thread": {"id": THREAD}, "instructionSources": ["AGENTS.md"]})
        self.assertEqual((scene.asked, scene.thread.state), (["thread", "inject", "turn"], "running"))
        self.assertEqual((scene.thread.id, scene.thread.sources), (THREAD, ("AGENTS.md",)))

    def test_an_empty_history_is_not_injected(self) -> None:
        scene = Scene()
        scene.take(scene.thread.open(Turn("m1", ())))
        scene.reply("thread", {"thread": {"id": THREAD}})
        self.assertEqual(scene.asked, ["thread", "turn"])

    def test_a_history_that_cannot_be_shown_is_refused_before_anything_is_asked(self) -> None:
        thread = Thread(PLAIN)
        self.assertRaises(Refused, thread.open, Turn("m1", (Message("user", BINARY),)))
        self.assertEqual(thread.state, "new")

    def test_a_refused_thread_is_the_clients_fault_and_says_why(self) -> None:
        scene = Scene()
        scene.take(scene.thread.open(ASKED))
        scene.reject("thread", "duplicate dynamic tool name: f")
        self.assertEqual(scene.faults, [fault("invalid_prompt", "duplicate dynamic tool name: f")])
        self.assertEqual((scene.asked, scene.thread.state), (["thread"], "closed"))

    def test_a_thread_that_never_came_is_not(self) -> None:
        scene = Scene()
        scene.take(scene.thread.open(ASKED))
        scene.reject("thread", timed_out=True)
        self.assertEqual(scene.faults, [fault("model_failed")])

    def test_a_thread_without_an_id_is_a_failure(self) -> None:
        scene = Scene()
        scene.take(scene.thread.open(ASKED))
        scene.reply("thread", {"thread": {}})
        self.assertEqual((scene.faults, scene.thread.state), ([fault("model_failed")], "closed"))
        self.assertEqual(scene.thread.unexpected, 1)

    def test_a_thread_nobody_waits_for_any_more_is_unloaded_when_it_comes(self) -> None:
        for give_up in (Thread.abort, Thread.close, lambda thread: thread.lose(fault("shutting_down"))):
            scene = Scene()
            scene.take(scene.thread.open(ASKED))
            scene.take(give_up(scene.thread))
            scene.commands.clear()
            scene.reply("thread", {"thread": {"id": THREAD}})
            self.assertEqual((scene.commands, scene.thread.state), ([CLOSE], "closed"))

    def test_a_turn_begun_before_there_is_a_thread_is_none_of_its_turns(self) -> None:
        scene = Scene()
        scene.take(scene.thread.open(ASKED))
        scene.hear(turn_started("turn_0"))
        scene.reply("thread", {"thread": {"id": THREAD}})
        scene.reply("turn", {"turn": {"id": TURN}})
        self.assertEqual(fold(scene.hear(delta("m", "a")).events).text, "a")

    def test_a_refused_injection_stops_the_turn_that_was_asked_for_with_it(self) -> None:
        scene = Scene()
        scene.take(scene.thread.open(ASKED))
        scene.reply("thread", {"thread": {"id": THREAD}})
        scene.reject("inject", "bad item")
        self.assertEqual(scene.faults, [fault("invalid_prompt", "bad item")])
        scene.commands.clear()
        scene.reply("turn", {"turn": {"id": TURN}})
        scene.reply("interrupt", {})
        self.assertEqual(scene.commands, [INTERRUPT, CLOSE])

    def test_a_turn_without_an_id_is_a_failure_and_stopped_if_it_was_heard_of(self) -> None:
        for heard, asked in (((), [CLOSE]), ((turn_started(),), [INTERRUPT, CLOSE])):
            scene = Scene()
            scene.take(scene.thread.open(ASKED))
            scene.reply("thread", {"thread": {"id": THREAD}})
            scene.commands.clear()
            scene.hear(*heard)
            scene.reply("turn", {})
            scene.hear(turn_done("interrupted"))
            self.assertEqual((scene.faults, scene.commands), ([fault("model_failed")], asked))


class AnswerTests(SynchronousTestCase):
    def test_an_answer_is_told_as_it_comes(self) -> None:
        scene = Scene.running()
        scene.hear(
            started("reasoning", "rs_1"), summary_delta("rs_1", 0, "Hm"), summary_delta("rs_1", 1, "m")
        )
        scene.hear(
            thought_delta("rs_1", 0, "..."), raw_thought("rs_1", "Hm", "m", content=["..."], sealed="s")
        )
        scene.hear(started("agentMessage", "msg_1", text="", phase="final_answer"), delta("msg_1", "Hel"))
        scene.hear(delta("msg_1", "lo"), message_done("msg_1", "Hello"), response_done(), turn_done())
        self.assertEqual(
            scene.events,
            [
                e.Began(),
                e.ReasoningOpened(0, "rs_1"),
                e.SummaryDelta(0, 0, "Hm"),
                e.SummaryDelta(0, 1, "m"),
                e.ThoughtDelta(0, 0, "..."),
                e.ReasoningClosed(0, "s"),
                e.MessageOpened(1, "msg_1", "final_answer"),
                e.TextDelta(1, "Hel"),
                e.TextDelta(1, "lo"),
                e.MessageClosed(1),
                e.UsageReported(USAGE),
                e.Ended("stop"),
            ],
        )
        self.assertEqual((scene.commands, scene.thread.state), ([], "idle"))

    def test_a_web_search_and_what_it_found_are_told(self) -> None:
        cited = {
            "type": "url_citation",
            "url": "https://a.org",
            "title": "a",
            "start_index": 0,
            "end_index": 2,
        }
        scene = Scene.running(evolve(ASKED, web_search=WebSearch()))
        scene.hear(started("webSearch", "ws_1"), searched("ws_1", type="openPage", url="https://a.org"))
        scene.hear(raw("web_search_call", id="ws_1", status="completed"), delta("m", "So"))
        scene.hear(message_done("m", "So"), raw_message("m", "So", cited, "no object"), response_done())
        scene.hear(turn_done())
        self.assertEqual(
            scene.events[1:-2],
            [
                e.SearchOpened(0, "ws_1"),
                e.SearchClosed(0, '{"type":"open_page","url":"https://a.org"}'),
                e.MessageOpened(1, "m"),
                e.TextDelta(1, "So"),
                e.Annotated(1, json.encode(cited).decode()),
                e.MessageClosed(1),
            ],
        )
        self.assertEqual(scene.thread.state, "idle")

    def test_a_message_whose_raw_item_makes_no_sense_is_closed_without_notes(self) -> None:
        for content in (None, "text", [None], [{"type": "output_text", "annotations": "x"}]):
            scene = Scene.running().hear(message_done("m", "a"), raw("message", id="m", content=content))
            self.assertEqual(fold(scene.hear(turn_done()).events).items[0].complete, True)

    def test_a_thread_that_lost_a_message_is_not_gone_on_with(self) -> None:
        """The child drops refusals: its history lacks what was said before one."""
        scene = Scene.running().hear(started("agentMessage", "m", text=""), delta("m", "Well."))
        scene.hear(response_done(), turn_done())
        self.assertEqual((fold(scene.events).text, fold(scene.events).finish), ("Well.", "stop"))
        self.assertEqual((scene.asked, scene.thread.state), (["close"], "closed"))

    def test_an_answer_without_a_word_is_an_answer(self) -> None:
        scene = Scene.running().hear(response_done(), turn_done())
        self.assertEqual(scene.events, [e.Began(), e.UsageReported(USAGE), e.Ended("stop")])

    def test_what_is_of_another_turn_is_not_told(self) -> None:
        scene = Scene.running()
        for turn_id in ("auto-compact-0", "turn_0"):
            scene.hear(told("item/agentMessage/delta", turn_id, itemId="m", delta="no"))
            scene.hear(told("error", turn_id, error={"message": "no"}, willRetry=False))
            scene.hear(turn_done("failed", turn_id=turn_id))
        self.assertEqual((scene.events, scene.thread.state), ([], "running"))

    def test_echoes_of_the_input_unknown_messages_and_items_without_ids_are_not_told(self) -> None:
        scene = Scene.running().hear(raw("message", role="user", content=[]), told("new/thing"))
        scene.hear(raw("reasoning", summary=[]), raw("function_call", name="weather", arguments=""))
        self.assertEqual((scene.events, scene.thread.unexpected), ([], 0))

    def test_what_has_the_wrong_shape_is_counted_and_the_answer_goes_on(self) -> None:
        scene = Scene.running().hear(told("item/agentMessage/delta", itemId=7, delta="x"), delta("m", "a"))
        self.assertEqual(scene.thread.unexpected, 1)
        self.assertEqual(scene.events, [e.Began(), e.MessageOpened(0, "m"), e.TextDelta(0, "a")])

    def test_a_failure_is_told_once_and_the_thread_unloaded(self) -> None:
        scene = Scene.running().hear(delta("m", "a"), error("boom"), turn_done("failed", {"message": "boom"}))
        self.assertEqual(scene.events[-1], e.Failed(fault("model_failed")))
        self.assertEqual(len(scene.faults), 1)
        self.assertEqual((scene.asked, scene.thread.state), (["close"], "closed"))

    def test_a_failed_thread_is_unloaded_also_when_the_turns_end_is_lost(self) -> None:
        scene = Scene.running().hear(error("boom"))
        self.assertEqual((scene.faults, scene.commands), ([], []))
        scene.take(scene.thread.settle())
        self.assertEqual(scene.faults, [fault("model_failed")])
        scene.reject("interrupt", "", timed_out=True)
        self.assertEqual((scene.commands, scene.thread.state), ([INTERRUPT, CLOSE], "closed"))

    def test_an_error_the_child_retries_is_not_told(self) -> None:
        scene = Scene.running().hear(error("Reconnecting... 1/5", retries=True))
        self.assertEqual((scene.events, scene.thread.state), ([], "running"))

    def test_an_answer_cut_by_the_provider_ends_in_length_with_what_was_open_closed(self) -> None:
        cut = error("Incomplete, reason: max_output_tokens")
        scene = Scene.running().hear(delta("m", "abcde"), cut, turn_done("failed"))
        estimated = e.Usage(input_tokens=2, output_tokens=2, estimated=True)
        self.assertEqual(
            scene.events[-3:],
            [e.MessageClosed(0, complete=False), e.UsageReported(estimated), e.Ended("length")],
        )

    def test_a_turn_interrupted_by_someone_else_is_a_failure(self) -> None:
        scene = Scene.running().hear(turn_done("interrupted"))
        self.assertEqual((scene.faults, scene.asked), ([fault("model_failed")], ["close"]))

    def test_a_required_call_that_does_not_come_is_a_failure_and_its_thread_is_not_kept(self) -> None:
        required = evolve(WITH_TOOL, tool_choice=ToolChoice("required"))
        scene = Scene.running(required).hear(message_done("m", "No."), response_done(), turn_done())
        self.assertEqual(scene.faults, [fault("tool_choice_unmet")])
        self.assertEqual((scene.asked, scene.thread.state), (["close"], "closed"))

    def test_the_fill_is_the_share_of_the_window_in_use(self) -> None:
        scene = Scene.running().hear(usage_updated(50, 200))
        self.assertEqual(scene.thread.fill, 0.25)
        scene.hear(usage_updated(100, None), usage_updated(100, 0))
        self.assertEqual(scene.thread.fill, 0.25)

    def test_a_longer_history_is_answered_on_the_same_thread(self) -> None:
        scene = Scene.running().hear(message_done("m", "Hi."), response_done(), turn_done())
        scene.events.clear()
        rest = (Message("user", (TextPart("and?"),)),)
        scene.take(scene.thread.extend(Turn("m1", (HELLO, *rest)), rest))
        self.assertEqual(scene.asked, ["inject", "turn"])
        scene.reply("turn", {"turn": {"id": "turn_2"}})
        scene.hear(delta("m", "late"), told("item/agentMessage/delta", "turn_2", itemId="m", delta="So"))
        whole = {"type": "agentMessage", "id": "m", "text": "So", "phase": None}
        scene.hear(told("item/completed", "turn_2", item=whole), turn_done(turn_id="turn_2"))
        self.assertEqual(fold(scene.events).text, "So")
        self.assertEqual((fold(scene.events).finish, scene.thread.state), ("stop", "idle"))

    def test_a_rest_that_cannot_be_shown_leaves_the_thread_as_it_was(self) -> None:
        scene = Scene.running().hear(turn_done())
        self.assertRaises(Refused, scene.thread.extend, ASKED, (Message("user", BINARY),))
        self.assertEqual(scene.thread.state, "idle")
