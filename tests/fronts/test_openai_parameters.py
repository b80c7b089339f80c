"""Every parameter of OpenAI's Python package is used, named as ignored, or refused by design.

If a new version of the package fails here, its new parameters are ignored and named. Use them, or add them to
docs/parameters.md.
"""

from functools import cache
from typing import Any, Literal, TypedDict

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.backs.chat.request import encode_request
from codexd.backs.chat.tool_names import ToolNames
from codexd.child.active_turn import list_unsupported
from codexd.fronts import chat, responses, used_fields
from codexd.fronts.dialect import RequestOptions
from codexd.fronts.json_fields import MAX_IGNORED
from codexd.neutral.stored import LoadedHistory
from codexd.wire import json
from tests.support.sdk_parameter_tables import (
    DOCUMENTED,
    ITEM_TOOLS,
    PAGE,
    not_used,
    read_table,
    select_rows,
    write_tables,
)
from tests.support.sdk_parameters import ENDPOINTS, Effects, measure

SOMEONE = RequestOptions(principal="p")
BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}
# The parameters that may be refused, by the end of their paths.
REFUSED = ("file_id", "prompt", "suffix", "items[] (item_reference).id", "items[] (item_reference).type")


def responses_ignored(**fields: Any) -> tuple[str, ...]:
    """Return what a Responses request over Codex has ignored."""
    body = json.encode({"model": "m", "input": "hi", **fields})
    return list_unsupported(responses.decode_pending(body, SOMEONE).complete(LoadedHistory()).turn)


@cache
def listed(name: str) -> dict[str, Effects]:
    """Return the parameters of an endpoint that are not used by every back end."""
    return not_used(measure(BY_NAME[name]))


class OpenAIParameterTests(SynchronousTestCase):
    maxDiff = None

    def test_the_tables_have_exactly_the_parameters_that_are_not_used(self) -> None:
        page = PAGE.read_text()
        for name in DOCUMENTED:
            self.assertEqual(select_rows(name, listed(name)), read_table(name, page), name)
        self.assertEqual(write_tables(page), page)

    def test_the_tools_of_items_are_treated_as_those_of_a_request(self) -> None:
        tools = {path: effects for path, effects in listed("Responses").items() if path.startswith("tools[]")}
        found = {match[0]: match for path in listed("Responses") if (match := ITEM_TOOLS.fullmatch(path))}
        for kind in ("additional_tools", "tool_search_output"):
            of_items = {one[1]: listed("Responses")[path] for path, one in found.items() if kind in path}
            self.assertEqual(of_items, tools)

    def test_the_items_of_a_compaction_are_treated_as_those_of_a_response(self) -> None:
        first, other = (
            {path: effects for path, effects in listed(name).items() if path.startswith("input")}
            for name in ("Responses", "Compaction")
        )
        self.assertEqual(other, first)

    def test_items_are_treated_the_same_wherever_they_are_added_to_a_conversation(self) -> None:
        first, later = (listed(name) for name in ("Conversations", "Items of a conversation"))
        self.assertEqual(later, first)

    def test_the_other_endpoints_use_everything(self) -> None:
        for name in ("Update of a conversation", "Embeddings"):
            self.assertEqual(listed(name), {}, name)

    def test_only_what_cannot_be_supported_is_refused(self) -> None:
        for endpoint in ENDPOINTS:
            for path, effects in listed(endpoint.name).items():
                self.assertEqual("refused" in effects, path.endswith(REFUSED), path)

    def test_a_new_parameter_is_found_by_its_name(self) -> None:
        class NewTool(TypedDict):
            type: Literal["function"]
            name: str
            caller_rank: int

        class NewParams(TypedDict, total=False):
            seconds_to_live: int
            tools: list[NewTool]

        endpoint = evolve(BY_NAME["Responses"], name="new", types=(NewParams,))
        self.assertEqual(set(not_used(measure(endpoint))), {"seconds_to_live", "tools[] (function).caller_rank"})


class NamedTests(SynchronousTestCase):
    """Fields without effect are named; values that ask for nothing are not."""

    def test_fields_in_tools_items_and_options(self) -> None:
        text = {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}
        tool = {"type": "function", "name": "f", "parameters": {}, "defer_loading": True, "allowed_callers": ["direct"]}
        ignored = responses_ignored(
            input=[{"role": "user", "content": [text, text]}],
            tools=[tool, {"type": "namespace", "name": "n", "tools": [tool | {"name": "g", "async": True}]}],
            reasoning={"mode": "deep", "context": "all", "effort": "low"},
            stream=True,
            stream_options={"include_obfuscation": True},
            generate=False,
        )
        self.assertEqual(
            ignored,
            (
                "generate",
                "input[].content[].prompt_cache_breakpoint",
                "tools[].defer_loading",
                "tools[].allowed_callers",
                "tools[].tools[].defer_loading",
                "tools[].tools[].allowed_callers",
                "tools[].tools[].async",
                "reasoning.mode",
                "reasoning.context",
                "stream_options.include_obfuscation",
            ),
        )

    def test_fields_of_compactions_and_of_the_tools_of_items(self) -> None:
        tool = {"type": "function", "name": "f", "parameters": {}, "defer_loading": True}
        search = {"execution": "client", "call_id": "c1", "status": "completed"}
        ignored = responses_ignored(
            input=[
                {"type": "compaction", "id": "cmp_1", "encrypted_content": "x", "created_by": "a"},
                {"type": "additional_tools", "role": "developer", "tools": [tool]},
                {"type": "tool_search_call", "arguments": {"query": "a"}, **search},
                {"type": "tool_search_output", "tools": [tool | {"name": "g"}], **search},
                {"type": "tool_search_call", "execution": "server", "arguments": {}, "created_by": "a"},
                {"type": "compaction_trigger", "rank": 1},
            ],
            tools=[{"type": "tool_search", "execution": "client", "parameters": {}, "rank": 1}],
            context_management=[{"type": "compaction", "compact_threshold": 1000, "rank": 1}],
        )
        self.assertEqual(
            ignored,
            (
                "input[4] (tool_search_call)",
                "input[].created_by",
                "input[].tools[].defer_loading",
                "input[].rank",
                "tools[].rank",
                "context_management[].rank",
            ),
        )

    def test_values_that_ask_for_nothing(self) -> None:
        tool = {
            "type": "function",
            "name": "f",
            "parameters": {},
            "defer_loading": False,
            "async": False,
            "output_schema": None,
        }
        part = {"type": "output_text", "text": "a", "annotations": [], "logprobs": [], "extra": ""}
        items = [{"type": "message", "id": "msg_1", "role": "assistant", "content": [part], "created_by": None}]
        options = {"include_obfuscation": False}
        ignored = responses_ignored(input=items, tools=[tool], stream=True, stream_options=options, store=False)
        self.assertEqual(ignored, ())

    def test_what_codex_replaces_in_a_schema(self) -> None:
        schema = {"type": "json_schema", "name": "n", "schema": {}, "description": "d", "strict": False}
        self.assertEqual(
            responses_ignored(text={"format": schema}), ("format.name", "format.description", "format.strict")
        )
        self.assertEqual(
            responses_ignored(text={"format": schema | {"strict": True, "description": None}}), ("format.name",)
        )

    def test_state_of_a_model_is_named_by_the_back_end_that_does_not_send_it(self) -> None:
        call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}, "extra_content": {"a": 1}}
        said = {"role": "assistant", "tool_calls": [call], "reasoning_details": [{"a": 1}], "name": "n", "b\r\nc": 1}
        result = {"role": "tool", "tool_call_id": "c1", "content": "a"}
        turn = chat.decode(json.encode({"model": "m", "messages": [said, result]}), SOMEONE).turn
        self.assertEqual(turn.ignored, ("messages[].name",))
        state = ("reasoning_details", "tool_calls[].extra_content")
        self.assertEqual(list_unsupported(turn), ("messages[].name", *state))
        for kept, lost in ((("reasoning_details", "extra_content"), ()), (("extra_content",), state[:1]), ((), state)):
            sent = encode_request(turn, ToolNames(()), ServerCapabilities(state=kept))
            self.assertEqual(sent.ignored, ("messages[].name", *lost))

    def test_strict_is_named_where_a_server_has_no_such_field(self) -> None:
        tool = {"type": "function", "function": {"name": "f", "strict": True}}
        form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}}
        body = {"model": "m", "messages": [{"role": "user", "content": "a"}], "tools": [tool], "response_format": form}
        turn = chat.decode(json.encode(body), SOMEONE).turn
        for strict, lost in ((True, ()), (False, ("tools[].strict", "format.strict"))):
            sent = encode_request(turn, ToolNames(turn.tools), ServerCapabilities(strict=strict))
            self.assertEqual(sent.ignored, lost)

    def test_hosted_tools_are_named_as_a_whole(self) -> None:
        self.assertEqual(responses_ignored(tools=[{"type": "mcp", "server_url": "https://a"}]), ("tools[0] (mcp)",))

    def test_names_of_fields_that_are_not_plain_are_left_out(self) -> None:
        body = {"tools": [{"type": "function", "name": "f", "a\r\nb": 1, "x" * 65: 1, "ok": 1}]}
        self.assertEqual(used_fields.find_unused(body, used_fields.CHAT), ("tools[].ok",))

    def test_the_number_of_names_is_limited(self) -> None:
        tool = {"type": "function", "name": "f"} | {f"field_{number}": 1 for number in range(100)}
        body = json.encode({"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": [tool]})
        self.assertEqual(len(chat.decode(body, SOMEONE).turn.ignored), MAX_IGNORED)

    def test_a_field_of_another_type_is_no_defect(self) -> None:
        for value in (1, "a", [1, [2]], None, [{"type": 1}], [{"type": ["function"]}], {"type": {}}):
            for name in (*used_fields.CHAT, *used_fields.RESPONSES):
                used_fields.find_unused({name: value}, used_fields.CHAT)
                used_fields.find_unused({name: value}, used_fields.RESPONSES)
