"""One app-server thread whose model calls the client's tools."""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs import bindings as b
from codexd.backs.commands import Answer, Ask, Decline
from codexd.neutral import event as e
from codexd.neutral.fault import Refused
from codexd.neutral.reply import fold
from codexd.neutral.turn import FilePart, Search, TextPart, Tool, ToolChoice, ToolResult, WebSearch
from codexd.wire.jsonrpc import Request
from tests.support.scene import (
    WITH_TOOL,
    Scene,
    delta,
    message_done,
    raw,
    raw_call,
    response_done,
    result,
    searched,
    started,
    tool_call,
    turn_done,
    turn_started,
)

USAGE = e.Usage(input_tokens=10, cached_tokens=3, output_tokens=5, reasoning_tokens=1)
ONE_AT_A_TIME = evolve(WITH_TOOL, parallel_tool_calls=False)
BINARY = (FilePart("data:application/pdf;base64,JVBERi0="),)


def answered(request: int, text: str = "fine", success: bool = True) -> Answer:
    return Answer(request, {"contentItems": [{"type": "inputText", "text": text}], "success": success})


class ToolTests(SynchronousTestCase):
    def test_a_complete_batch_ends_the_answer_and_suspends_the_turn(self) -> None:
        scene = Scene.running(WITH_TOOL)
        scene.hear(
            raw_call("c1", '{"city": "Oslo"}'), tool_call(0, "c1"), raw_call("c2", "{}"), response_done()
        )
        self.assertEqual(
            scene.events,
            [
                e.Began(),
                e.CallOpened(0, "fc_of_c1", "c1", "weather"),
                e.CallDelta(0, '{"city": "Oslo"}'),
                e.CallClosed(0),
                e.CallOpened(1, "fc_of_c2", "c2", "weather"),
                e.CallDelta(1, "{}"),
                e.CallClosed(1),
                e.UsageReported(USAGE),
                e.Ended("tool_calls"),
            ],
        )
        self.assertEqual((scene.thread.state, scene.thread.waiting), ("suspended", {"c1", "c2"}))
        self.assertEqual(scene.commands, [])

    def test_a_turn_whose_call_the_child_will_answer_itself_is_not_kept(self) -> None:
        for arguments in ("", "{", " ", '{"city": Oslo}'):
            scene = Scene.running(WITH_TOOL)
            scene.hear(raw_call("c1", "{}"), raw_call("c2", arguments), response_done())
            self.assertEqual(scene.events[-1], e.Ended("tool_calls"))
            self.assertEqual(scene.thread.state, "aborting", arguments)
            self.assertEqual([command.tag for command in scene.commands], ["interrupt"])

    def test_results_are_given_in_any_order_before_or_after_the_child_asks(self) -> None:
        scene = Scene.suspended("c1", "c2", "c3").hear(tool_call(0, "c2"))
        results = (result("c3", "3"), result("c2", "2"), ToolResult("c1", (TextPart("1"),), success=False))
        scene.take(scene.thread.resume(WITH_TOOL, results))
        self.assertEqual(scene.commands, [answered(0, "2")])
        scene.hear(tool_call(1, "c1"), tool_call(2, "c3"))
        self.assertEqual(scene.commands[1:], [answered(1, "1", success=False), answered(2, "3")])
        self.assertEqual(scene.events, [])
        scene.hear(message_done("m", "Cold."), response_done(7), turn_done())
        reply = fold(scene.events)
        self.assertEqual(
            (reply.text, reply.finish, reply.usage), ("Cold.", "stop", evolve(USAGE, output_tokens=7))
        )

    def test_a_second_batch_of_the_same_turn_suspends_it_again(self) -> None:
        scene = Scene.suspended("c1").hear(tool_call(0, "c1"))
        scene.take(scene.thread.resume(WITH_TOOL, (result("c1"),)))
        scene.hear(raw_call("c2"), response_done(), tool_call(1, "c2"))
        self.assertEqual((scene.thread.state, scene.thread.waiting), ("suspended", {"c2"}))
        scene.take(scene.thread.resume(WITH_TOOL, (result("c2", "2"),)))
        self.assertEqual(scene.commands, [answered(0), answered(1, "2")])

    def test_a_call_id_used_again_is_the_new_call(self) -> None:
        scene = Scene.suspended("c1").hear(tool_call(0, "c1"))
        scene.take(scene.thread.resume(WITH_TOOL, (result("c1", "old"),)))
        scene.hear(raw_call("c1"), tool_call(1, "c1"), response_done())
        self.assertEqual((scene.commands, scene.thread.waiting), ([answered(0, "old")], {"c1"}))

    def test_a_call_id_used_again_in_a_later_answer_is_not_given_the_old_result(self) -> None:
        scene = Scene.suspended("c1")
        scene.take(scene.thread.resume(WITH_TOOL, (result("c1", "old"),)))
        scene.hear(message_done("m", "Cold."), response_done(), turn_done())
        scene.take(scene.thread.extend(WITH_TOOL, ()))
        scene.commands.clear()
        scene.hear(turn_started(), tool_call(1, "c1"))
        self.assertEqual((scene.commands, scene.events[-1]), ([], e.CallClosed(0)))

    def test_a_call_that_comes_after_the_batch_was_complete_is_declined(self) -> None:
        scene = Scene.suspended("c1").hear(raw_call("c9"), tool_call(0, "c9"))
        self.assertEqual((scene.thread.waiting, scene.events), ({"c1"}, []))
        self.assertEqual([type(command) for command in scene.commands], [Decline])

    def test_calls_come_one_at_a_time_if_the_client_wants_no_parallel_ones(self) -> None:
        scene = Scene.suspended("c1", "c2", turn=ONE_AT_A_TIME).hear(tool_call(0, "c2"))
        self.assertEqual(scene.thread.waiting, {"c1"})
        scene.take(scene.thread.resume(ONE_AT_A_TIME, (result("c1", "1"),)))
        self.assertEqual([call.call_id for call in fold(scene.events).calls], ["c2"])
        self.assertEqual(scene.events[-2:], [e.UsageReported(e.Usage()), e.Ended("tool_calls")])
        self.assertEqual((scene.thread.state, scene.thread.waiting), ("suspended", {"c2"}))
        scene.take(scene.thread.resume(ONE_AT_A_TIME, (result("c2", "2"),)))
        scene.hear(tool_call(1, "c1"))
        self.assertEqual(scene.commands, [answered(0, "2"), answered(1, "1")])
        self.assertEqual(scene.thread.state, "running")

    def test_a_result_that_cannot_be_shown_is_refused_and_the_turn_still_waits(self) -> None:
        scene = Scene.suspended("c1", "c2").hear(tool_call(0, "c1"))
        results = (result("c1"), ToolResult("c2", BINARY))
        self.assertRaises(Refused, scene.thread.resume, WITH_TOOL, results)
        self.assertEqual((scene.thread.state, scene.thread.waiting), ("suspended", {"c1", "c2"}))

    def test_a_call_the_child_asks_for_first_is_told_from_its_request(self) -> None:
        scene = Scene.running(WITH_TOOL).hear(tool_call(0, "c1", {"city": "Oslo"}), raw_call("c1", "{}"))
        self.assertEqual(scene.events[2:], [e.CallDelta(0, '{"city":"Oslo"}'), e.CallClosed(0)])

    def test_calls_of_tools_the_client_did_not_offer_are_not_told_and_declined(self) -> None:
        for turn in (WITH_TOOL, evolve(WITH_TOOL, tool_choice=ToolChoice("none"))):
            tool = "weather" if turn.tool_choice.mode == "none" else "exec_command"
            scene = Scene.running(turn).hear(raw_call("c1", name=tool), tool_call(0, "c1", tool=tool))
            self.assertEqual(scene.events, [])
            self.assertEqual([type(command) for command in scene.commands], [Decline])

    def test_requests_that_are_no_tool_call_of_this_turn_are_declined(self) -> None:
        params = tool_call(0, "c1").params
        deep: list[object] = []
        for _ in range(300):
            deep = [deep]
        requests = (
            Request(1, "item/fileChange/requestApproval", params),
            Request(2, b.TOOL_CALL, {**params, "turnId": "turn_0"}),
            Request(3, b.TOOL_CALL, {**params, "callId": None}),
            Request(4, b.TOOL_CALL, {**params, "arguments": deep}),
        )
        scene = Scene.running(WITH_TOOL).hear(*requests)
        self.assertEqual(
            [command.request for command in scene.commands if isinstance(command, Decline)], [1, 2, 3, 4]
        )
        self.assertEqual((scene.events, len(scene.commands), scene.thread.unexpected), ([], 4, 2))

    def test_a_suspended_turn_that_ends_by_itself_closes_the_thread_and_declines_what_it_asked(self) -> None:
        for status in ("completed", "failed", "interrupted"):
            scene = Scene.suspended("c1").hear(tool_call(0, "c1"), turn_done(status))
            self.assertEqual((scene.events, scene.thread.state), ([], "closed"))
            self.assertEqual([type(command) for command in scene.commands], [Decline, Ask])

    def test_a_turn_that_ends_with_its_calls_unasked_ends_in_them_and_is_not_kept(self) -> None:
        scene = Scene.running(WITH_TOOL).hear(raw_call("c1"), turn_done())
        self.assertEqual(fold(scene.events).finish, "tool_calls")
        self.assertEqual((scene.asked, scene.thread.state), (["close"], "closed"))

    def test_a_tool_whose_place_is_taken_is_told_as_the_client_named_it(self) -> None:
        tools = (Tool("exec_command"), Tool("search", namespace="mine"), Tool("search", namespace="web"))
        scene = Scene.running(evolve(WITH_TOOL, tools=tools))
        for name, namespace in (("exec_command", "client"), ("search", "client_web")):
            call = {"id": name, "call_id": name, "name": name, "namespace": namespace, "arguments": ""}
            scene.hear(raw("function_call", **call))
        told = [(event.name, event.namespace) for event in scene.events if isinstance(event, e.CallOpened)]
        self.assertEqual(told, [("exec_command", None), ("search", "web")])

    def test_a_models_own_namespace_around_the_clients_tools_is_not_shown(self) -> None:
        item = {"id": "fc", "call_id": "c1", "name": "weather", "namespace": "functions", "arguments": "{}"}
        namesake = Tool("weather", namespace="mine")
        scene = Scene.running(evolve(WITH_TOOL, tools=(namesake, *WITH_TOOL.tools)))
        scene.hear(raw("function_call", **item))
        self.assertEqual(scene.events[1], e.CallOpened(0, "fc", "c1", "weather"))

    def test_a_search_codex_runs_itself_is_told_as_one_and_never_as_a_namesake_of_the_clients(self) -> None:
        """Newer models search by calling `web.run`, which Codex carries out."""
        scene = Scene.running(evolve(WITH_TOOL, tools=(Tool("run"),), web_search=WebSearch()))
        call = {"call_id": "c1", "name": "run", "namespace": "web", "arguments": "{}"}
        scene.hear(raw("function_call", **call), started("webSearch", "c1"), response_done())
        scene.hear(searched("c1", type="search", query="a"), delta("m", "So"), message_done("m", "So"))
        scene.hear(response_done(), turn_done())
        reply = fold(scene.events)
        self.assertEqual((reply.calls, reply.text, reply.finish), ((), "So", "stop"))
        self.assertEqual(reply.items[0], Search("c1", '{"type":"search","query":"a"}'))
        self.assertEqual((scene.commands, scene.thread.state), ([], "idle"))

    def test_a_custom_tools_call_is_told_as_its_raw_input(self) -> None:
        scene = Scene.running(evolve(WITH_TOOL, tools=(Tool("patch", kind="custom"),)))
        scene.hear(raw_call("c1", '{"input": "*** Begin"}', name="patch"))
        self.assertEqual(
            scene.events[1:3],
            [e.CallOpened(0, "fc_of_c1", "c1", "patch", "custom"), e.CallDelta(0, "*** Begin")],
        )
