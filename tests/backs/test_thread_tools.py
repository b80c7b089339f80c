"""One app-server thread whose model calls the client's tools."""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs import bindings as b
from codexd.backs.commands import CallMethod, SendError, SendResult
from codexd.neutral import event as e
from codexd.neutral.fault import FaultError
from codexd.neutral.reply import fold
from codexd.neutral.turn import TextPart, Tool, ToolChoice, ToolResult, WebSearch, WebSearchCall
from codexd.wire.jsonrpc import RpcRequest
from tests.support.thread_harness import (
    BINARY,
    USAGE,
    WITH_TOOL,
    ThreadHarness,
    delta,
    message_completed,
    raw,
    raw_call,
    response_completed,
    result,
    search_completed,
    started,
    tool_call,
    turn_completed,
    turn_started,
)

ONE_AT_A_TIME = evolve(WITH_TOOL, parallel_tool_calls=False)


def answered(request: int, text: str = "fine", success: bool = True) -> SendResult:
    return SendResult(request, {"contentItems": [{"type": "inputText", "text": text}], "success": success})


class ToolTests(SynchronousTestCase):
    def test_a_complete_batch_ends_the_response_and_suspends_the_turn(self) -> None:
        harness = ThreadHarness.running(WITH_TOOL)
        harness.receive(
            raw_call("c1", '{"city": "Oslo"}'), tool_call(0, "c1"), raw_call("c2", "{}"), response_completed()
        )
        self.assertEqual(
            harness.events,
            [
                e.Began(),
                e.CallOpened(index=0, id="fc_of_c1", call_id="c1", name="weather"),
                e.CallDelta(0, '{"city": "Oslo"}'),
                e.CallClosed(0),
                e.CallOpened(index=1, id="fc_of_c2", call_id="c2", name="weather"),
                e.CallDelta(1, "{}"),
                e.CallClosed(1),
                e.UsageReported(USAGE),
                e.Ended("tool_calls"),
            ],
        )
        self.assertEqual((harness.thread.state, harness.thread.pending_call_ids), ("suspended", {"c1", "c2"}))
        self.assertEqual(harness.commands, [])

    def test_a_turn_with_a_call_that_the_child_answers_itself_is_aborted(self) -> None:
        for arguments in ("", "{", " ", '{"city": Oslo}'):
            harness = ThreadHarness.running(WITH_TOOL)
            harness.receive(raw_call("c1", "{}"), raw_call("c2", arguments), response_completed())
            self.assertEqual(harness.events[-1], e.Ended("tool_calls"))
            self.assertEqual(harness.thread.state, "aborting", arguments)
            self.assertEqual([command.tag for command in harness.commands], ["interrupt"])

    def test_results_may_arrive_in_any_order_before_or_after_their_requests(self) -> None:
        harness = ThreadHarness.suspended("c1", "c2", "c3").receive(tool_call(0, "c2"))
        results = (result("c3", "3"), result("c2", "2"), ToolResult("c1", (TextPart("1"),), success=False))
        harness.record(harness.thread.resume(WITH_TOOL, results))
        self.assertEqual(harness.commands, [answered(0, "2")])
        harness.receive(tool_call(1, "c1"), tool_call(2, "c3"))
        self.assertEqual(harness.commands[1:], [answered(1, "1", success=False), answered(2, "3")])
        self.assertEqual(harness.events, [])
        harness.receive(message_completed("m", "Cold."), response_completed(7), turn_completed())
        reply = fold(harness.events)
        self.assertEqual((reply.text, reply.finish, reply.usage), ("Cold.", "stop", evolve(USAGE, output_tokens=7)))

    def test_a_second_batch_of_the_same_turn_suspends_it_again(self) -> None:
        harness = ThreadHarness.suspended("c1").receive(tool_call(0, "c1"))
        harness.record(harness.thread.resume(WITH_TOOL, (result("c1"),)))
        harness.receive(raw_call("c2"), response_completed(), tool_call(1, "c2"))
        self.assertEqual((harness.thread.state, harness.thread.pending_call_ids), ("suspended", {"c2"}))
        harness.record(harness.thread.resume(WITH_TOOL, (result("c2", "2"),)))
        self.assertEqual(harness.commands, [answered(0), answered(1, "2")])

    def test_a_reused_call_id_means_the_new_call(self) -> None:
        harness = ThreadHarness.suspended("c1").receive(tool_call(0, "c1"))
        harness.record(harness.thread.resume(WITH_TOOL, (result("c1", "old"),)))
        harness.receive(raw_call("c1"), tool_call(1, "c1"), response_completed())
        self.assertEqual((harness.commands, harness.thread.pending_call_ids), ([answered(0, "old")], {"c1"}))

    def test_a_call_id_reused_in_a_later_response_does_not_get_the_old_result(self) -> None:
        harness = ThreadHarness.suspended("c1")
        harness.record(harness.thread.resume(WITH_TOOL, (result("c1", "old"),)))
        harness.receive(message_completed("m", "Cold."), response_completed(), turn_completed())
        harness.record(harness.thread.extend(WITH_TOOL, ()))
        harness.commands.clear()
        harness.receive(turn_started(), tool_call(1, "c1"))
        self.assertEqual((harness.commands, harness.events[-1]), ([], e.CallClosed(0)))

    def test_a_call_after_the_batch_is_complete_is_declined(self) -> None:
        harness = ThreadHarness.suspended("c1").receive(raw_call("c9"), tool_call(0, "c9"))
        self.assertEqual((harness.thread.pending_call_ids, harness.events), ({"c1"}, []))
        self.assertEqual([type(command) for command in harness.commands], [SendError])

    def test_without_parallel_calls_they_are_shown_one_at_a_time(self) -> None:
        harness = ThreadHarness.suspended("c1", "c2", turn=ONE_AT_A_TIME).receive(tool_call(0, "c2"))
        self.assertEqual(harness.thread.pending_call_ids, {"c1"})
        harness.record(harness.thread.resume(ONE_AT_A_TIME, (result("c1", "1"),)))
        self.assertEqual([call.call_id for call in fold(harness.events).calls], ["c2"])
        self.assertEqual(harness.events[-2:], [e.UsageReported(e.Usage()), e.Ended("tool_calls")])
        self.assertEqual((harness.thread.state, harness.thread.pending_call_ids), ("suspended", {"c2"}))
        harness.record(harness.thread.resume(ONE_AT_A_TIME, (result("c2", "2"),)))
        harness.receive(tool_call(1, "c1"))
        self.assertEqual(harness.commands, [answered(0, "2"), answered(1, "1")])
        self.assertEqual(harness.thread.state, "running")

    def test_a_result_that_cannot_be_encoded_is_refused_and_the_turn_stays_suspended(self) -> None:
        harness = ThreadHarness.suspended("c1", "c2").receive(tool_call(0, "c1"))
        results = (result("c1"), ToolResult("c2", BINARY))
        self.assertRaises(FaultError, harness.thread.resume, WITH_TOOL, results)
        self.assertEqual((harness.thread.state, harness.thread.pending_call_ids), ("suspended", {"c1", "c2"}))

    def test_a_call_is_emitted_from_the_childs_request_if_that_arrives_first(self) -> None:
        harness = ThreadHarness.running(WITH_TOOL).receive(tool_call(0, "c1", {"city": "Oslo"}), raw_call("c1", "{}"))
        self.assertEqual(harness.events[2:], [e.CallDelta(0, '{"city":"Oslo"}'), e.CallClosed(0)])

    def test_calls_of_tools_that_were_not_offered_are_declined(self) -> None:
        for turn in (WITH_TOOL, evolve(WITH_TOOL, tool_choice=ToolChoice("none"))):
            tool = "weather" if turn.tool_choice.mode == "none" else "exec_command"
            harness = ThreadHarness.running(turn).receive(raw_call("c1", name=tool), tool_call(0, "c1", tool=tool))
            self.assertEqual(harness.events, [])
            self.assertEqual([type(command) for command in harness.commands], [SendError])

    def test_requests_other_than_tool_calls_of_this_turn_are_declined(self) -> None:
        params = tool_call(0, "c1").params
        deep: list[object] = []
        for _ in range(300):
            deep = [deep]
        requests = (
            RpcRequest(1, "item/fileChange/requestApproval", params),
            RpcRequest(2, b.TOOL_CALL, {**params, "turnId": "turn_0"}),
            RpcRequest(3, b.TOOL_CALL, {**params, "callId": None}),
            RpcRequest(4, b.TOOL_CALL, {**params, "arguments": deep}),
        )
        harness = ThreadHarness.running(WITH_TOOL).receive(*requests)
        self.assertEqual(
            [command.request for command in harness.commands if isinstance(command, SendError)], [1, 2, 3, 4]
        )
        self.assertEqual((harness.events, len(harness.commands), harness.thread.malformed_count), ([], 4, 2))

    def test_a_suspended_turn_that_ends_closes_the_thread_and_declines_its_requests(self) -> None:
        for status in ("completed", "failed", "interrupted"):
            harness = ThreadHarness.suspended("c1").receive(tool_call(0, "c1"), turn_completed(status))
            self.assertEqual((harness.events, harness.thread.state), ([], "closed"))
            self.assertEqual([type(command) for command in harness.commands], [SendError, CallMethod])

    def test_a_turn_that_ends_without_requesting_its_calls_ends_with_tool_calls_and_closes(self) -> None:
        harness = ThreadHarness.running(WITH_TOOL).receive(raw_call("c1"), turn_completed())
        self.assertEqual(fold(harness.events).finish, "tool_calls")
        self.assertEqual((harness.call_tags, harness.thread.state), (["close"], "closed"))

    def test_a_tool_with_a_reserved_name_has_the_clients_name_in_events(self) -> None:
        tools = (Tool(name="exec_command"), Tool(name="search", namespace="mine"), Tool(name="search", namespace="web"))
        harness = ThreadHarness.running(evolve(WITH_TOOL, tools=tools))
        for name, namespace in (("exec_command", "client"), ("search", "client_web")):
            call = {"id": name, "call_id": name, "name": name, "namespace": namespace, "arguments": ""}
            harness.receive(raw("function_call", **call))
        turn_notification = [
            (event.name, event.namespace) for event in harness.events if isinstance(event, e.CallOpened)
        ]
        self.assertEqual(turn_notification, [("exec_command", None), ("search", "web")])

    def test_the_namespace_that_a_model_adds_to_plain_functions_is_removed(self) -> None:
        item = {"id": "fc", "call_id": "c1", "name": "weather", "namespace": "functions", "arguments": "{}"}
        namesake = Tool(name="weather", namespace="mine")
        harness = ThreadHarness.running(evolve(WITH_TOOL, tools=(namesake, *WITH_TOOL.tools)))
        harness.receive(raw("function_call", **item))
        self.assertEqual(harness.events[1], e.CallOpened(index=0, id="fc", call_id="c1", name="weather"))

    def test_a_search_that_codex_runs_is_a_search_and_never_a_call_of_a_client_tool(self) -> None:
        """Newer models search by calling `web.run`, which Codex runs."""
        harness = ThreadHarness.running(evolve(WITH_TOOL, tools=(Tool(name="run"),), web_search=WebSearch()))
        call = {"call_id": "c1", "name": "run", "namespace": "web", "arguments": "{}"}
        harness.receive(raw("function_call", **call), started("webSearch", "c1"), response_completed())
        harness.receive(
            search_completed("c1", type="search", query="a"), delta("m", "So"), message_completed("m", "So")
        )
        harness.receive(response_completed(), turn_completed())
        reply = fold(harness.events)
        self.assertEqual((reply.calls, reply.text, reply.finish), ((), "So", "stop"))
        self.assertEqual(reply.items[0], WebSearchCall("c1", '{"type":"search","query":"a"}'))
        self.assertEqual((harness.commands, harness.thread.state), ([], "idle"))

    def test_a_call_of_a_custom_tool_has_its_raw_input(self) -> None:
        harness = ThreadHarness.running(evolve(WITH_TOOL, tools=(Tool(name="patch", kind="custom"),)))
        harness.receive(raw_call("c1", '{"input": "*** Begin"}', name="patch"))
        self.assertEqual(
            harness.events[1:3],
            [
                e.CallOpened(index=0, id="fc_of_c1", call_id="c1", name="patch", kind="custom"),
                e.CallDelta(0, "*** Begin"),
            ],
        )
