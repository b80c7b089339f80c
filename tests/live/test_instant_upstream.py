"""The benchmarks' upstream: a process that replaces a Chat Completions server."""

from http.client import HTTPConnection

from twisted.trial.unittest import SynchronousTestCase

from bench.instant_upstream import LONG_CHUNKS, MODEL, SLOW_CHUNKS
from bench.processes import run_server
from codexd.backs.chat import model_list
from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.backs.chat.translator import ChatTranslator
from codexd.neutral.reply import fold
from codexd.neutral.turn import Message, TextPart, Turn


class InstantUpstreamTests(SynchronousTestCase):
    def test_it_lists_its_model_and_answers_streamed_or_not(self) -> None:
        with run_server("bench.instant_upstream") as (_, port):
            connection = HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/v1/models")
            self.assertEqual([card.id for card in model_list.decode_models(connection.getresponse().read())], [MODEL])
            for text, words in (("hi", 1), ("long", LONG_CHUNKS), ("slow", SLOW_CHUNKS)):
                turn = Turn(model=MODEL, items=(Message(role="user", parts=(TextPart(text),)),))
                translator = ChatTranslator(turn, ServerCapabilities(), "0" * 24)
                connection.request("POST", "/v1/chat/completions", translator.open().body)
                events = translator.receive(connection.getresponse().read())
                self.assertEqual(fold(events).text, " word" * words)
                self.assertTrue(translator.ended)
            connection.close()
