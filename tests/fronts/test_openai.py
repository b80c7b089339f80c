"""codexd.fronts.openai: OpenAI's dialects."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.chat import DecodedChatRequest
from codexd.fronts.completions import DecodedCompletionsRequest
from codexd.fronts.dialect import RequestOptions
from codexd.fronts.openai import CHAT, COMPLETIONS, OPENAI, RESPONSES
from codexd.fronts.responses import DecodedResponsesRequest
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.stored import LoadedHistory
from codexd.wire.json import decode, encode

OPTIONS = RequestOptions(principal="someone")
CHAT_BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
RESPONSES_BODY = {"model": "m", "input": "hi"}


class DialectTests(SynchronousTestCase):
    def test_each_dialect_decodes_its_requests(self) -> None:
        for dialect, body, kind in (
            (CHAT, CHAT_BODY, DecodedChatRequest),
            (CHAT, RESPONSES_BODY, DecodedChatRequest),
            (RESPONSES, RESPONSES_BODY, DecodedResponsesRequest),
            (COMPLETIONS, {"model": "m", "prompt": "hi"}, DecodedCompletionsRequest),
        ):
            pending = dialect.decode(encode(body), OPTIONS)
            decoded = pending.complete(LoadedHistory())
            self.assertIsInstance(decoded, kind)
            self.assertEqual((pending.history_query.owner, decoded.turn.model), ("someone", "m"))
            self.assertIs(decoded.turns, decoded.turns)

    def test_a_responses_body_sent_to_chat_cannot_use_the_store(self) -> None:
        body = encode(RESPONSES_BODY | {"previous_response_id": "resp_1"})
        refused = self.assertRaises(FaultError, CHAT.decode, body, OPTIONS)
        self.assertEqual((refused.fault.kind, refused.fault.param), ("unsupported", "previous_response_id"))

    def test_only_chunk_streams_end_with_done(self) -> None:
        self.assertEqual((CHAT.done, COMPLETIONS.done), (b"[DONE]", b"[DONE]"))
        self.assertEqual((RESPONSES.done, OPENAI.done), (b"", b""))

    def test_all_share_errors_and_headers(self) -> None:
        wrong = fault("busy")
        for dialect in (CHAT, RESPONSES, COMPLETIONS, OPENAI):
            self.assertEqual(decode(dialect.render_error(wrong))["error"]["message"], wrong.message)
            self.assertEqual(dialect.error_headers(wrong), OPENAI.error_headers(wrong))
            self.assertEqual(dialect.headers, ((b"openai-version", b"2020-10-01"),))

    def test_each_has_its_name(self) -> None:
        names = [one.name for one in (CHAT, RESPONSES, COMPLETIONS, OPENAI)]
        self.assertEqual(names, ["chat", "responses", "completions", "openai"])

    def test_endpoints_without_a_model_call_decode_nothing(self) -> None:
        self.assertRaises(NotImplementedError, OPENAI.decode, b"{}", OPTIONS)
