"""codexd.fronts.responses.storage_encoder: continuing a stored history equals sending it again."""

from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import ResponseItem
from pydantic import TypeAdapter
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.responses import objects
from codexd.fronts.responses.storage_encoder import build_stored_items
from codexd.fronts.responses.stored import render_item
from codexd.neutral.fault import fault
from codexd.neutral.reply import Reply, fold
from codexd.neutral.stored import LoadedHistory
from codexd.neutral.turn import Item, Message, Reasoning, TextPart, ToolCall, Turn
from codexd.wire.json import Json, decode
from tests.support import responses_turns
from tests.support.identities import RESPONSES_IDENTITY
from tests.support.responses_requests import decode_request, encode_turn
from tests.support.sentences import Sentence, broken_sentences, sentences
from tests.support.stored_responses import bodies, continue_from, history, stored_item, stored_response

ITEMS: TypeAdapter[Any] = TypeAdapter(ResponseItem)
STOPPED = Reply(items=(Message(role="assistant", parts=(TextPart("hello"),), phase=None, id="msg_out"),), finish="stop")


def nameless(items: tuple[Item, ...]) -> list[Item]:
    """Return items without their ids."""
    return [evolve(item, id=None) if hasattr(item, "id") else item for item in items]


def short(item: Json) -> Json:
    """Reduce an item to the members that OpenAI requires."""
    kept = {name: value for name, value in item.items() if value not in (None, "completed")}
    if kept["type"] != "message":
        return kept
    texts = [part.get("text") for part in kept["content"]]
    del kept["type"]
    return kept | {"content": texts[0]} if len(texts) == 1 and texts[0] is not None else kept


def by_hand(items: list[Json]) -> list[Json]:
    """Send items as a client with its own history does: incomplete calls and reasoning are left out."""
    found: list[Json] = []
    called: set[str] = set()
    for item in items:
        kind = item.get("type", "message")
        cut = item.get("status") in ("incomplete", "in_progress")
        if kind.endswith("_call_output") and item["call_id"] not in called:
            continue
        if cut and kind in ("function_call", "custom_tool_call", "tool_search_call", "reasoning"):
            continue
        if kind in ("function_call", "custom_tool_call", "tool_search_call"):
            called.add(item["call_id"])
        found.append(item)
    return found


class ContinuationTests(SynchronousTestCase):
    """Continuing equals sending the history again."""

    @settings(deadline=None)
    @given(
        responses_turns.turns(),
        sentences() | broken_sentences(begun=True),
        responses_turns.turns(),
        st.booleans(),
    )
    def test_continuing_gives_the_same_turn_as_sending_the_history_again(
        self, first: Turn, sentence: Sentence, second: Turn, in_short: bool
    ) -> None:
        before = encode_turn(first)
        if in_short:
            before["input"] = [short(item) for item in before["input"]]
        after = encode_turn(second)
        reply = fold(sentence)
        loaded = history(stored_response(reply, **before))
        said = [objects.build_item(item, include_encrypted=True) for item in reply.items]
        whole = by_hand(before["input"] + said) + after["input"]
        gone_on = continue_from(loaded, **after, previous_response_id="resp_5eed").turn
        replayed = decode_request(**after | {"input": whole}).turn
        self.assertEqual(nameless(gone_on.items), nameless(replayed.items))
        self.assertEqual(evolve(gone_on, items=()), evolve(replayed, items=()))

    @settings.get_profile("few")
    @given(responses_turns.turns(), responses_turns.turns(), responses_turns.turns())
    def test_a_chain_equals_one_response(self, first: Turn, second: Turn, third: Turn) -> None:
        asked = [encode_turn(turn) for turn in (first, second, third)]
        one = stored_response(STOPPED, **asked[0])
        storage = continue_from(history(one), **asked[1], previous_response_id=one.id).storage
        assert storage is not None
        two = storage.encode(STOPPED, RESPONSES_IDENTITY)
        self.assertEqual((two.previous, len(two.input)), (one.id, len(asked[1]["input"])))
        gone_on = continue_from(history(one, two), **asked[2], previous_response_id=two.id).turn
        said = [objects.build_item(item, include_encrypted=True) for item in STOPPED.items]
        whole = by_hand(asked[0]["input"] + said + asked[1]["input"] + said) + asked[2]["input"]
        self.assertEqual(nameless(gone_on.items), nameless(decode_request(**asked[2] | {"input": whole}).turn.items))

    def test_incomplete_calls_and_reasoning_are_left_out_and_messages_stay(self) -> None:
        cut = Reply(
            items=(
                Reasoning(summary=("a",), id="rs_1", complete=False),
                Message(role="assistant", parts=(TextPart("b"),), phase=None, id="msg_1", complete=False),
                ToolCall(call_id="call_1", name="f", arguments="{", id="fc_1", complete=False),
            ),
            fault=fault("child_died"),
        )
        asked = continue_from(history(stored_response(cut)), previous_response_id="resp_5eed").turn
        said = [item.role if isinstance(item, Message) else type(item) for item in asked.items]
        self.assertEqual(said, ["user", "assistant", "user"])


class EncodeTests(SynchronousTestCase):
    """The stored form of a response."""

    def test_it_has_its_owner_and_what_it_continues(self) -> None:
        plain = stored_response(STOPPED)
        self.assertEqual((plain.id, plain.owner, plain.created), ("resp_5eed", "someone", 1700000000))
        self.assertEqual((plain.previous, plain.conversation, plain.background), (None, None, False))
        self.assertEqual(stored_response(STOPPED, previous_response_id="resp_1").previous, "resp_1")
        self.assertEqual(stored_response(STOPPED, conversation={"id": "conv_1"}).conversation, "conv_1")
        self.assertTrue(stored_response(STOPPED, background=True).background)

    def test_a_response_of_a_conversation_has_its_position(self) -> None:
        storage = continue_from(LoadedHistory(position=7), conversation="conv_1").storage
        assert storage is not None
        self.assertEqual(storage.encode(STOPPED, RESPONSES_IDENTITY).position, 7)

    def test_each_state_has_its_status(self) -> None:
        cancelled = Reply(fault=fault("cancelled"))
        table = (
            ("queued", Reply(), "queued"),
            ("running", Reply(), "in_progress"),
            ("over", STOPPED, "completed"),
            ("over", evolve(STOPPED, finish="length"), "incomplete"),
            ("over", Reply(fault=fault("internal")), "failed"),
            ("over", cancelled, "cancelled"),
        )
        for state, reply, status in table:
            written = stored_response(reply, state)  # type: ignore[arg-type]
            body = decode(written.body)
            self.assertEqual((written.state, body["status"]), (state, status))
            self.assertEqual(body["completed_at"] is not None, status == "completed")
            self.assertEqual(body["error"] is not None, status == "failed")
            self.assertNotIn("output", body)

    def test_an_unfinished_item_of_a_running_response_is_in_progress(self) -> None:
        growing = Reply(
            items=(Message(role="assistant", parts=(TextPart("hel"),), phase=None, id="msg_1", complete=False),)
        )
        for state, status in (("running", "in_progress"), ("over", "incomplete")):
            (shown,) = bodies(stored_response(growing, state).output)  # type: ignore[arg-type]
            self.assertEqual(shown["status"], status)

    def test_encrypted_reasoning_is_always_stored(self) -> None:
        (output,) = bodies(
            stored_response(
                Reply(items=(Reasoning(summary=("a",), content=(), encrypted="sealed", id="rs_1"),), finish="stop")
            ).output
        )
        self.assertEqual(output["encrypted_content"], "sealed")


class ItemTests(SynchronousTestCase):
    """Input items as they are stored and shown."""

    def kept(self, *said: Json, taken: tuple[str, ...] = ()) -> list[Json]:
        return bodies(build_stored_items(said, "5eed", taken))

    def test_a_string_is_a_user_message(self) -> None:
        self.assertEqual(
            bodies(stored_response(STOPPED, input="hi").input),
            [
                {
                    "id": "msg_5eed0000",
                    "type": "message",
                    "status": "completed",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "hi"}],
                }
            ],
        )

    def test_each_type_has_its_prefix(self) -> None:
        said = (
            {"role": "user", "content": "a"},
            {"type": "reasoning", "summary": []},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "a"},
            {"type": "custom_tool_call", "call_id": "d", "name": "f", "input": "a"},
            {"type": "custom_tool_call_output", "call_id": "d", "output": "a"},
            {"type": "web_search_call"},
            {"type": "from_the_future"},
        )
        ids = [item["id"] for item in self.kept(*said)]
        prefixes = ("msg", "rs", "fc", "fco", "ctc", "ctco", "ws", "item")
        self.assertEqual(ids, [f"{prefix}_5eed{index:04x}" for index, prefix in enumerate(prefixes)])

    def test_an_id_from_the_client_stays_unless_it_is_taken(self) -> None:
        one = {"role": "user", "content": "a", "id": "msg_mine"}
        ids = [item["id"] for item in self.kept(one, one, one | {"id": "msg_old"}, taken=("msg_old",))]
        self.assertEqual(ids, ["msg_mine", "msg_5eed0001", "msg_5eed0002"])

    def test_an_invalid_id_is_replaced(self) -> None:
        for id in (None, "", 5, "m" * 257):
            self.assertEqual(self.kept({"role": "user", "content": "a", "id": id})[0]["id"], "msg_5eed0000")

    def test_a_reference_is_stored_as_its_item_with_its_own_id(self) -> None:
        named = stored_item(id="msg_1", type="message", status="completed", role="user", content=[])
        storage = continue_from(LoadedHistory(items={"msg_1": named}), input=[{"id": "msg_1"}]).storage
        assert storage is not None
        self.assertEqual(bodies(storage.encode(STOPPED, RESPONSES_IDENTITY).input), [decode(named.body)])

    def test_a_new_item_never_has_the_id_of_one_in_the_history(self) -> None:
        old = stored_item(id="msg_1", type="message", role="user", content="a")
        said = [{"role": "user", "content": "b", "id": "msg_1"}]
        storage = continue_from(LoadedHistory((old,)), conversation="conv_1", input=said).storage
        assert storage is not None
        self.assertEqual([item.id for item in storage.encode(STOPPED, RESPONSES_IDENTITY).input], ["msg_5eed0000"])

    def test_the_members_that_openais_types_require_are_present(self) -> None:
        said, thought = self.kept({"role": "assistant", "content": "a"}, {"type": "reasoning"})
        self.assertEqual(said["content"], [{"annotations": [], "logprobs": [], "type": "output_text", "text": "a"}])
        self.assertEqual(thought["summary"], [])

    def test_unknown_members_and_the_status_stay(self) -> None:
        (shown,) = self.kept({"role": "assistant", "content": [], "status": "incomplete", "future": {"a": 1}})
        self.assertEqual((shown["status"], shown["future"]), ("incomplete", {"a": 1}))

    def test_null_members_are_removed_and_unknown_shapes_stay(self) -> None:
        image = {"type": "input_image", "image_url": "https://a.org", "detail": None}
        message, strange = self.kept(
            {"role": "user", "content": [image], "phase": None},
            {"type": "future", "output": ["a", {"b": None}], "content": None},
        )
        self.assertNotIn("phase", message)
        self.assertEqual(message["content"], [{"type": "input_image", "image_url": "https://a.org"}])
        self.assertEqual((strange["output"], "content" in strange), (["a", {}], False))

    @given(responses_turns.turns(), st.booleans())
    def test_every_stored_item_of_openais_types_is_valid_by_them(self, asked: Turn, in_short: bool) -> None:
        said = [item for item in map(as_typed, encode_turn(asked)["input"]) if has_type(item)]
        for item in build_stored_items([short(one) for one in said] if in_short else said, "5eed"):
            ITEMS.validate_json(render_item(item), strict=True)


def as_typed(item: Json) -> Json:
    """Convert an item to OpenAI's types: assistant content is output."""
    if item.get("role") != "assistant":
        return item
    words = {"input_text": "output_text"}
    content = [part | {"type": words.get(part["type"], part["type"])} for part in item["content"]]
    return item | {"content": content}


def has_type(item: Json) -> bool:
    """Return whether OpenAI's types cover an item: content in its own role, and complete searches."""
    if item["type"] == "web_search_call":
        return False
    spoken = ("output_text", "refusal") if item.get("role") == "assistant" else ("input_text", "input_image")
    held = item.get("content", ()) if item["type"] == "message" else item.get("output", ())
    return all(part["type"] in spoken for part in held or ())
