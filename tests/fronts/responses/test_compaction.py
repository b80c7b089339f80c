from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import CompactedResponse, ResponseCompactionItem
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import responses
from codexd.fronts.dialect import RequestOptions
from codexd.fronts.json_fields import Fields
from codexd.fronts.responses import objects
from codexd.fronts.responses.compaction import encode_content, parse_compaction
from codexd.neutral.event import Usage
from codexd.neutral.fault import Fault, FaultError
from codexd.neutral.reply import Reply
from codexd.neutral.stored import LoadedHistory, StoredItem
from codexd.neutral.turn import Compaction, CompactionRequest, Item, Message, Turn
from codexd.wire import json
from tests.support.identities import RESPONSES_IDENTITY

OPTIONS = RequestOptions(principal="p")


def decode(**fields: Any) -> Turn:
    body = json.encode({"model": "m", "input": "hi"} | fields)
    return responses.decode_pending(body, OPTIONS).complete(LoadedHistory()).turn


def refusal(**fields: Any) -> Fault:
    try:
        decode(**fields)
    except FaultError as error:
        return error.fault
    raise AssertionError("accepted")


def compaction(summary: str = "s", replaces_history: bool = False) -> dict[str, Any]:
    item = Compaction(summary=summary, replaces_history=replaces_history, id="cmp_1")
    found: dict[str, Any] = json.decode(json.encode(objects.build_item(item, False)))
    return found


def texts(items: tuple[Item, ...]) -> list[str]:
    return [item.parts[0].text if isinstance(item, Message) else type(item).__name__ for item in items]  # type: ignore[union-attr]


class ContentTests(SynchronousTestCase):
    @given(st.text(), st.booleans())
    def test_an_item_that_is_sent_back_is_the_same_item(self, summary: str, replaces_history: bool) -> None:
        shown = compaction(summary, replaces_history)
        ResponseCompactionItem.model_validate(shown, strict=True)
        expected = Compaction(summary=summary, replaces_history=replaces_history, id="cmp_1")
        self.assertEqual(parse_compaction(Fields(shown)), expected)

    @given(st.text() | st.text().map("codexd-summary-1.{}".format))
    def test_content_of_another_server_is_kept(self, content: str) -> None:
        item = parse_compaction(Fields({"type": "compaction", "encrypted_content": content}))
        self.assertEqual((item.summary, encode_content(item)), (None, content))

    def test_content_is_required(self) -> None:
        wrong = refusal(input=[{"type": "compaction"}])
        self.assertEqual((wrong.kind, wrong.param), ("missing", "input[0].encrypted_content"))


class IntakeTests(SynchronousTestCase):
    def test_a_trigger_asks_for_a_compaction_and_is_no_item(self) -> None:
        turn = decode(input=[{"role": "user", "content": "hi"}, {"type": "compaction_trigger"}])
        self.assertEqual((texts(turn.items), turn.compaction), (["hi"], CompactionRequest()))

    def test_a_trigger_must_be_last(self) -> None:
        wrong = refusal(input=[{"type": "compaction_trigger"}, {"role": "user", "content": "hi"}])
        self.assertEqual((wrong.kind, wrong.param), ("wrong_value", "input[0]"))

    def test_context_management_sets_the_threshold(self) -> None:
        asked = [{"type": "compaction", "compact_threshold": 2000}]
        self.assertEqual(decode(context_management=asked).compaction, CompactionRequest(2000))
        self.assertEqual(decode(context_management=[{"type": "compaction"}]).compaction, CompactionRequest(100_000))
        self.assertIsNone(decode(context_management=[]).compaction)
        for wrong, param in (
            ([{"type": "clear"}], "context_management[0].type"),
            ([{"type": "compaction", "compact_threshold": 1}], "context_management[0].compact_threshold"),
            ("compaction", "context_management"),
        ):
            self.assertEqual(refusal(context_management=wrong).param, param)

    def test_items_before_a_compaction_stay_unless_it_replaces_them(self) -> None:
        rules, old, new = ({"role": role, "content": text} for role, text in
                           (("developer", "rules"), ("user", "old"), ("user", "new")))  # fmt: skip
        kept = decode(input=[rules, old, compaction(), new])
        self.assertEqual(texts(kept.items), ["rules", "old", "Compaction", "new"])
        dropped = decode(input=[rules, old, compaction(replaces_history=True), new])
        self.assertEqual(texts(dropped.items), ["rules", "Compaction", "new"])


class CompactRequestTests(SynchronousTestCase):
    def decoded(self, loaded: LoadedHistory | None = None, **fields: Any) -> Any:
        body = json.encode({"model": "m"} | fields)
        return responses.decode_compact_request(body, OPTIONS).complete(loaded or LoadedHistory())

    def test_the_response_is_the_user_messages_and_one_compaction(self) -> None:
        decoded = self.decoded(
            input=[
                {"role": "user", "content": "one"},
                {"role": "assistant", "content": "two"},
                {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AA=="}]},
            ]
        )
        self.assertEqual((decoded.stream, decoded.storage, decoded.turn.compaction), (False, None, CompactionRequest()))
        reply = Reply(items=(Compaction(summary="s", id="cmp_1"),), finish="stop", usage=Usage(input_tokens=3))
        body = json.decode(decoded.render((reply,), RESPONSES_IDENTITY))
        CompactedResponse.construct(**body)
        self.assertEqual([item["type"] for item in body["output"]], ["message", "message", "compaction"])
        self.assertEqual((body["object"], body["usage"]["input_tokens"]), ("response.compaction", 3))
        self.assertEqual(body["output"][1]["content"][0]["image_url"], "data:image/png;base64,AA==")

    def test_the_response_is_the_beginning_of_the_next_request(self) -> None:
        decoded = self.decoded(input="one")
        reply = Reply(items=(Compaction(summary="s", id="cmp_1"),), finish="stop")
        output = json.decode(decoded.render((reply,), RESPONSES_IDENTITY))["output"]
        self.assertEqual(texts(decode(input=[*output, {"role": "user", "content": "next"}]).items),
                         ["one", "Compaction", "next"])  # fmt: skip

    def test_the_stored_history_counts(self) -> None:
        stored = StoredItem("msg_1", json.encode({"type": "message", "role": "user", "content": "before"}))
        decoded = self.decoded(LoadedHistory(history=(stored,)), previous_response_id="resp_1")
        self.assertEqual([message["content"] for message in decoded.user_messages], ["before"])

    def test_it_is_neither_stored_nor_streamed_nor_in_the_background(self) -> None:
        decoded = self.decoded(input="hi", store=True, stream=True, background=True)
        self.assertEqual((decoded.stream, decoded.storage), (False, None))
