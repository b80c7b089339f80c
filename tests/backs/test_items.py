"""Encoding of histories and tools for the app-server: nothing is flattened or dropped silently."""

from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.items import (
    decode_search_action,
    encode_dynamic_tools,
    encode_items,
    encode_result_content,
    unwrap_custom_input,
)
from codexd.neutral.fault import FaultError
from codexd.neutral.turn import (
    AudioPart,
    Compaction,
    FilePart,
    ImagePart,
    Item,
    Message,
    Reasoning,
    RefusalPart,
    Role,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    WebSearchCall,
)
from codexd.wire import json
from codexd.wire.json import Json
from codexd.wire.provider_state import ProviderState, encode_state

ROLES: dict[Role, str] = {
    "system": "developer",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
}


def raw(item: Item) -> Json:
    (found,) = encode_items((item,))
    return found


def shown(data: str, filename: str | None = None) -> str:
    """Return the text that a file is encoded as."""
    text = raw(Message(role="user", parts=(FilePart(data, filename),)))["content"][0]["text"]
    assert isinstance(text, str)
    return text


def base64_of(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"


class MessageTests(SynchronousTestCase):
    def test_roles_are_unchanged_except_system(self) -> None:
        for role, kept in ROLES.items():
            self.assertEqual(raw(Message(role=role, parts=(TextPart("t"),)))["role"], kept)

    def test_assistant_text_is_output_text_and_other_text_is_input_text(self) -> None:
        said = raw(Message(role="assistant", parts=(TextPart("a"), RefusalPart("no")), phase="commentary"))
        self.assertEqual(said["content"], [{"type": "output_text", "text": text} for text in ("a", "no")])
        self.assertEqual(said["phase"], "commentary")
        asked = raw(Message(role="user", parts=(TextPart("a"),)))
        self.assertEqual(asked, {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]})

    def test_images_and_audio_are_encoded_as_such(self) -> None:
        parts = (
            ImagePart("data:image/png;base64,AA"),
            ImagePart("https://a/b", "low"),
            AudioPart("UklG", "wav"),
        )
        self.assertEqual(
            raw(Message(role="user", parts=parts))["content"],
            [
                {"type": "input_image", "image_url": "data:image/png;base64,AA"},
                {"type": "input_image", "image_url": "https://a/b", "detail": "low"},
                {"type": "input_audio", "audio_url": "data:audio/wav;base64,UklG"},
            ],
        )

    def test_empty_items_are_omitted(self) -> None:
        self.assertEqual(encode_items((Message(role="user", parts=()), Reasoning(id="rs_1"))), ())

    def test_reasoning_repeated_by_a_chat_client_is_omitted(self) -> None:
        self.assertEqual(encode_items((Reasoning(content=("hm",)),)), ())

    def test_reasoning_is_encoded_with_its_encrypted_content(self) -> None:
        self.assertEqual(
            raw(Reasoning(summary=("s",), content=("c",), encrypted="sealed", id="rs_1")),
            {
                "type": "reasoning",
                "summary": [{"type": "summary_text", "text": "s"}],
                "content": [{"type": "reasoning_text", "text": "c"}],
                "encrypted_content": "sealed",
            },
        )
        self.assertEqual(raw(Reasoning(encrypted="x")), {"type": "reasoning", "summary": [], "encrypted_content": "x"})

    def test_a_search_is_encoded_unless_it_was_cut(self) -> None:
        search = WebSearchCall("ws_1", '{"type":"search","query":"a"}')
        given = {"action": {"type": "search", "query": "a"}}
        common = {"type": "web_search_call", "status": "completed"}
        self.assertEqual(json.decode(json.encode(raw(search))), common | given)
        self.assertEqual(raw(WebSearchCall()), common)
        self.assertEqual(encode_items((WebSearchCall("ws_1", complete=False),)), ())

    def test_a_summary_is_a_message_and_foreign_compactions_stay_items(self) -> None:
        shown = raw(Compaction(summary="what was said"))
        self.assertEqual((shown["type"], shown["role"]), ("message", "user"))
        self.assertIn("what was said", shown["content"][0]["text"])
        foreign = raw(Compaction(encrypted="gAAAA"))
        self.assertEqual(foreign, {"type": "compaction", "encrypted_content": "gAAAA"})

    def test_annotations_are_encoded_with_assistant_text(self) -> None:
        noted = TextPart("a", ('{"type":"url_citation"}',), '[{"token":"a"}]')
        (part,) = raw(Message(role="assistant", parts=(noted,)))["content"]
        expected = {"type": "output_text", "text": "a", "annotations": [{"type": "url_citation"}]}
        self.assertEqual(json.decode(json.encode(part)), expected)
        asked = raw(Message(role="user", parts=(noted,)))["content"]
        self.assertEqual(asked, [{"type": "input_text", "text": "a"}])


class SearchTests(SynchronousTestCase):
    def test_search_actions_are_decoded_to_openais_form(self) -> None:
        for told, action in (
            ({"type": "search", "query": "a", "queries": None}, {"type": "search", "query": "a"}),
            ({"type": "openPage", "url": "u"}, {"type": "open_page", "url": "u"}),
            (
                {"type": "findInPage", "url": "u", "pattern": "p"},
                {"type": "find_in_page", "url": "u", "pattern": "p"},
            ),
        ):
            self.assertEqual(json.decode(decode_search_action(told) or ""), action)

    def test_an_unknown_search_action_is_none(self) -> None:
        for told in (None, "search", {}, {"type": "other"}, {"type": ["search"]}):
            self.assertIsNone(decode_search_action(told))


class FileTests(SynchronousTestCase):
    def test_a_text_file_is_encoded_as_its_name_and_text(self) -> None:
        self.assertEqual(shown(base64_of("text/csv", "ä,b".encode()), "a.csv"), "File a.csv:\nä,b")
        self.assertEqual(shown(base64_of("application/json", b"{}")), "{}")
        self.assertEqual(shown("data:text/plain;charset=utf-8,hello%20world%2C%20100%25"), "hello world, 100%")

    def test_a_file_that_is_not_text_is_refused(self) -> None:
        for data in (base64_of("application/pdf", b"%PDF"), "https://a/b.txt", "", "data:,x"):
            self._refused("unsupported", data)

    def test_a_text_file_that_cannot_be_decoded_is_refused(self) -> None:
        for data in ("data:text/plain;base64,?", base64_of("text/plain", b"\xff"), "data:text/plain,%FF"):
            self._refused("wrong_value", data)

    def _refused(self, kind: str, data: str) -> None:
        for show in (
            lambda part: encode_items((Message(role="user", parts=(part,)),)),
            lambda part: encode_result_content(ToolResult("c", (part,))),
        ):
            refused = self.assertRaises(FaultError, show, FilePart(data))
            self.assertEqual((refused.fault.kind, refused.fault.param), (kind, "input_file"))


class StateTests(SynchronousTestCase):
    def test_the_state_of_an_upstreams_model_is_not_sent(self) -> None:
        state = encode_state(ProviderState({"reasoning_opaque": "x"}, {}))
        self.assertEqual(encode_items((Reasoning(encrypted=state, id="rs_1"),)), ())
        shown = raw(Reasoning(encrypted=state, id="rs_1", content=("hm",)))
        self.assertNotIn("encrypted_content", shown)


class CallTests(SynchronousTestCase):
    def test_a_call_and_its_result_share_their_call_id(self) -> None:
        pair = (
            ToolCall(call_id="c1", name="f", arguments='{"a": 1}', namespace="n", id="fc_1"),
            ToolResult("c1", (TextPart("42"),)),
        )
        self.assertEqual(
            encode_items(pair),
            (
                {
                    "type": "function_call",
                    "call_id": "c1",
                    "name": "f",
                    "arguments": '{"a": 1}',
                    "namespace": "n",
                },
                {"type": "function_call_output", "call_id": "c1", "output": "42"},
            ),
        )

    def test_a_result_with_several_texts_is_a_list(self) -> None:
        output = raw(ToolResult("c1", (TextPart("4"), TextPart("2"))))["output"]
        self.assertEqual(output, [{"type": "input_text", "text": "4"}, {"type": "input_text", "text": "2"}])

    def test_a_result_with_an_image_is_a_list_and_an_empty_one_is_an_empty_string(self) -> None:
        mixed = raw(ToolResult("c1", (TextPart("t"), ImagePart("https://a/b"))))
        self.assertEqual([part["type"] for part in mixed["output"]], ["input_text", "input_image"])
        self.assertEqual(raw(ToolResult("c1", ()))["output"], "")

    def test_the_result_of_a_call_has_every_part(self) -> None:
        parts = (TextPart("t"), RefusalPart("no"), ImagePart("https://a/b", "low"), AudioPart("UklG", "wav"))
        self.assertEqual(
            encode_result_content(ToolResult("c1", (*parts, FilePart("data:text/plain,hi")))),
            [
                {"type": "inputText", "text": "t"},
                {"type": "inputText", "text": "no"},
                {"type": "inputImage", "imageUrl": "https://a/b"},
                {"type": "inputAudio", "audioUrl": "data:audio/wav;base64,UklG"},
                {"type": "inputText", "text": "hi"},
            ],
        )

    @given(st.text())
    def test_custom_tool_input_survives_a_round_trip(self, text: str) -> None:
        sent = raw(ToolCall(call_id="c1", name="patch", arguments=text, kind="custom"))
        self.assertEqual((sent["type"], unwrap_custom_input(sent["arguments"])), ("function_call", text))

    def test_input_that_the_model_did_not_wrap_is_unchanged(self) -> None:
        for arguments in ("*** Begin", "7", "[]", '{"other": "x"}', '{"input": 7}'):
            self.assertEqual(unwrap_custom_input(arguments), arguments)


class ToolTests(SynchronousTestCase):
    def test_a_function_keeps_its_schema_byte_for_byte(self) -> None:
        schema = '{"type": "object", "properties": {"n": {"maximum": 18446744073709551616}}}'
        (sent,) = encode_dynamic_tools((Tool(name="f", description="d", parameters=schema),))
        self.assertEqual(
            json.encode(sent),
            b'{"type":"function","name":"f","description":"d","inputSchema":' + schema.encode() + b"}",
        )

    def test_the_tools_of_a_namespace_are_a_group_with_its_description(self) -> None:
        tools = (
            Tool(name="a", namespace="n", namespace_description="All of n."),
            Tool(name="b"),
            Tool(name="c", namespace="n", namespace_description="All of n."),
        )
        plain, group = encode_dynamic_tools(tools)
        self.assertEqual(plain["name"], "b")
        self.assertEqual((group["type"], group["name"], group["description"]), ("namespace", "n", "All of n."))
        self.assertEqual([tool["name"] for tool in group["tools"]], ["a", "c"])

    def test_a_custom_tool_is_a_function_with_one_text_and_its_grammar_in_the_description(self) -> None:
        bare, ruled = encode_dynamic_tools(
            (Tool(name="a", description="d", kind="custom"), Tool(name="b", kind="custom", grammar="g: x"))
        )
        for sent in (bare, ruled):
            schema = json.decode(json.encode(sent["inputSchema"]))
            self.assertEqual((schema["required"], schema["properties"]["input"]["type"]), (["input"], "string"))
        self.assertEqual(bare["description"], "d")
        self.assertEqual(ruled["description"], "The input must follow this format:\ng: x")
