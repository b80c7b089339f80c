"""Histories and tools in the app-server's form: nothing flattened, nothing lost, the rest refused."""

from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.items import content_items, custom_input, dynamic_tools, raw_items, search_action
from codexd.neutral.fault import Refused
from codexd.neutral.turn import (
    AudioPart,
    FilePart,
    ImagePart,
    Item,
    Message,
    Reasoning,
    RefusalPart,
    Role,
    Search,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
)
from codexd.wire import json
from codexd.wire.json import Json

ROLES: dict[Role, str] = {
    "system": "developer",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
}


def raw(item: Item) -> Json:
    (found,) = raw_items((item,))
    return found


def shown(data: str, filename: str | None = None) -> str:
    """Give the text a file is shown as."""
    text = raw(Message("user", (FilePart(data, filename),)))["content"][0]["text"]
    assert isinstance(text, str)
    return text


def base64_of(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"


class MessageTests(SynchronousTestCase):
    def test_roles_are_kept_but_for_the_one_the_child_drops(self) -> None:
        for role, kept in ROLES.items():
            self.assertEqual(raw(Message(role, (TextPart("t"),)))["role"], kept)

    def test_the_assistants_text_is_output_and_everybody_elses_is_input(self) -> None:
        said = raw(Message("assistant", (TextPart("a"), RefusalPart("no")), phase="commentary"))
        self.assertEqual(said["content"], [{"type": "output_text", "text": text} for text in ("a", "no")])
        self.assertEqual(said["phase"], "commentary")
        asked = raw(Message("user", (TextPart("a"),)))
        self.assertEqual(
            asked, {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]}
        )

    def test_images_and_audio_stay_what_they_are(self) -> None:
        parts = (
            ImagePart("data:image/png;base64,AA"),
            ImagePart("https://a/b", "low"),
            AudioPart("UklG", "wav"),
        )
        self.assertEqual(
            raw(Message("user", parts))["content"],
            [
                {"type": "input_image", "image_url": "data:image/png;base64,AA"},
                {"type": "input_image", "image_url": "https://a/b", "detail": "low"},
                {"type": "input_audio", "audio_url": "data:audio/wav;base64,UklG"},
            ],
        )

    def test_items_that_say_nothing_are_left_out(self) -> None:
        self.assertEqual(raw_items((Message("user", ()), Reasoning(id="rs_1"))), ())

    def test_words_that_a_chat_client_repeats_are_no_thought_of_the_providers(self) -> None:
        self.assertEqual(raw_items((Reasoning(content=("hm",)),)), ())

    def test_reasoning_goes_in_as_it_was_sealed(self) -> None:
        self.assertEqual(
            raw(Reasoning(("s",), ("c",), "sealed", "rs_1")),
            {
                "type": "reasoning",
                "summary": [{"type": "summary_text", "text": "s"}],
                "content": [{"type": "reasoning_text", "text": "c"}],
                "encrypted_content": "sealed",
            },
        )
        self.assertEqual(
            raw(Reasoning(encrypted="x")), {"type": "reasoning", "summary": [], "encrypted_content": "x"}
        )

    def test_a_search_goes_in_as_it_was_unless_it_was_cut(self) -> None:
        search = Search("ws_1", '{"type":"search","query":"a"}')
        given = {"action": {"type": "search", "query": "a"}}
        common = {"type": "web_search_call", "status": "completed"}
        self.assertEqual(json.decode(json.encode(raw(search))), common | given)
        self.assertEqual(raw(Search()), common)
        self.assertEqual(raw_items((Search("ws_1", complete=False),)), ())

    def test_what_was_noted_on_a_text_goes_with_it(self) -> None:
        noted = TextPart("a", ('{"type":"url_citation"}',), '[{"token":"a"}]')
        (part,) = raw(Message("assistant", (noted,)))["content"]
        expected = {"type": "output_text", "text": "a", "annotations": [{"type": "url_citation"}]}
        self.assertEqual(json.decode(json.encode(part)), expected)
        asked = raw(Message("user", (noted,)))["content"]
        self.assertEqual(asked, [{"type": "input_text", "text": "a"}])


class SearchTests(SynchronousTestCase):
    def test_what_a_search_did_is_told_as_openai_has_it(self) -> None:
        for told, action in (
            ({"type": "search", "query": "a", "queries": None}, {"type": "search", "query": "a"}),
            ({"type": "openPage", "url": "u"}, {"type": "open_page", "url": "u"}),
            (
                {"type": "findInPage", "url": "u", "pattern": "p"},
                {"type": "find_in_page", "url": "u", "pattern": "p"},
            ),
        ):
            self.assertEqual(json.decode(search_action(told) or ""), action)

    def test_what_is_not_told_is_not_made_up(self) -> None:
        for told in (None, "search", {}, {"type": "other"}, {"type": ["search"]}):
            self.assertIsNone(search_action(told))


class FileTests(SynchronousTestCase):
    def test_a_text_file_is_shown_as_text_under_its_name(self) -> None:
        self.assertEqual(shown(base64_of("text/csv", "ä,b".encode()), "a.csv"), "File a.csv:\nä,b")
        self.assertEqual(shown(base64_of("application/json", b"{}")), "{}")
        self.assertEqual(
            shown("data:text/plain;charset=utf-8,hello%20world%2C%20100%25"), "hello world, 100%"
        )

    def test_a_file_of_another_kind_is_refused(self) -> None:
        for data in (base64_of("application/pdf", b"%PDF"), "https://a/b.txt", "", "data:,x"):
            self._refused("unsupported", data)

    def test_a_text_file_that_is_no_text_is_refused(self) -> None:
        for data in ("data:text/plain;base64,?", base64_of("text/plain", b"\xff"), "data:text/plain,%FF"):
            self._refused("wrong_value", data)

    def _refused(self, kind: str, data: str) -> None:
        for show in (
            lambda part: raw_items((Message("user", (part,)),)),
            lambda part: content_items(ToolResult("c", (part,))),
        ):
            refused = self.assertRaises(Refused, show, FilePart(data))
            self.assertEqual((refused.fault.kind, refused.fault.param), (kind, "input_file"))


class CallTests(SynchronousTestCase):
    def test_a_call_and_its_result_are_a_pair(self) -> None:
        pair = (
            ToolCall("c1", "f", '{"a": 1}', namespace="n", id="fc_1"),
            ToolResult("c1", (TextPart("4"), TextPart("2"))),
        )
        self.assertEqual(
            raw_items(pair),
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

    def test_a_result_with_more_than_text_is_a_list_and_one_with_nothing_is_empty(self) -> None:
        mixed = raw(ToolResult("c1", (TextPart("t"), ImagePart("https://a/b"))))
        self.assertEqual([part["type"] for part in mixed["output"]], ["input_text", "input_image"])
        self.assertEqual(raw(ToolResult("c1", ()))["output"], "")

    def test_the_reply_to_a_call_has_every_part(self) -> None:
        parts = (TextPart("t"), RefusalPart("no"), ImagePart("https://a/b", "low"), AudioPart("UklG", "wav"))
        self.assertEqual(
            content_items(ToolResult("c1", (*parts, FilePart("data:text/plain,hi")))),
            [
                {"type": "inputText", "text": "t"},
                {"type": "inputText", "text": "no"},
                {"type": "inputImage", "imageUrl": "https://a/b"},
                {"type": "inputAudio", "audioUrl": "data:audio/wav;base64,UklG"},
                {"type": "inputText", "text": "hi"},
            ],
        )

    @given(st.text())
    def test_a_custom_tools_input_comes_back_as_it_went(self, text: str) -> None:
        sent = raw(ToolCall("c1", "patch", text, kind="custom"))
        self.assertEqual((sent["type"], custom_input(sent["arguments"])), ("function_call", text))

    def test_input_the_model_did_not_wrap_is_taken_as_it_is(self) -> None:
        for arguments in ("*** Begin", "7", "[]", '{"other": "x"}', '{"input": 7}'):
            self.assertEqual(custom_input(arguments), arguments)


class ToolTests(SynchronousTestCase):
    def test_a_function_keeps_its_schema_to_the_letter(self) -> None:
        schema = '{"type": "object", "properties": {"n": {"maximum": 18446744073709551616}}}'
        (sent,) = dynamic_tools((Tool("f", "d", schema),))
        self.assertEqual(
            json.encode(sent),
            b'{"type":"function","name":"f","description":"d","inputSchema":' + schema.encode() + b"}",
        )

    def test_tools_of_a_namespace_are_a_group_with_its_description(self) -> None:
        tools = (
            Tool("a", namespace="n", namespace_description="All of n."),
            Tool("b"),
            Tool("c", namespace="n", namespace_description="All of n."),
        )
        plain, group = dynamic_tools(tools)
        self.assertEqual(plain["name"], "b")
        self.assertEqual(
            (group["type"], group["name"], group["description"]), ("namespace", "n", "All of n.")
        )
        self.assertEqual([tool["name"] for tool in group["tools"]], ["a", "c"])

    def test_a_custom_tool_is_a_function_of_one_text_that_names_its_grammar(self) -> None:
        bare, ruled = dynamic_tools((Tool("a", "d", kind="custom"), Tool("b", kind="custom", grammar="g: x")))
        for sent in (bare, ruled):
            schema = json.decode(json.encode(sent["inputSchema"]))
            self.assertEqual(
                (schema["required"], schema["properties"]["input"]["type"]), (["input"], "string")
            )
        self.assertEqual(bare["description"], "d")
        self.assertEqual(ruled["description"], "The input must follow this format:\ng: x")
