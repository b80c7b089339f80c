"""The ends of one app-server thread: aborted, lost, or ended after a silence."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.commands import SendError
from codexd.neutral.fault import fault
from codexd.neutral.reply import fold
from tests.support.thread_harness import (
    ASKED,
    CLOSE,
    INTERRUPT,
    THREAD,
    TURN,
    WITH_TOOL,
    ThreadHarness,
    delta,
    message_completed,
    raw,
    raw_call,
    response_completed,
    result,
    started,
    tool_call,
    turn_completed,
    turn_notification,
    turn_started,
)


class EndingTests(SynchronousTestCase):
    def test_an_aborted_response_is_interrupted_then_unloaded_and_emits_nothing_more(self) -> None:
        harness = ThreadHarness.running(WITH_TOOL).receive(delta("m", "a"), raw_call("c1"), tool_call(0, "c1"))
        harness.events.clear()
        harness.record(harness.thread.abort())
        self.assertEqual(harness.commands, [INTERRUPT, SendError(0, -32601, "cancelled")])
        harness.receive(delta("m", "b"), tool_call(1, "c1"), response_completed())
        harness.reply("interrupt", {})
        harness.receive(turn_completed("interrupted"))
        self.assertEqual((harness.events, harness.thread.state), ([], "closed"))
        self.assertEqual(harness.commands[2:], [SendError(1, -32601, "no such turn"), CLOSE])

    def test_an_abort_before_the_turn_is_known_waits_for_its_id(self) -> None:
        harness = ThreadHarness()
        harness.record(harness.thread.open(ASKED))
        harness.reply("thread", {"thread": {"id": THREAD}})
        harness.record(harness.thread.abort())
        self.assertEqual((harness.call_tags, harness.thread.state), (["thread", "inject", "turn"], "aborting"))
        harness.receive(turn_started())
        harness.reply("turn", {"turn": {"id": TURN}})
        harness.reply("interrupt", {})
        self.assertEqual(harness.commands[3:], [INTERRUPT, CLOSE])

    def test_an_abort_of_an_idle_thread_unloads_it_and_a_second_one_does_nothing(self) -> None:
        harness = ThreadHarness.running().receive(turn_completed())
        harness.record(harness.thread.abort())
        harness.record(harness.thread.abort())
        harness.record(harness.thread.close())
        self.assertEqual(harness.commands, [CLOSE])

    def test_a_lost_child_is_reported_once_and_gets_no_commands(self) -> None:
        harness = ThreadHarness.running().receive(delta("m", "a"))
        harness.record(harness.thread.child_lost(fault("child_died")))
        harness.record(harness.thread.child_lost(fault("child_died")))
        harness.record(harness.thread.abort())
        self.assertEqual((harness.faults, harness.commands), ([fault("child_died")], []))

    def test_a_lost_child_adds_nothing_to_an_ended_response(self) -> None:
        for harness in (ThreadHarness.running().receive(turn_completed()), ThreadHarness.suspended("c1")):
            harness.events.clear()
            harness.record(harness.thread.child_lost(fault("child_died")))
            self.assertEqual((harness.events, harness.thread.state), ([], "closed"))

    def test_a_thread_closed_by_the_child_fails_its_response(self) -> None:
        harness = ThreadHarness.running(WITH_TOOL).receive(
            raw_call("c1"), tool_call(0, "c1"), turn_notification("thread/closed")
        )
        self.assertEqual((harness.faults, harness.thread.state), ([fault("child_died")], "closed"))
        self.assertEqual([type(command) for command in harness.commands], [SendError])

    def test_a_failure_of_codexd_is_emitted_and_the_model_stopped(self) -> None:
        harness = ThreadHarness.running()
        harness.record([*harness.thread.fail(fault("idle_timeout")), *harness.thread.abort()])
        self.assertEqual((harness.faults, harness.commands), ([fault("idle_timeout")], [INTERRUPT]))

    def test_a_complete_response_whose_end_is_lost_is_ended_and_its_turn_stopped(self) -> None:
        harness = ThreadHarness.running().receive(message_completed("m", "Hi."), response_completed())
        harness.record(harness.thread.end_if_complete())
        self.assertEqual((fold(harness.events).finish, harness.commands), ("stop", [INTERRUPT]))
        self.assertEqual(harness.thread.end_if_complete(), [])

    def test_a_batch_whose_completion_is_lost_suspends_the_turn_once_the_child_requests_a_result(
        self,
    ) -> None:
        harness = ThreadHarness.running(WITH_TOOL).receive(raw_call("c1"))
        self.assertEqual(harness.thread.end_if_complete(), [])
        harness.receive(tool_call(0, "c1"))
        harness.record(harness.thread.end_if_complete())
        self.assertEqual((fold(harness.events).finish, harness.thread.state), ("tool_calls", "suspended"))

    def test_a_running_response_is_not_ended(self) -> None:
        for heard in UNFINISHED:
            harness = ThreadHarness.running(WITH_TOOL).receive(*heard)
            self.assertEqual((harness.thread.end_if_complete(), harness.thread.state), ([], "running"), heard)

    def test_a_compacted_thread_stays_compacted_after_it_is_resumed(self) -> None:
        harness = ThreadHarness.running(WITH_TOOL)
        self.assertFalse(harness.thread.compacted)
        harness.receive(started("contextCompaction", "x"), raw_call("c1"), response_completed())
        self.assertTrue(harness.thread.compacted)
        harness.record(harness.thread.resume(WITH_TOOL, (result("c1"),)))
        self.assertTrue(harness.thread.compacted)


UNFINISHED = (
    (),
    (delta("m", "a"),),
    (message_completed("m", "a"),),
    # The child runs a call of its own tools.
    (message_completed("m", "a"), raw_call("c1", name="exec_command"), response_completed()),
    (raw("custom_tool_call", call_id="c1", name="apply_patch"), response_completed()),
    # The child has compacted the history and starts the model only now.
    (started("contextCompaction", "x"), raw("message", role="assistant", id="m"), response_completed()),
    # More output follows commentary, and the first item of the next model response.
    (message_completed("m", "I will look.", "commentary"), response_completed()),
    (message_completed("m", "a"), response_completed(), started("reasoning", "rs_2")),
    (message_completed("m", "a"), response_completed(), started("contextCompaction", "x"), response_completed()),
)
