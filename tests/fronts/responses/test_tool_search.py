"""Tools in items of the input: `additional_tools`, and the tool search that the client runs."""

from typing import Any

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import conversations
from codexd.fronts.dialect import RequestOptions
from codexd.neutral import event as e
from codexd.neutral.event import Ended, UsageReported
from codexd.neutral.fault import FaultError
from codexd.neutral.reply import fold
from codexd.neutral.stored import LoadedHistory, StoredItem
from codexd.neutral.turn import TextPart, Tool, ToolCall, ToolChoice, ToolResult, WebSearch
from codexd.wire.json import Json, decode, encode
from tests.support import responses_stream
from tests.support.framing import build_folding_encoder, framed
from tests.support.http_cases import RESPONSES, ResponsesTestCase
from tests.support.identities import RESPONSES_IDENTITY
from tests.support.responses_requests import decode_fault, decode_request, decode_turn
from tests.support.sentences import broken_sentences, sentences
from tests.support.stored_responses import bodies, continue_from, history, stored_response

SEARCH_TOOL = {
    "type": "tool_search",
    "execution": "client",
    "description": "Find tools.",
    "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
}
GROUP = {
    "type": "namespace",
    "name": "mcp__tiny",
    "description": "d",
    "tools": [{"type": "function", "name": "shout", "description": "Be loud.", "defer_loading": True, "strict": False}],
}
SHOUT = Tool(name="shout", description="Be loud.", strict=False, namespace="mcp__tiny", namespace_description="d")
CALL = {
    "type": "tool_search_call", "id": "tsc_1", "call_id": "call_1", "execution": "client", "status": "completed",
    "arguments": {"query": "loud", "limit": 2},
}  # fmt: skip
OUTPUT = {
    "type": "tool_search_output", "id": "tso_1", "call_id": "call_1", "execution": "client", "status": "completed",
    "tools": [GROUP],
}  # fmt: skip
ADDED = {
    "type": "additional_tools",
    "role": "developer",
    "tools": [
        {"type": "namespace", "name": "functions", "description": "", "tools": [{"type": "custom", "name": "exec"}]},
        {"type": "function", "name": "plain"},
    ],
}
USER = {"type": "message", "role": "user", "content": "hi"}
EXEC = Tool(name="exec", kind="custom", namespace="functions")


REFUSING = RequestOptions(principal="someone", drop_hosted=False)


class AdditionalToolsTests(SynchronousTestCase):
    def test_its_tools_are_offered_and_it_is_no_item_of_the_history(self) -> None:
        turn = decode_turn(input=[ADDED, USER])
        self.assertEqual(turn.tools, (EXEC, Tool(name="plain")))
        self.assertEqual((len(turn.items), turn.ignored), (1, ()))

    def test_a_tool_choice_may_name_them(self) -> None:
        chosen = {"type": "custom", "name": "exec"}
        turn = decode_turn(input=[ADDED, USER], tool_choice=chosen)
        self.assertEqual(turn.tool_choice, ToolChoice("required", ("exec",)))
        shown = decode(decode_request(input=[ADDED, USER], tool_choice=chosen).echo.members)["tool_choice"]
        self.assertEqual(shown["name"], "exec")

    def test_a_response_repeats_only_the_tools_of_its_request(self) -> None:
        decoded = decode_request(input=[ADDED, USER], tools=[{"type": "function", "name": "own"}])
        self.assertEqual([tool.name for tool in decoded.turn.tools], ["own", "plain", "exec"])
        self.assertEqual([tool["name"] for tool in decode(decoded.echo.members)["tools"]], ["own"])

    def test_a_later_definition_replaces_an_earlier_one_in_its_place(self) -> None:
        newer = {"type": "additional_tools", "tools": [{"type": "function", "name": "a", "description": "new"}]}
        tools = [{"type": "function", "name": name} for name in ("a", "b")]
        turn = decode_turn(input=[newer, USER, newer], tools=tools)
        self.assertEqual(turn.tools, (Tool(name="a", description="new"), Tool(name="b")))

    def test_a_web_search_among_them_is_offered(self) -> None:
        self.assertEqual(
            decode_turn(input=[{"type": "additional_tools", "tools": [{"type": "web_search"}]}]).web_search,
            WebSearch(),
        )

    def test_an_invalid_tool_is_named_by_its_path(self) -> None:
        for tool, kind, param in (
            ({"type": "file_search"}, "hosted_tool", "input[1].tools[0].type"),
            ({"type": "function", "name": "a b"}, "wrong_value", "input[1].tools[0].name"),
            ("exec", "wrong_type", "input[1].tools[0]"),
        ):
            found = decode_fault(
                {"model": "m", "input": [USER, {"type": "additional_tools", "tools": [tool]}]}, REFUSING
            )
            self.assertEqual((found.kind, found.param), (kind, param))

    def test_a_request_that_continues_a_response_has_its_added_tools(self) -> None:
        before = stored_response(fold((e.Began(), Ended("stop"))), input=[USER, ADDED, USER])
        self.assertEqual([item["type"] for item in bodies(before.input)], ["message", "additional_tools", "message"])
        turn = continue_from(history(before)).turn
        self.assertEqual((turn.tools, len(turn.items)), ((EXEC, Tool(name="plain")), 3))

    def test_dropped_tools_are_listed_by_the_request_that_has_them_only(self) -> None:
        item = {"type": "additional_tools", "id": "at_1", "tools": [{"type": "file_search"}]}
        self.assertEqual(decode_turn(input=[item]).ignored, ("input[0].tools[0] (file_search)",))
        stored = LoadedHistory((StoredItem("at_1", encode(item)),), "over")
        self.assertEqual(continue_from(stored).turn.ignored, ())

    def test_a_conversation_may_have_them_if_they_are_valid(self) -> None:
        someone = RequestOptions(principal="someone")
        _, added = conversations.decode_new_conversation(encode({"items": [ADDED]}), someone, "5eed", 0)
        (item,) = bodies(added.items)
        self.assertEqual((item["id"], item["tools"]), ("at_5eed0000", ADDED["tools"]))
        bad = {"type": "additional_tools", "tools": [{"type": "function"}]}
        with self.assertRaises(FaultError) as caught:
            conversations.decode_new_conversation(encode({"items": [bad]}), someone, "5eed", 0)
        self.assertEqual(caught.exception.fault.param, "items[0].tools[0].name")

    def test_dropped_tools_of_a_conversation_are_listed(self) -> None:
        body = encode({"items": [{"type": "additional_tools", "tools": [{"type": "file_search"}]}]})
        dropping = RequestOptions(principal="someone")
        _, added = conversations.decode_new_conversation(body, dropping, "5eed", 0)
        self.assertEqual(added.ignored, ("items[0].tools[0] (file_search)",))
        refusing = conversations.decode_new_conversation
        caught = self.assertRaises(FaultError, refusing, body, REFUSING, "5eed", 0)
        self.assertEqual(caught.fault.kind, "hosted_tool")


class ToolSearchTests(SynchronousTestCase):
    def test_the_clients_search_is_a_tool_and_openais_is_a_hosted_one(self) -> None:
        (tool,) = decode_turn(tools=[SEARCH_TOOL]).tools
        self.assertEqual((tool.name, tool.kind, tool.description), ("tool_search", "tool_search", "Find tools."))
        self.assertEqual(decode(tool.parameters), SEARCH_TOOL["parameters"])
        for hosted in ({"type": "tool_search"}, {"type": "tool_search", "execution": "server"}):
            fault = decode_fault({"model": "m", "input": "hi", "tools": [hosted]}, REFUSING)
            self.assertEqual((fault.kind, fault.param), ("hosted_tool", "tools[0].type"))
            self.assertEqual(decode_turn(tools=[hosted]).ignored, ("tools[0] (tool_search)",))

    def test_a_response_repeats_it_in_its_own_form(self) -> None:
        (shown,) = decode(decode_request(tools=[SEARCH_TOOL]).echo.members)["tools"]
        self.assertEqual(shown, SEARCH_TOOL)

    def test_it_may_be_required_or_allowed_without_a_name(self) -> None:
        choice = {"type": "tool_search"}
        tools = [SEARCH_TOOL, {"type": "function", "name": "f"}]
        decoded = decode_request(tools=tools, tool_choice=choice)
        self.assertEqual(decoded.turn.tool_choice, ToolChoice("required", ("tool_search",)))
        self.assertEqual(decode(decoded.echo.members)["tool_choice"], choice)
        allowed = {"type": "allowed_tools", "mode": "auto", "tools": [choice, tools[1]]}
        named = decode_turn(tools=tools, tool_choice=allowed | {"tools": [choice, {"type": "function", "name": "f"}]})
        self.assertEqual(named.tool_choice, ToolChoice("auto", ("tool_search", "f")))
        body = {"model": "m", "input": "hi", "tool_choice": choice}
        self.assertEqual(decode_fault(body, REFUSING).kind, "hosted_tool")
        self.assertEqual(decode_turn(**body).ignored, ("tool_choice (tool_search)",))

    def test_its_call_and_output_are_parsed_and_the_found_tools_offered(self) -> None:
        turn = decode_turn(input=[USER, CALL, OUTPUT], tools=[SEARCH_TOOL])
        _, call, result = turn.items
        self.assertEqual(
            call,
            ToolCall(
                call_id="call_1", name="tool_search", arguments='{"query":"loud","limit":2}', kind="tool_search",
                id="tsc_1",
            ),
        )  # fmt: skip
        summary = '{"tools":[{"namespace":"mcp__tiny","name":"shout","description":"Be loud."}]}'
        self.assertEqual(result, ToolResult("call_1", (TextPart(summary),), "tool_search"))
        self.assertEqual([tool for tool in turn.tools if tool.kind == "function"], [SHOUT])

    def test_a_search_that_openai_ran_is_left_out_with_its_tools(self) -> None:
        hosted = {"call_id": None, "execution": "server"}
        turn = decode_turn(input=[USER, CALL | hosted, OUTPUT | hosted])
        self.assertEqual(
            (len(turn.items), turn.tools, turn.ignored),
            (1, (), ("input[1] (tool_search_call)", "input[2] (tool_search_output)")),
        )

    def test_an_output_without_its_call_is_rejected(self) -> None:
        fault = decode_fault({"model": "m", "input": [USER, OUTPUT]})
        self.assertEqual((fault.kind, fault.param), ("orphan_tool_output", "input[1].call_id"))

    def test_arguments_that_are_no_object_come_back_as_they_were(self) -> None:
        for sent, shown in (('{"query":', '{"query":'), ("", {}), ('{"a":1}', {"a": 1}), ("[" * 300 + "]" * 300, None)):
            call = e.CallOpened(index=0, id="fc", call_id="c", name="tool_search", kind="tool_search")
            reply = fold((e.Began(), call, e.CallDelta(0, sent), e.CallClosed(0)))
            (item,) = decode(decode_request().render((reply,), RESPONSES_IDENTITY))["output"]
            self.assertEqual(item["arguments"], sent if shown is None else shown)
            (parsed,) = decode_turn(input=[item]).items
            assert isinstance(parsed, ToolCall)
            self.assertEqual(parsed.arguments, sent or "{}")

    def test_arguments_on_several_lines_are_sent_on_one(self) -> None:
        call = e.CallOpened(index=0, id="fc", call_id="c", name="tool_search", kind="tool_search")
        encoder = build_folding_encoder(decode_request(), RESPONSES_IDENTITY)
        said = (e.Began(), call, e.CallDelta(0, '{\r\n  "query": "a"\n}'), e.CallClosed(0))
        written = [one for event in said for one in encoder.feed(event)]
        self.assertFalse([data for _, data in written if b"\n" in data or b"\r" in data])
        self.assertEqual(decode(written[-1][1])["item"]["arguments"], {"query": "a"})

    @given(sentences() | broken_sentences())
    def test_a_stream_with_any_calls_is_its_complete_response(self, sentence: tuple[e.Event, ...]) -> None:
        decoded = decode_request()
        encoder = build_folding_encoder(decoded, RESPONSES_IDENTITY)
        events = responses_stream.read(framed([one for event in sentence for one in encoder.feed(event)]))
        responses_stream.check(events)
        whole = decode(decoded.render((fold(sentence),), RESPONSES_IDENTITY))
        self.assertEqual(responses_stream.accumulate(events), whole)


class StoredToolSearchTests(ResponsesTestCase):
    """A whole exchange: the call, its output, and a request that continues both."""

    def answer(self, *events: e.Event, **fields: Any) -> Json:
        """Answer a request with these events and return the response."""
        usage = UsageReported(e.Usage())
        self.ask(**fields).emit(e.Began(), *events, usage, Ended("tool_calls" if events else "stop"))
        return self.connection.response.json

    def test_items_are_stored_listed_and_continued_in_their_own_types(self) -> None:
        call = e.CallOpened(index=0, id="fc_1", call_id="call_1", name="tool_search", kind="tool_search")
        said = (call, e.CallDelta(0, '{"query":"a"}'), e.CallClosed(0))
        first = self.answer(*said, input=[ADDED, USER], tools=[SEARCH_TOOL])
        (shown,) = first["output"]
        self.assertEqual(
            shown,
            {
                "id": "fc_1", "type": "tool_search_call", "status": "completed", "call_id": "call_1",
                "execution": "client", "arguments": {"query": "a"},
            },
        )  # fmt: skip
        second = self.answer(input=[OUTPUT], previous_response_id=first["id"], tools=[SEARCH_TOOL])
        listed = self.server.request("GET", f"{RESPONSES}/{second['id']}/input_items?order=asc").json["data"]
        self.assertEqual(
            [item["type"] for item in listed],
            ["additional_tools", "message", "tool_search_call", "tool_search_output"],
        )
        self.assertEqual((listed[0]["tools"], listed[3]["tools"]), (ADDED["tools"], [GROUP]))
        self.ask(input="go on", previous_response_id=second["id"])
        turn = self.server.backend.turns[-1].turn
        self.assertEqual([type(item).__name__ for item in turn.items], ["Message", "ToolCall", "ToolResult", "Message"])
        self.assertEqual([tool.name for tool in turn.tools], ["exec", "plain", "shout"])
