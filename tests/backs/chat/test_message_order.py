"""Tests of codexd.backs.chat.message_order, over whole encoded histories."""

from itertools import pairwise
from typing import Any

from attrs import evolve
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.backs.chat.messages import encode_messages
from codexd.backs.chat.tool_names import ToolNames
from codexd.neutral.turn import ImagePart, Item, Message, Reasoning, Role, TextPart, ToolCall, ToolResult, Turn
from tests.support.chat_turns import turns

IMAGE = ImagePart("https://example.org/a.png")
STRICT = ServerCapabilities(merge_messages=True, reasoning="reasoning_content")


def said(role: Role, *texts: str) -> Message:
    return Message(role=role, parts=tuple(TextPart(text) for text in texts))


def written(*items: Item, capabilities: ServerCapabilities | None = None, instructions: str | None = None) -> list[Any]:
    turn = Turn(model="m", items=items, instructions=instructions)
    return encode_messages(turn, ToolNames(), capabilities or ServerCapabilities())


def shape(messages: list[Any]) -> list[tuple[str, Any]]:
    return [(one["role"], one["content"]) for one in messages]


class SystemMessageTests(SynchronousTestCase):
    def test_all_system_messages_are_the_first_message_in_their_order(self) -> None:
        items = (said("developer", "b"), said("user", "hi"), said("system", "c", "d"), said("assistant", "yes"))
        merged = [("system", "a\n\nb\n\nc\nd"), ("user", "hi"), ("assistant", "yes")]
        self.assertEqual(shape(written(*items, instructions="a")), merged)
        self.assertEqual(
            written(*items, instructions="a", capabilities=ServerCapabilities(developer_role=True))[0]["role"],
            "developer",
        )

    def test_a_single_system_message_moves_to_the_beginning(self) -> None:
        self.assertEqual(shape(written(said("user", "hi"), said("system", "a"))), [("system", "a"), ("user", "hi")])

    def test_other_parts_of_system_messages_are_kept(self) -> None:
        shown = Message(role="system", parts=(TextPart("b"), IMAGE))
        (merged,) = written(said("system", "a"), shown, said("system", ""))
        self.assertEqual([one["type"] for one in merged["content"]], ["text", "text", "image_url"])

    def test_they_stay_apart_if_the_server_accepts_that(self) -> None:
        apart = ServerCapabilities(merge_system=False)
        found = written(said("user", "hi"), said("system", "b"), instructions="a", capabilities=apart)
        self.assertEqual(shape(found), [("system", "a"), ("user", "hi"), ("system", "b")])

    @settings.get_profile("few")
    @given(turns())
    def test_no_text_is_lost_and_the_first_message_alone_is_a_system_message(self, turn: Turn) -> None:
        capabilities = ServerCapabilities(audio=True, files=True)
        apart = encode_messages(turn, ToolNames(turn.tools), evolve(capabilities, merge_system=False))
        merged = encode_messages(turn, ToolNames(turn.tools), capabilities)
        system = [one["content"] for one in apart if one["role"] == "system"]
        self.assertEqual(
            [one for one in apart if one["role"] != "system"], [one for one in merged if one["role"] != "system"]
        )
        self.assertEqual([one["role"] for one in merged].count("system"), 1 if system else 0)
        if system:
            self.assertEqual(merged[0]["role"], "system")
            self.assertEqual(all_text(merged[:1]), "".join(all_text([{"content": one}]) for one in system))


def all_text(messages: list[Any]) -> str:
    found = []
    for message in messages:
        content = message["content"]
        parts = [{"text": content}] if isinstance(content, str) else content
        found += [part.get("text", "") for part in parts]
    return "".join(found).replace("\n", "")


class ConsecutiveMessageTests(SynchronousTestCase):
    def test_messages_of_one_role_are_merged(self) -> None:
        items = (
            said("user", "a"),
            said("user", "b"),
            said("assistant", "c"),
            said("assistant", "d"),
            said("user", "e"),
        )
        merged = [("user", "a\n\nb"), ("assistant", "c\n\nd"), ("user", "e")]
        self.assertEqual(shape(written(*items, capabilities=STRICT)), merged)
        self.assertEqual(len(written(*items)), 5)

    def test_images_are_kept(self) -> None:
        shown = Message(role="user", parts=(IMAGE,))
        (merged,) = written(said("user", "a"), shown, capabilities=STRICT)
        self.assertEqual([one["type"] for one in merged["content"]], ["text", "image_url"])

    def test_calls_and_reasoning_are_kept(self) -> None:
        calls = [ToolCall(call_id=id, name="f", arguments="{}") for id in "12"]
        thoughts = [Reasoning(content=(text,)) for text in "xy"]
        items = (thoughts[0], said("assistant", "a"), thoughts[1], said("assistant", "b"), *calls)
        (merged,) = written(*items, capabilities=STRICT)
        self.assertEqual((merged["content"], merged["reasoning_content"]), ("a\n\nb", "x\n\ny"))
        self.assertEqual([one["id"] for one in merged["tool_calls"]], ["1", "2"])

    def test_tool_results_stay_separate(self) -> None:
        calls = [ToolCall(call_id=id, name="f", arguments="{}") for id in "12"]
        results = [ToolResult(id, (TextPart(id),)) for id in "12"]
        found = written(*calls, *results, capabilities=STRICT)
        self.assertEqual(shape(found), [("assistant", None), ("tool", "1"), ("tool", "2")])

    @settings.get_profile("few")
    @given(turns())
    def test_no_two_neighbours_have_the_same_role(self, turn: Turn) -> None:
        capabilities = evolve(STRICT, audio=True, files=True)
        roles = [one["role"] for one in encode_messages(turn, ToolNames(turn.tools), capabilities)]
        pairs = [pair for pair in pairwise(roles) if pair[0] == pair[1]]
        self.assertEqual([pair for pair in pairs if pair != ("tool", "tool")], [])
