"""codexd.fronts.responses.kept: what is shown again is what was shown."""

from typing import Any

from hypothesis import given
from openai.types.responses import Response
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import responses
from codexd.fronts.responses import kept as k
from codexd.fronts.responses.kept import SEALED
from codexd.neutral import event as e
from codexd.neutral.reply import Reply, fold
from codexd.neutral.turn import Message, Reasoning, TextPart
from codexd.wire.json import decode
from tests.support import responses_stream
from tests.support.responses_requests import ask
from tests.support.responses_state import STAMP, kept, kept_item
from tests.support.sentences import broken_sentences, sentences

Sentence = tuple[e.Event, ...]

SEALING = Reply(
    (Reasoning(("a",), (), "sealed", "rs_1"), Message("assistant", (TextPart("hi"),), None, "msg_1")),
    "stop",
)


class ShownTests(SynchronousTestCase):
    """Law 3, over time: stream, body and what is kept are one."""

    def same(self, sentence: Sentence, include: list[str]) -> None:
        exchange = ask(include=include, metadata={"a": "b"})
        keeping = exchange.keeping
        assert keeping is not None
        reply = fold(sentence)
        shown = responses.shown(keeping.write(reply, STAMP), include)
        self.assertEqual(shown, exchange.render((reply,), STAMP))
        encoder = exchange.encoder(STAMP)
        frames = [frame for event in sentence for frame in encoder.feed(event)]
        self.assertIn(b',"response":' + shown + b',"sequence_number"', frames[-1])
        self.assertEqual(decode(shown), responses_stream.read(frames[-1])[0]["response"])

    @given(sentences() | broken_sentences())
    def test_it_is_byte_for_byte_what_the_client_was_given(self, sentence: Sentence) -> None:
        self.same(sentence, [])
        self.same(sentence, [SEALED])

    @given(sentences() | broken_sentences())
    def test_it_can_be_asked_for_with_seals_or_without_whatever_was_asked_first(
        self, sentence: Sentence
    ) -> None:
        reply = fold(sentence)
        for include in ([], [SEALED]):
            other = ask(include=include).render((reply,), STAMP)
            self.assertEqual(responses.shown(kept(reply, include=[SEALED]), include), other)
            self.assertEqual(responses.shown(kept(reply), include), other)

    def test_seals_are_shown_only_where_they_are_asked_for(self) -> None:
        self.assertNotIn(b"sealed", responses.shown(kept(SEALING)))
        self.assertNotIn(b"sealed", responses.shown(kept(SEALING), ["web_search_call.results"]))
        self.assertIn(b'"encrypted_content":"sealed"', responses.shown(kept(SEALING), [SEALED]))

    def test_an_answer_that_has_only_begun_is_shown_as_it_stands(self) -> None:
        shown = decode(responses.shown(kept(Reply(), "queued", background=True)))
        self.assertEqual((shown["status"], shown["output"], shown["background"]), ("queued", [], True))
        Response.model_validate(shown, strict=True)


class ItemTests(SynchronousTestCase):
    """One item."""

    def shown(self, include: tuple[str, ...] = (), **body: Any) -> Any:
        return decode(k.item(kept_item(**body), include))

    def test_a_text_that_speaks_of_seals_is_left_alone(self) -> None:
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

    def test_what_is_not_understood_is_shown_as_it_is(self) -> None:
        body = {"id": "x_1", "type": "x", "content": "input_image", "output": ["input_image", 5]}
        self.assertEqual(self.shown(**body), body)


class WordsTests(SynchronousTestCase):
    """The rest of what is said about kept answers."""

    def test_a_deleted_one(self) -> None:
        shown = decode(responses.deleted("resp_1"))
        self.assertEqual(shown, {"id": "resp_1", "object": "response", "deleted": True})

    def test_one_that_is_not_there(self) -> None:
        wrong = responses.unknown("resp_1")
        self.assertEqual((wrong.status, wrong.code, wrong.param), (404, None, None))
        self.assertEqual(wrong.message, "Response with id 'resp_1' not found.")

    def test_one_that_a_restart_cut_has_failed(self) -> None:
        for standing in ("queued", "running"):
            cut = kept(Reply(), standing, background=True)  # type: ignore[arg-type]
            lost = responses.lost(cut)
            self.assertEqual((lost.standing, lost.id, lost.input), ("over", cut.id, cut.input))
            shown = decode(responses.shown(lost))
            self.assertEqual((shown["status"], shown["completed_at"]), ("failed", None))
            self.assertEqual(shown["error"]["code"], "server_error")
            self.assertIn("restarted", shown["error"]["message"])
            Response.model_validate(shown, strict=True)
