"""Tests of parsing the request bodies of both dialects."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.scripted.prompt import ScriptedPrompt, ScriptedTool, parse_chat, parse_responses
from codexd.wire.json import Json, decode


def user(*parts: Json) -> Json:
    return {"type": "message", "role": "user", "content": list(parts)}


def text(value: str) -> Json:
    return {"type": "input_text", "text": value}


def called(name: str) -> Json:
    return {"type": "function_call", "call_id": name, "name": name, "arguments": "{}"}


def output(call_id: str, value: Json) -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": value}


def prompt_of(*items: Json, **members: Json) -> ScriptedPrompt:
    return parse_responses({"input": list(items), **members})


class LimitTests(SynchronousTestCase):
    def test_token_limits_are_parsed_in_both_dialects(self) -> None:
        self.assertEqual(prompt_of(max_output_tokens=3).max_tokens, 3)
        for name in ("max_tokens", "max_completion_tokens"):
            self.assertEqual(parse_chat({name: 3}).max_tokens, 3)
        self.assertIsNone(parse_chat({"max_tokens": "3"}).max_tokens)

    def test_with_tool_choice_none_there_are_no_tools(self) -> None:
        tools: list[Json] = [{"type": "function", "name": "f", "function": {"name": "f"}}]
        for choice, names in (("auto", {"f"}), ("none", set())):
            for prompt in (
                prompt_of(tools=tools, tool_choice=choice),
                parse_chat({"tools": tools, "tool_choice": choice}),
            ):
                self.assertEqual(set(prompt.tools), names)

    def test_a_stop_sequence_may_be_one_or_several(self) -> None:
        for stop, stops in (("a", ("a",)), (["a", "b"], ("a", "b")), (["", 1], ()), (None, ())):
            self.assertEqual(parse_chat({"stop": stop}).stops, stops)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
NAMES = st.sampled_from(
    [
        "input",
        "messages",
        "tools",
        "role",
        "type",
        "content",
        "output",
        "text",
        "name",
        "function",
        "reasoning",
    ]
)
VALUES = st.sampled_from(["user", "tool", "function", "namespace", "function_call_output", "message"])
BODIES = st.dictionaries(
    NAMES,
    st.recursive(
        JSON | VALUES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
        max_leaves=20,
    ),
)


class ResponsesTests(SynchronousTestCase):
    def test_a_string_is_one_user_message(self) -> None:
        self.assertEqual(parse_responses({"input": "hi"}).text, "hi")

    def test_the_script_is_the_last_text_of_the_last_user_message_and_all_its_images_count(self) -> None:
        image = {"type": "input_image", "image_url": "data:,"}
        prompt = prompt_of(user(text("old")), user(text("a"), image, text("b"), image))
        self.assertEqual((prompt.text, prompt.images), ("b", 2))

    def test_the_last_run_of_outputs_is_the_last_round(self) -> None:
        items = [
            user(text("u")),
            called("a"),
            called("b"),
            output("a", "1"),
            output("b", [text("2"), text("3")]),
        ]
        prompt = prompt_of(*items)
        self.assertEqual((prompt.round, prompt.results), (1, ("1", "2\n3")))
        custom = {"type": "custom_tool_call_output", "call_id": "c", "output": "4"}
        prompt = prompt_of(*items, called("c"), custom)
        self.assertEqual((prompt.round, prompt.results), (2, ("4",)))

    def test_a_developer_message_after_the_outputs_is_ignored(self) -> None:
        aside = {"type": "message", "role": "developer", "content": "note"}
        prompt = prompt_of(user(text("u")), called("a"), output("a", "1"), aside)
        self.assertEqual((prompt.round, prompt.results), (1, ("1",)))

    def test_outputs_before_another_message_are_no_round(self) -> None:
        answer = {"type": "message", "role": "assistant", "content": []}
        for after in (answer, user(text("again")), called("b")):
            prompt = prompt_of(user(text("u")), called("a"), output("a", "1"), after)
            self.assertEqual((prompt.round, prompt.results), (0, ()))

    def test_tools_have_a_name_with_and_without_namespace(self) -> None:
        prompt = prompt_of(
            {"type": "additional_tools", "role": "developer", "tools": [{"type": "custom", "name": "exec"}]},
            tools=[
                {"type": "function", "name": "f"},
                {"type": "namespace", "name": "ns", "tools": [{"type": "function", "name": "g"}]},
                {"type": "web_search"},
            ],
        )
        self.assertEqual(prompt.echo.tools, ("f", "ns.g", "web_search", "exec"))
        self.assertEqual(prompt.tools["ns.g"], ScriptedTool("g", namespace="ns"))
        self.assertEqual(prompt.tools["g"], prompt.tools["ns.g"])
        self.assertTrue(prompt.tools["exec"].custom)

    def test_words_are_counted_in_messages_outputs_and_instructions(self) -> None:
        items = [user(text("one two")), called("a"), output("a", "three")]
        self.assertEqual(prompt_of(*items, instructions="four five six").words, 6)

    def test_the_digest_covers_contents_but_not_ids(self) -> None:
        first, second = ({"id": name, **user(text("same"))} for name in "ab")
        self.assertEqual(prompt_of(first).digest, prompt_of(second).digest)
        for other in (
            prompt_of(user(text("other"))),
            prompt_of(first, instructions="x"),
            prompt_of(first, first),
        ):
            self.assertNotEqual(prompt_of(first).digest, other.digest)

    def test_the_echo_is_one_line_of_json(self) -> None:
        members = {
            "tool_choice": "auto",
            "model": "m",
            "reasoning": {"effort": "low"},
            "text": {"verbosity": "low"},
        }
        echo = prompt_of(user(text("x\n")), instructions="i", tools=[{"type": "function", "name": "f"}], **members).echo
        line = echo.render()
        self.assertNotIn("\n", line)
        self.assertEqual(
            decode(line),
            {
                "instructions": "i",
                "input": [user(text("x\n"))],
                "tools": ["f"],
                "tool_choice": "auto",
                "model": "m",
                "effort": "low",
                "text": {"verbosity": "low"},
            },
        )


class ChatTests(SynchronousTestCase):
    def test_tool_messages_are_a_round(self) -> None:
        prompt = parse_chat(
            {
                "messages": [
                    {"role": "system", "content": "s"},
                    {"role": "user", "content": [{"type": "text", "text": "u"}, {"type": "image_url"}]},
                    {"role": "assistant", "content": None, "tool_calls": [{}]},
                    {"role": "tool", "tool_call_id": "a", "content": "1"},
                    {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}]},
                ]
            }
        )
        self.assertEqual((prompt.text, prompt.images, prompt.words), ("u", 1, 4))
        self.assertEqual((prompt.round, prompt.results), (1, ("1", "2")))

    def test_tools_may_be_nested_or_flat(self) -> None:
        nested = {"type": "function", "function": {"name": "f"}}
        custom = {"type": "custom", "custom": {"name": "c"}}
        flat = {"type": "custom", "name": "d"}
        prompt = parse_chat({"messages": [], "tools": [nested, custom, flat]})
        self.assertEqual(
            prompt.tools,
            {"f": ScriptedTool("f"), "c": ScriptedTool("c", True), "d": ScriptedTool("d", True)},
        )

    def test_the_echo_has_the_fields_of_the_dialect(self) -> None:
        body = {"messages": [], "reasoning_effort": "high", "response_format": {"type": "json_object"}}
        echo = decode(parse_chat(body).echo.render())
        self.assertEqual((echo["effort"], echo["text"]), ("high", {"type": "json_object"}))


class RobustnessTests(SynchronousTestCase):
    @given(BODIES)
    def test_any_object_is_parsed(self, body: dict[str, Json]) -> None:
        for read in (parse_responses, parse_chat):
            prompt = read(body)
            self.assertIsInstance(prompt.text, str)
            self.assertIsInstance(decode(prompt.echo.render()), dict)
