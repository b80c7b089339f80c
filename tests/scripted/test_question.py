"""What the scripted model is asked, in either dialect."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.scripted.question import Question, Tool, from_chat, from_responses
from codexd.wire.json import Json, decode


def user(*parts: Json) -> Json:
    return {"type": "message", "role": "user", "content": list(parts)}


def text(value: str) -> Json:
    return {"type": "input_text", "text": value}


def called(name: str) -> Json:
    return {"type": "function_call", "call_id": name, "name": name, "arguments": "{}"}


def output(call_id: str, value: Json) -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": value}


def asked(*items: Json, **members: Json) -> Question:
    return from_responses({"input": list(items), **members})


class LimitTests(SynchronousTestCase):
    def test_what_limits_an_answer_is_read_from_either_dialect(self) -> None:
        self.assertEqual(asked(max_output_tokens=3).most_tokens, 3)
        for name in ("max_tokens", "max_completion_tokens"):
            self.assertEqual(from_chat({name: 3}).most_tokens, 3)
        self.assertIsNone(from_chat({"max_tokens": "3"}).most_tokens)

    def test_tools_that_must_not_be_called_are_none(self) -> None:
        tools: list[Json] = [{"type": "function", "name": "f", "function": {"name": "f"}}]
        for choice, offered in (("auto", {"f"}), ("none", set())):
            for question in (
                asked(tools=tools, tool_choice=choice),
                from_chat({"tools": tools, "tool_choice": choice}),
            ):
                self.assertEqual(set(question.tools), offered)

    def test_a_stop_sequence_may_be_one_or_several(self) -> None:
        for stop, stops in (("a", ("a",)), (["a", "b"], ("a", "b")), (["", 1], ()), (None, ())):
            self.assertEqual(from_chat({"stop": stop}).stops, stops)


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
        self.assertEqual(from_responses({"input": "hi"}).text, "hi")

    def test_the_last_user_message_counts_with_its_text_parts_joined_and_its_images_counted(self) -> None:
        image = {"type": "input_image", "image_url": "data:,"}
        question = asked(user(text("old")), user(text("a"), image, text("b"), image))
        self.assertEqual((question.text, question.images), ("ab", 2))

    def test_the_last_run_of_outputs_is_the_last_round(self) -> None:
        items = [
            user(text("u")),
            called("a"),
            called("b"),
            output("a", "1"),
            output("b", [text("2"), text("3")]),
        ]
        question = asked(*items)
        self.assertEqual((question.round, question.results), (1, ("1", "23")))
        custom = {"type": "custom_tool_call_output", "call_id": "c", "output": "4"}
        question = asked(*items, called("c"), custom)
        self.assertEqual((question.round, question.results), (2, ("4",)))

    def test_a_developer_message_after_the_outputs_changes_nothing(self) -> None:
        aside = {"type": "message", "role": "developer", "content": "note"}
        question = asked(user(text("u")), called("a"), output("a", "1"), aside)
        self.assertEqual((question.round, question.results), (1, ("1",)))

    def test_outputs_that_were_answered_or_asked_past_are_no_round(self) -> None:
        answer = {"type": "message", "role": "assistant", "content": []}
        for after in (answer, user(text("again")), called("b")):
            question = asked(user(text("u")), called("a"), output("a", "1"), after)
            self.assertEqual((question.round, question.results), (0, ()))

    def test_tools_are_known_by_name_and_by_namespace(self) -> None:
        question = asked(
            {"type": "additional_tools", "role": "developer", "tools": [{"type": "custom", "name": "exec"}]},
            tools=[
                {"type": "function", "name": "f"},
                {"type": "namespace", "name": "ns", "tools": [{"type": "function", "name": "g"}]},
                {"type": "web_search"},
            ],
        )
        self.assertEqual(question.seen.tools, ("f", "ns.g", "web_search", "exec"))
        self.assertEqual(question.tools["ns.g"], Tool("g", namespace="ns"))
        self.assertEqual(question.tools["g"], question.tools["ns.g"])
        self.assertTrue(question.tools["exec"].custom)

    def test_words_are_counted_in_messages_outputs_and_instructions(self) -> None:
        items = [user(text("one two")), called("a"), output("a", "three")]
        self.assertEqual(asked(*items, instructions="four five six").words, 6)

    def test_the_digest_is_of_what_was_said_and_not_of_ids(self) -> None:
        first, second = ({"id": name, **user(text("same"))} for name in "ab")
        self.assertEqual(asked(first).digest, asked(second).digest)
        for other in (asked(user(text("other"))), asked(first, instructions="x"), asked(first, first)):
            self.assertNotEqual(asked(first).digest, other.digest)

    def test_what_was_seen_is_one_line_of_json(self) -> None:
        members = {
            "tool_choice": "auto",
            "model": "m",
            "reasoning": {"effort": "low"},
            "text": {"verbosity": "low"},
        }
        seen = asked(
            user(text("x\n")), instructions="i", tools=[{"type": "function", "name": "f"}], **members
        ).seen
        line = seen.render()
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
        question = from_chat(
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
        self.assertEqual((question.text, question.images, question.words), ("u", 1, 4))
        self.assertEqual((question.round, question.results), (1, ("1", "2")))

    def test_tools_may_be_nested_or_flat(self) -> None:
        nested = {"type": "function", "function": {"name": "f"}}
        custom = {"type": "custom", "custom": {"name": "c"}}
        flat = {"type": "custom", "name": "d"}
        question = from_chat({"messages": [], "tools": [nested, custom, flat]})
        self.assertEqual(question.tools, {"f": Tool("f"), "c": Tool("c", True), "d": Tool("d", True)})

    def test_what_was_seen_has_the_fields_of_the_dialect(self) -> None:
        body = {"messages": [], "reasoning_effort": "high", "response_format": {"type": "json_object"}}
        seen = decode(from_chat(body).seen.render())
        self.assertEqual((seen["effort"], seen["text"]), ("high", {"type": "json_object"}))


class GarbageTests(SynchronousTestCase):
    @given(BODIES)
    def test_any_object_is_read(self, body: dict[str, Json]) -> None:
        for read in (from_responses, from_chat):
            question = read(body)
            self.assertIsInstance(question.text, str)
            self.assertIsInstance(decode(question.seen.render()), dict)
