"""One app-server thread, response by response."""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.thread import Thread
from codexd.neutral import event as e
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.reply import fold
from codexd.neutral.turn import Message, TextPart, ToolChoice, Turn, WebSearch
from codexd.wire import json
from tests.support.thread_harness import (
    ASKED,
    BINARY,
    CLOSE,
    HELLO,
    INTERRUPT,
    PLAIN,
    THREAD,
    TURN,
    USAGE,
    WITH_TOOL,
    ThreadHarness,
    delta,
    error,
    message_completed,
    raw,
    raw_message,
    raw_reasoning,
    reasoning_delta,
    response_completed,
    search_completed,
    started,
    summary_delta,
    turn_completed,
    turn_notification,
    turn_started,
    usage_updated,
)


class OpeningTests(SynchronousTestCase):
    def test_the_history_and_the_turn_are_sent_together_once_the_thread_has_started(self) -> None:
        harness = ThreadHarness()
        harness.record(harness.thread.open(ASKED))
        self.assertEqual((harness.call_tags, harness.thread.state), (["thread"], "opening"))
        harness.reply("thread", {"thread": {"id": THREAD}, "instructionSources": ["AGENTS.md"]})
        self.assertEqual((harness.call_tags, harness.thread.state), (["thread", "inject", "turn"], "running"))
        self.assertEqual((harness.thread.id, harness.thread.instruction_sources), (THREAD, ("AGENTS.md",)))

    def test_an_empty_history_is_not_injected(self) -> None:
        harness = ThreadHarness()
        harness.record(harness.thread.open(Turn(model="m1", items=())))
        harness.reply("thread", {"thread": {"id": THREAD}})
        self.assertEqual(harness.call_tags, ["thread", "turn"])

    def test_a_history_that_cannot_be_encoded_is_refused_before_any_call(self) -> None:
        thread = Thread(PLAIN)
        self.assertRaises(FaultError, thread.open, Turn(model="m1", items=(Message(role="user", parts=BINARY),)))
        self.assertEqual(thread.state, "new")

    def test_a_rejected_thread_start_is_an_invalid_prompt_with_the_childs_message(self) -> None:
        harness = ThreadHarness()
        harness.record(harness.thread.open(ASKED))
        harness.reject("thread", "duplicate dynamic tool name: f")
        self.assertEqual(harness.faults, [fault("invalid_prompt", "duplicate dynamic tool name: f")])
        self.assertEqual((harness.call_tags, harness.thread.state), (["thread"], "closed"))

    def test_a_thread_start_that_times_out_is_a_child_that_hangs(self) -> None:
        harness = ThreadHarness()
        harness.record(harness.thread.open(ASKED))
        harness.reject("thread", timed_out=True)
        self.assertEqual(harness.faults, [fault("child_hung")])

    def test_a_thread_without_an_id_is_a_failure(self) -> None:
        harness = ThreadHarness()
        harness.record(harness.thread.open(ASKED))
        harness.reply("thread", {"thread": {}})
        self.assertEqual((harness.faults, harness.thread.state), ([fault("model_failed")], "closed"))
        self.assertEqual(harness.thread.malformed_count, 1)

    def test_a_thread_that_starts_after_an_abort_is_unloaded(self) -> None:
        for give_up in (Thread.abort, Thread.close, lambda thread: thread.child_lost(fault("shutting_down"))):
            harness = ThreadHarness()
            harness.record(harness.thread.open(ASKED))
            harness.record(give_up(harness.thread))
            harness.commands.clear()
            harness.reply("thread", {"thread": {"id": THREAD}})
            self.assertEqual((harness.commands, harness.thread.state), ([CLOSE], "closed"))

    def test_a_turn_that_starts_before_the_thread_is_ignored(self) -> None:
        harness = ThreadHarness()
        harness.record(harness.thread.open(ASKED))
        harness.receive(turn_started("turn_0"))
        harness.reply("thread", {"thread": {"id": THREAD}})
        harness.reply("turn", {"turn": {"id": TURN}})
        self.assertEqual(fold(harness.receive(delta("m", "a")).events).text, "a")

    def test_a_rejected_injection_stops_the_turn_started_with_it(self) -> None:
        harness = ThreadHarness()
        harness.record(harness.thread.open(ASKED))
        harness.reply("thread", {"thread": {"id": THREAD}})
        harness.reject("inject", "bad item")
        self.assertEqual(harness.faults, [fault("invalid_prompt", "bad item")])
        harness.commands.clear()
        harness.reply("turn", {"turn": {"id": TURN}})
        harness.reply("interrupt", {})
        self.assertEqual(harness.commands, [INTERRUPT, CLOSE])

    def test_a_turn_without_an_id_is_a_failure_and_is_interrupted_if_it_has_started(self) -> None:
        for heard, asked in (((), [CLOSE]), ((turn_started(),), [INTERRUPT, CLOSE])):
            harness = ThreadHarness()
            harness.record(harness.thread.open(ASKED))
            harness.reply("thread", {"thread": {"id": THREAD}})
            harness.commands.clear()
            harness.receive(*heard)
            harness.reply("turn", {})
            harness.receive(turn_completed("interrupted"))
            self.assertEqual((harness.faults, harness.commands), ([fault("model_failed")], asked))


class AnswerTests(SynchronousTestCase):
    def test_a_response_is_emitted_as_it_arrives(self) -> None:
        harness = ThreadHarness.running()
        harness.receive(started("reasoning", "rs_1"), summary_delta("rs_1", 0, "Hm"), summary_delta("rs_1", 1, "m"))
        harness.receive(
            reasoning_delta("rs_1", 0, "..."), raw_reasoning("rs_1", "Hm", "m", content=["..."], sealed="s")
        )
        harness.receive(started("agentMessage", "msg_1", text="", phase="final_answer"), delta("msg_1", "Hel"))
        harness.receive(
            delta("msg_1", "lo"), message_completed("msg_1", "Hello"), response_completed(), turn_completed()
        )
        self.assertEqual(
            harness.events,
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
        self.assertEqual((harness.commands, harness.thread.state), ([], "idle"))

    def test_a_web_search_and_its_citations_are_emitted(self) -> None:
        cited = {
            "type": "url_citation",
            "url": "https://a.org",
            "title": "a",
            "start_index": 0,
            "end_index": 2,
        }
        harness = ThreadHarness.running(evolve(ASKED, web_search=WebSearch()))
        harness.receive(started("webSearch", "ws_1"), search_completed("ws_1", type="openPage", url="https://a.org"))
        harness.receive(raw("web_search_call", id="ws_1", status="completed"), delta("m", "So"))
        harness.receive(message_completed("m", "So"), raw_message("m", "So", cited, "no object"), response_completed())
        harness.receive(turn_completed())
        self.assertEqual(
            harness.events[1:-2],
            [
                e.SearchOpened(0, "ws_1"),
                e.SearchClosed(0, '{"type":"open_page","url":"https://a.org"}'),
                e.MessageOpened(1, "m"),
                e.TextDelta(1, "So"),
                e.Annotated(1, json.encode(cited).decode()),
                e.MessageClosed(1),
            ],
        )
        self.assertEqual(harness.thread.state, "idle")

    def test_a_message_with_a_malformed_raw_item_is_closed_without_annotations(self) -> None:
        for content in (None, "text", [None], [{"type": "output_text", "annotations": "x"}]):
            harness = ThreadHarness.running().receive(
                message_completed("m", "a"), raw("message", id="m", content=content)
            )
            self.assertEqual(fold(harness.receive(turn_completed()).events).items[0].complete, True)

    def test_a_thread_with_an_incomplete_message_is_closed(self) -> None:
        """The child drops refusals: its history lacks the text before one."""
        harness = ThreadHarness.running().receive(started("agentMessage", "m", text=""), delta("m", "Well."))
        harness.receive(response_completed(), turn_completed())
        self.assertEqual((fold(harness.events).text, fold(harness.events).finish), ("Well.", "stop"))
        self.assertEqual((harness.call_tags, harness.thread.state), (["close"], "closed"))

    def test_an_empty_response_is_complete(self) -> None:
        harness = ThreadHarness.running().receive(response_completed(), turn_completed())
        self.assertEqual(harness.events, [e.Began(), e.UsageReported(USAGE), e.Ended("stop")])

    def test_notifications_of_another_turn_are_ignored(self) -> None:
        harness = ThreadHarness.running()
        for turn_id in ("auto-compact-0", "turn_0"):
            harness.receive(turn_notification("item/agentMessage/delta", turn_id, itemId="m", delta="no"))
            harness.receive(turn_notification("error", turn_id, error={"message": "no"}, willRetry=False))
            harness.receive(turn_completed("failed", turn_id=turn_id))
        self.assertEqual((harness.events, harness.thread.state), ([], "running"))

    def test_echoed_input_unknown_notifications_and_items_without_ids_emit_nothing(self) -> None:
        harness = ThreadHarness.running().receive(
            raw("message", role="user", content=[]), turn_notification("new/thing")
        )
        harness.receive(raw("reasoning", summary=[]), raw("function_call", name="weather", arguments=""))
        self.assertEqual((harness.events, harness.thread.malformed_count), ([], 0))

    def test_a_malformed_notification_is_counted_and_ignored(self) -> None:
        harness = ThreadHarness.running().receive(
            turn_notification("item/agentMessage/delta", itemId=7, delta="x"), delta("m", "a")
        )
        self.assertEqual(harness.thread.malformed_count, 1)
        self.assertEqual(harness.events, [e.Began(), e.MessageOpened(0, "m"), e.TextDelta(0, "a")])

    def test_a_failure_is_emitted_once_and_the_thread_unloaded(self) -> None:
        harness = ThreadHarness.running().receive(
            delta("m", "a"), error("boom"), turn_completed("failed", {"message": "boom"})
        )
        self.assertEqual(harness.events[-1], e.Failed(fault("model_failed")))
        self.assertEqual(len(harness.faults), 1)
        self.assertEqual((harness.call_tags, harness.thread.state), (["close"], "closed"))

    def test_a_failed_thread_is_unloaded_even_if_turn_completed_is_lost(self) -> None:
        harness = ThreadHarness.running().receive(error("boom", "internalServerError"))
        self.assertEqual((harness.faults, harness.commands), ([], []))
        harness.record(harness.thread.end_if_complete())
        self.assertEqual(harness.faults, [fault("model_failed")])
        harness.reject("interrupt", "", timed_out=True)
        self.assertEqual((harness.commands, harness.thread.state), ([INTERRUPT, CLOSE], "closed"))

    def test_an_error_that_the_child_retries_is_not_emitted(self) -> None:
        harness = ThreadHarness.running().receive(error("Reconnecting... 1/5", retries=True))
        self.assertEqual((harness.events, harness.thread.state), ([], "running"))

    def test_a_response_cut_by_the_provider_ends_with_length_and_closes_open_items(self) -> None:
        cut = error("Incomplete, reason: max_output_tokens")
        harness = ThreadHarness.running().receive(delta("m", "abcde"), cut, turn_completed("failed"))
        estimated = e.Usage(input_tokens=2, output_tokens=2, estimated=True)
        self.assertEqual(
            harness.events[-3:],
            [e.MessageClosed(0, complete=False), e.UsageReported(estimated), e.Ended("length")],
        )

    def test_a_turn_interrupted_by_the_child_is_a_failure(self) -> None:
        harness = ThreadHarness.running().receive(turn_completed("interrupted"))
        self.assertEqual((harness.faults, harness.call_tags), ([fault("model_failed")], ["close"]))

    def test_a_missing_required_call_is_a_failure_and_closes_the_thread(self) -> None:
        required = evolve(WITH_TOOL, tool_choice=ToolChoice("required"))
        harness = ThreadHarness.running(required).receive(
            message_completed("m", "No."), response_completed(), turn_completed()
        )
        self.assertEqual(harness.faults, [fault("tool_choice_unmet")])
        self.assertEqual((harness.call_tags, harness.thread.state), (["close"], "closed"))

    def test_window_share_is_the_share_of_the_window_in_use(self) -> None:
        harness = ThreadHarness.running().receive(usage_updated(50, 200))
        self.assertEqual(harness.thread.window_share, 0.25)
        harness.receive(usage_updated(100, None), usage_updated(100, 0))
        self.assertEqual(harness.thread.window_share, 0.25)

    def test_a_longer_history_continues_the_same_thread(self) -> None:
        harness = ThreadHarness.running().receive(message_completed("m", "Hi."), response_completed(), turn_completed())
        harness.events.clear()
        rest = (Message(role="user", parts=(TextPart("and?"),)),)
        harness.record(harness.thread.extend(Turn(model="m1", items=(HELLO, *rest)), rest))
        self.assertEqual(harness.call_tags, ["inject", "turn"])
        harness.reply("turn", {"turn": {"id": "turn_2"}})
        harness.receive(
            delta("m", "late"), turn_notification("item/agentMessage/delta", "turn_2", itemId="m", delta="So")
        )
        whole = {"type": "agentMessage", "id": "m", "text": "So", "phase": None}
        harness.receive(turn_notification("item/completed", "turn_2", item=whole), turn_completed(turn_id="turn_2"))
        self.assertEqual(fold(harness.events).text, "So")
        self.assertEqual((fold(harness.events).finish, harness.thread.state), ("stop", "idle"))

    def test_a_rest_that_cannot_be_encoded_leaves_the_thread_idle(self) -> None:
        harness = ThreadHarness.running().receive(turn_completed())
        self.assertRaises(FaultError, harness.thread.extend, ASKED, (Message(role="user", parts=BINARY),))
        self.assertEqual(harness.thread.state, "idle")
