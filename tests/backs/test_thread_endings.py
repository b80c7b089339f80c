"""How one app-server thread ends: stopped, lost, settled."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.backs import bindings as b
from codexd.backs.commands import Ask, Decline
from codexd.neutral.fault import fault
from codexd.neutral.reply import fold
from tests.support.scene import (
    ASKED,
    THREAD,
    TURN,
    WITH_TOOL,
    Scene,
    delta,
    message_done,
    raw,
    raw_call,
    response_done,
    result,
    started,
    told,
    tool_call,
    turn_done,
    turn_started,
)

INTERRUPT = Ask("interrupt", b.TurnInterrupt(THREAD, TURN))
CLOSE = Ask("close", b.Unsubscribe(THREAD))


class EndingTests(SynchronousTestCase):
    def test_an_aborted_answer_is_interrupted_then_unloaded_and_says_nothing_more(self) -> None:
        scene = Scene.running(WITH_TOOL).hear(delta("m", "a"), raw_call("c1"), tool_call(0, "c1"))
        scene.events.clear()
        scene.take(scene.thread.abort())
        self.assertEqual(scene.commands, [INTERRUPT, Decline(0, -32601, "cancelled")])
        scene.hear(delta("m", "b"), tool_call(1, "c1"), response_done())
        scene.reply("interrupt", {})
        scene.hear(turn_done("interrupted"))
        self.assertEqual((scene.events, scene.thread.state), ([], "closed"))
        self.assertEqual(scene.commands[2:], [Decline(1, -32601, "no such turn"), CLOSE])

    def test_an_abort_before_the_turn_is_known_waits_for_its_id(self) -> None:
        scene = Scene()
        scene.take(scene.thread.open(ASKED))
        scene.reply("thread", {"thread": {"id": THREAD}})
        scene.take(scene.thread.abort())
        self.assertEqual((scene.asked, scene.thread.state), (["thread", "inject", "turn"], "aborting"))
        scene.hear(turn_started())
        scene.reply("turn", {"turn": {"id": TURN}})
        scene.reply("interrupt", {})
        self.assertEqual(scene.commands[3:], [INTERRUPT, CLOSE])

    def test_an_abort_of_an_idle_thread_unloads_it_and_a_second_one_does_nothing(self) -> None:
        scene = Scene.running().hear(turn_done())
        scene.take(scene.thread.abort())
        scene.take(scene.thread.abort())
        scene.take(scene.thread.close())
        self.assertEqual(scene.commands, [CLOSE])

    def test_a_lost_child_is_told_once_and_nothing_is_asked_of_it(self) -> None:
        scene = Scene.running().hear(delta("m", "a"))
        scene.take(scene.thread.lose(fault("child_died")))
        scene.take(scene.thread.lose(fault("child_died")))
        scene.take(scene.thread.abort())
        self.assertEqual((scene.faults, scene.commands), ([fault("child_died")], []))

    def test_a_lost_child_says_nothing_of_an_answer_that_has_ended(self) -> None:
        for scene in (Scene.running().hear(turn_done()), Scene.suspended("c1")):
            scene.events.clear()
            scene.take(scene.thread.lose(fault("child_died")))
            self.assertEqual((scene.events, scene.thread.state), ([], "closed"))

    def test_a_thread_closed_by_the_child_fails_its_answer(self) -> None:
        scene = Scene.running(WITH_TOOL).hear(raw_call("c1"), tool_call(0, "c1"), told("thread/closed"))
        self.assertEqual((scene.faults, scene.thread.state), ([fault("child_died")], "closed"))
        self.assertEqual([type(command) for command in scene.commands], [Decline])

    def test_a_failure_of_our_own_is_told_and_the_model_stopped(self) -> None:
        scene = Scene.running()
        scene.take([*scene.thread.fail(fault("idle")), *scene.thread.abort()])
        self.assertEqual((scene.faults, scene.commands), ([fault("idle")], [INTERRUPT]))

    def test_a_whole_answer_whose_end_is_lost_is_settled_and_its_turn_stopped(self) -> None:
        scene = Scene.running().hear(message_done("m", "Hi."), response_done())
        scene.take(scene.thread.settle())
        self.assertEqual((fold(scene.events).finish, scene.commands), ("stop", [INTERRUPT]))
        self.assertEqual(scene.thread.settle(), [])

    def test_a_batch_whose_completion_is_lost_is_settled_once_the_child_asks_for_a_result(self) -> None:
        scene = Scene.running(WITH_TOOL).hear(raw_call("c1"))
        self.assertEqual(scene.thread.settle(), [])
        scene.hear(tool_call(0, "c1"))
        scene.take(scene.thread.settle())
        self.assertEqual((fold(scene.events).finish, scene.thread.state), ("tool_calls", "suspended"))

    def test_an_answer_under_way_is_not_settled(self) -> None:
        for heard in UNDER_WAY:
            scene = Scene.running(WITH_TOOL).hear(*heard)
            self.assertEqual((scene.thread.settle(), scene.thread.state), ([], "running"), heard)

    def test_a_compacted_thread_says_so_also_after_it_was_resumed(self) -> None:
        scene = Scene.running(WITH_TOOL)
        self.assertFalse(scene.thread.compacted)
        scene.hear(started("contextCompaction", "x"), raw_call("c1"), response_done())
        self.assertTrue(scene.thread.compacted)
        scene.take(scene.thread.resume(WITH_TOOL, (result("c1"),)))
        self.assertTrue(scene.thread.compacted)


UNDER_WAY = (
    (),
    (delta("m", "a"),),
    (message_done("m", "a"),),
    # The child carries out a call of its own.
    (message_done("m", "a"), raw_call("c1", name="exec_command"), response_done()),
    (raw("custom_tool_call", call_id="c1", name="apply_patch"), response_done()),
    # It has summed up the history, and the model is asked only now.
    (started("contextCompaction", "x"), raw("message", role="assistant", id="m"), response_done()),
    # More is to come after a comment, and after the first item of the next response.
    (message_done("m", "I will look.", "commentary"), response_done()),
    (message_done("m", "a"), response_done(), started("reasoning", "rs_2")),
    (message_done("m", "a"), response_done(), started("contextCompaction", "x"), response_done()),
)
