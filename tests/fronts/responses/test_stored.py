"""codexd.fronts.responses.stored: stored responses are shown as the client got them."""

from typing import Any

from hypothesis import given
from openai.types.responses import Response
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import responses
from codexd.fronts.responses import stored as k
from codexd.fronts.responses.stored import ENCRYPTED_REASONING
from codexd.neutral.reply import Reply, fold
from codexd.neutral.turn import Message, Reasoning, TextPart
from codexd.wire.json import decode
from tests.support.framing import build_folding_encoder
from tests.support.identities import RESPONSES_IDENTITY
from tests.support.responses_requests import decode_request
from tests.support.sentences import Sentence, broken_sentences, sentences
from tests.support.stored_responses import stored_item, stored_response

SEALING = Reply(
    items=(
        Reasoning(summary=("a",), content=(), encrypted="sealed", id="rs_1"),
        Message(role="assistant", parts=(TextPart("hi"),), phase=None, id="msg_1"),
    ),
    finish="stop",
)


class RenderStoredTests(SynchronousTestCase):
    """Law 3, over time: stream, body and stored response agree."""

    def same(self, sentence: Sentence, include: list[str]) -> None:
        decoded = decode_request(include=include, metadata={"a": "b"})
        storage = decoded.storage
        assert storage is not None
        reply = fold(sentence)
        shown = responses.render_stored(storage.encode(reply, RESPONSES_IDENTITY), include)
        self.assertEqual(shown, decoded.render((reply,), RESPONSES_IDENTITY))
        encoder = build_folding_encoder(decoded, RESPONSES_IDENTITY)
        *_, (_, last) = (one for event in sentence for one in encoder.feed(event))
        self.assertIn(b',"response":' + shown + b',"sequence_number"', last)
        self.assertEqual(decode(shown), decode(last)["response"])

    @given(sentences() | broken_sentences())
    def test_it_equals_the_clients_response_byte_for_byte(self, sentence: Sentence) -> None:
        self.same(sentence, [])
        self.same(sentence, [ENCRYPTED_REASONING])

    @given(sentences() | broken_sentences())
    def test_include_of_the_retrieval_decides_about_encrypted_reasoning(self, sentence: Sentence) -> None:
        reply = fold(sentence)
        for include in ([], [ENCRYPTED_REASONING]):
            other = decode_request(include=include).render((reply,), RESPONSES_IDENTITY)
            self.assertEqual(
                responses.render_stored(stored_response(reply, include=[ENCRYPTED_REASONING]), include), other
            )
            self.assertEqual(responses.render_stored(stored_response(reply), include), other)

    def test_encrypted_reasoning_is_shown_only_on_request(self) -> None:
        self.assertNotIn(b"sealed", responses.render_stored(stored_response(SEALING)))
        self.assertNotIn(b"sealed", responses.render_stored(stored_response(SEALING), ["web_search_call.results"]))
        self.assertIn(
            b'"encrypted_content":"sealed"', responses.render_stored(stored_response(SEALING), [ENCRYPTED_REASONING])
        )

    def test_an_unfinished_response_is_shown_in_its_current_state(self) -> None:
        shown = decode(responses.render_stored(stored_response(Reply(), "queued", background=True)))
        self.assertEqual((shown["status"], shown["output"], shown["background"]), ("queued", [], True))
        Response.model_validate(shown, strict=True)


class ItemTests(SynchronousTestCase):
    """Render one item."""

    def shown(self, include: tuple[str, ...] = (), **body: Any) -> Any:
        return decode(k.render_item(stored_item(**body), include))

    def test_a_text_that_mentions_encrypted_content_is_unchanged(self) -> None:
        said = {"type": "input_text", "text": 'say "encrypted_content"'}
        body = {"id": "msg_1", "type": "message", "encrypted_content": "mine", "content": [said]}
        self.assertEqual(self.shown(**body), body)

    def test_images_are_shown_with_their_detail(self) -> None:
        image = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
        table = ((image, "auto"), (image | {"detail": None}, "auto"), (image | {"detail": "low"}, "low"))
        for said, detail in table:
            for held in ("content", "output"):
                shown = self.shown(**{"id": "x_1", "type": "x", held: [said]})
                self.assertEqual(shown[held], [image | {"detail": detail}])

    def test_unknown_shapes_are_shown_unchanged(self) -> None:
        body = {"id": "x_1", "type": "x", "content": "input_image", "output": ["input_image", 5]}
        self.assertEqual(self.shown(**body), body)


class OtherBodiesTests(SynchronousTestCase):
    """Other bodies and faults of stored responses."""

    def test_a_deletion(self) -> None:
        shown = decode(responses.render_deleted("resp_1"))
        self.assertEqual(shown, {"id": "resp_1", "object": "response", "deleted": True})

    def test_an_unknown_response(self) -> None:
        wrong = responses.response_not_found("resp_1")
        self.assertEqual((wrong.status, wrong.code, wrong.param), (404, None, None))
        self.assertEqual(wrong.message, "Response with id 'resp_1' not found.")

    def test_an_interrupted_response_has_failed(self) -> None:
        for state in ("queued", "running"):
            cut = stored_response(Reply(), state, background=True)  # type: ignore[arg-type]
            lost = responses.mark_interrupted(cut)
            self.assertEqual((lost.state, lost.id, lost.input), ("over", cut.id, cut.input))
            shown = decode(responses.render_stored(lost))
            self.assertEqual((shown["status"], shown["completed_at"]), ("failed", None))
            self.assertEqual(shown["error"]["code"], "server_error")
            self.assertIn("restarted", shown["error"]["message"])
            Response.model_validate(shown, strict=True)
