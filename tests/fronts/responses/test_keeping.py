"""codexd.fronts.responses.keeping: to go on from what was kept is to send the whole of it again."""

from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import ResponseItem
from pydantic import TypeAdapter
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.responses import answer
from codexd.fronts.responses.keeping import kept_items
from codexd.fronts.responses.kept import item as shown
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.kept import Recalled
from codexd.neutral.reply import Reply, fold
from codexd.neutral.turn import Item, Message, Reasoning, TextPart, ToolCall, Turn
from codexd.wire.json import Json, decode
from tests.support import responses_turns
from tests.support.responses_requests import as_request, ask
from tests.support.responses_state import STAMP, bodies, go_on, history, kept, kept_item
from tests.support.sentences import broken_sentences, sentences

ITEMS: TypeAdapter[Any] = TypeAdapter(ResponseItem)
STOPPED = Reply((Message("assistant", (TextPart("hello"),), None, "msg_out"),), "stop")

Sentence = tuple[e.Event, ...]


def nameless(items: tuple[Item, ...]) -> list[Item]:
    """Give items without their ids."""
    return [evolve(item, id=None) if hasattr(item, "id") else item for item in items]


def short(item: Json) -> Json:
    """Say an item in as few words as OpenAI allows."""
    kept = {name: value for name, value in item.items() if value not in (None, "completed")}
    if kept["type"] != "message":
        return kept
    texts = [part.get("text") for part in kept["content"]]
    del kept["type"]
    return kept | {"content": texts[0]} if len(texts) == 1 and texts[0] is not None else kept


def by_hand(items: list[Json]) -> list[Json]:
    """Send items again as a client does that keeps its own history: calls and thoughts cut short are none."""
    found: list[Json] = []
    called: set[str] = set()
    for item in items:
        kind = item.get("type", "message")
        cut = item.get("status") in ("incomplete", "in_progress")
        if kind.endswith("_call_output") and item["call_id"] not in called:
            continue
        if cut and kind in ("function_call", "custom_tool_call", "reasoning"):
            continue
        if kind in ("function_call", "custom_tool_call"):
            called.add(item["call_id"])
        found.append(item)
    return found


class ReplayTests(SynchronousTestCase):
    """Continuing is replaying."""

    @settings(deadline=None)
    @given(
        responses_turns.turns(),
        sentences() | broken_sentences(begun=True),
        responses_turns.turns(),
        st.booleans(),
    )
    def test_going_on_asks_the_same_as_sending_all_of_it_again(
        self, first: Turn, sentence: Sentence, second: Turn, in_short: bool
    ) -> None:
        before = as_request(first)
        if in_short:
            before["input"] = [short(item) for item in before["input"]]
        after = as_request(second)
        reply = fold(sentence)
        recalled = history(kept(reply, **before))
        said = [answer.item(item, sealed=True) for item in reply.items]
        whole = by_hand(before["input"] + said) + after["input"]
        gone_on = go_on(recalled, **after, previous_response_id="resp_5eed").turn
        replayed = ask(**after | {"input": whole}).turn
        self.assertEqual(nameless(gone_on.items), nameless(replayed.items))
        self.assertEqual(evolve(gone_on, items=()), evolve(replayed, items=()))

    @settings(deadline=None, max_examples=30)
    @given(responses_turns.turns(), responses_turns.turns(), responses_turns.turns())
    def test_a_chain_is_as_good_as_one_answer(self, first: Turn, second: Turn, third: Turn) -> None:
        asked = [as_request(turn) for turn in (first, second, third)]
        one = kept(STOPPED, **asked[0])
        keeping = go_on(history(one), **asked[1], previous_response_id=one.id).keeping
        assert keeping is not None
        two = keeping.write(STOPPED, STAMP)
        self.assertEqual((two.previous, len(two.input)), (one.id, len(asked[1]["input"])))
        gone_on = go_on(history(one, two), **asked[2], previous_response_id=two.id).turn
        said = [answer.item(item, sealed=True) for item in STOPPED.items]
        whole = by_hand(asked[0]["input"] + said + asked[1]["input"] + said) + asked[2]["input"]
        self.assertEqual(nameless(gone_on.items), nameless(ask(**asked[2] | {"input": whole}).turn.items))

    def test_a_call_and_a_thought_cut_short_are_none_and_a_message_stays(self) -> None:
        cut = Reply(
            (
                Reasoning(("a",), id="rs_1", complete=False),
                Message("assistant", (TextPart("b"),), None, "msg_1", False),
                ToolCall("call_1", "f", "{", id="fc_1", complete=False),
            ),
            fault=fault("child_died"),
        )
        asked = go_on(history(kept(cut)), previous_response_id="resp_5eed").turn
        said = [item.role if isinstance(item, Message) else type(item) for item in asked.items]
        self.assertEqual(said, ["user", "assistant", "user"])


class WriteTests(SynchronousTestCase):
    """What is written down of an answer."""

    def test_it_says_whose_it_is_and_what_it_goes_on_from(self) -> None:
        plain = kept(STOPPED)
        self.assertEqual((plain.id, plain.owner, plain.created), ("resp_5eed", "someone", 1700000000))
        self.assertEqual((plain.previous, plain.conversation, plain.background), (None, None, False))
        self.assertEqual(kept(STOPPED, previous_response_id="resp_1").previous, "resp_1")
        self.assertEqual(kept(STOPPED, conversation={"id": "conv_1"}).conversation, "conv_1")
        self.assertTrue(kept(STOPPED, background=True).background)

    def test_an_answer_of_a_conversation_remembers_how_far_that_had_come(self) -> None:
        keeping = go_on(Recalled(seen=7), conversation="conv_1").keeping
        assert keeping is not None
        self.assertEqual(keeping.write(STOPPED, STAMP).seen, 7)

    def test_each_standing_has_its_status(self) -> None:
        cancelled = Reply(fault=fault("cancelled"))
        table = (
            ("queued", Reply(), "queued"),
            ("running", Reply(), "in_progress"),
            ("over", STOPPED, "completed"),
            ("over", evolve(STOPPED, finish="length"), "incomplete"),
            ("over", Reply(fault=fault("internal")), "failed"),
            ("over", cancelled, "cancelled"),
        )
        for standing, reply, status in table:
            written = kept(reply, standing)  # type: ignore[arg-type]
            body = decode(written.body)
            self.assertEqual((written.standing, body["status"]), (standing, status))
            self.assertEqual(body["completed_at"] is not None, status == "completed")
            self.assertEqual(body["error"] is not None, status == "failed")
            self.assertNotIn("output", body)

    def test_an_item_that_still_grows_is_not_cut(self) -> None:
        growing = Reply((Message("assistant", (TextPart("hel"),), None, "msg_1", False),))
        for standing, status in (("running", "in_progress"), ("over", "incomplete")):
            (shown,) = bodies(kept(growing, standing).output)  # type: ignore[arg-type]
            self.assertEqual(shown["status"], status)

    def test_sealed_thoughts_are_kept_though_nobody_asked_to_see_them(self) -> None:
        (output,) = bodies(kept(Reply((Reasoning(("a",), (), "sealed", "rs_1"),), "stop")).output)
        self.assertEqual(output["encrypted_content"], "sealed")


class ItemTests(SynchronousTestCase):
    """Input items as they are kept and shown."""

    def kept(self, *said: Json, taken: tuple[str, ...] = ()) -> list[Json]:
        return bodies(kept_items(said, "5eed", taken))

    def test_a_text_is_a_users_message(self) -> None:
        self.assertEqual(
            bodies(kept(STOPPED, input="hi").input),
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

    def test_an_id_that_the_client_gave_stays_unless_it_is_another_items(self) -> None:
        one = {"role": "user", "content": "a", "id": "msg_mine"}
        ids = [item["id"] for item in self.kept(one, one, one | {"id": "msg_old"}, taken=("msg_old",))]
        self.assertEqual(ids, ["msg_mine", "msg_5eed0001", "msg_5eed0002"])

    def test_what_is_no_id_is_not_taken_for_one(self) -> None:
        for id in (None, "", 5, "m" * 257):
            self.assertEqual(self.kept({"role": "user", "content": "a", "id": id})[0]["id"], "msg_5eed0000")

    def test_a_reference_is_kept_as_its_item_under_its_own_id(self) -> None:
        named = kept_item(id="msg_1", type="message", status="completed", role="user", content=[])
        keeping = go_on(Recalled(items={"msg_1": named}), input=[{"id": "msg_1"}]).keeping
        assert keeping is not None
        self.assertEqual(bodies(keeping.write(STOPPED, STAMP).input), [decode(named.body)])

    def test_an_item_of_the_history_is_not_taken_for_a_new_one(self) -> None:
        old = kept_item(id="msg_1", type="message", role="user", content="a")
        said = [{"role": "user", "content": "b", "id": "msg_1"}]
        keeping = go_on(Recalled((old,)), conversation="conv_1", input=said).keeping
        assert keeping is not None
        self.assertEqual([item.id for item in keeping.write(STOPPED, STAMP).input], ["msg_5eed0000"])

    def test_what_openais_types_want_is_there(self) -> None:
        said, thought = self.kept({"role": "assistant", "content": "a"}, {"type": "reasoning"})
        self.assertEqual(said["content"], [{"annotations": [], "type": "output_text", "text": "a"}])
        self.assertEqual(thought["summary"], [])

    def test_members_nobody_knows_and_the_status_stay(self) -> None:
        (shown,) = self.kept({"role": "assistant", "content": [], "status": "incomplete", "future": {"a": 1}})
        self.assertEqual((shown["status"], shown["future"]), ("incomplete", {"a": 1}))

    def test_null_is_not_kept_and_what_is_not_understood_is(self) -> None:
        image = {"type": "input_image", "image_url": "https://a.org", "detail": None}
        message, strange = self.kept(
            {"role": "user", "content": [image], "phase": None},
            {"type": "future", "output": ["a", {"b": None}], "content": None},
        )
        self.assertNotIn("phase", message)
        self.assertEqual(message["content"], [{"type": "input_image", "image_url": "https://a.org"}])
        self.assertEqual((strange["output"], "content" in strange), (["a", {}], False))

    @given(responses_turns.turns(), st.booleans())
    def test_every_kept_item_of_openais_types_is_valid_by_them(self, asked: Turn, in_short: bool) -> None:
        said = [item for item in map(as_typed, as_request(asked)["input"]) if has_type(item)]
        for item in kept_items([short(one) for one in said] if in_short else said, "5eed"):
            ITEMS.validate_json(shown(item), strict=True)


def as_typed(item: Json) -> Json:
    """Say an item in the words of OpenAI's types: what an assistant says is output."""
    if item.get("role") != "assistant":
        return item
    words = {"input_text": "output_text"}
    content = [part | {"type": words.get(part["type"], part["type"])} for part in item["content"]]
    return item | {"content": content}


def has_type(item: Json) -> bool:
    """Tell whether OpenAI's types know an item: what a user says in its place, and whole searches."""
    if item["type"] == "web_search_call":
        return False
    spoken = ("output_text", "refusal") if item.get("role") == "assistant" else ("input_text", "input_image")
    held = item.get("content", ()) if item["type"] == "message" else item.get("output", ())
    return all(part["type"] in spoken for part in held or ())
