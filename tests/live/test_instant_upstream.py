"""The benchmarks' upstream: a process that can stand in for a Chat Completions server."""

from http.client import HTTPConnection

from twisted.trial.unittest import SynchronousTestCase

from bench.instant_upstream import MODEL, PIECES, SLOW_PIECES
from bench.processes import served
from codexd.backs.chat import listing
from codexd.backs.chat.dialect import Dialect
from codexd.backs.chat.stream import Translator
from codexd.neutral.reply import fold
from codexd.neutral.turn import Message, TextPart, Turn


class InstantUpstreamTests(SynchronousTestCase):
    def test_it_lists_its_model_and_answers_as_it_is_asked(self) -> None:
        with served("bench.instant_upstream") as (_, port):
            connection = HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/v1/models")
            self.assertEqual([card.id for card in listing.cards(connection.getresponse().read())], [MODEL])
            for text, words in (("hi", 1), ("long", PIECES), ("slow", SLOW_PIECES)):
                turn = Turn(MODEL, (Message("user", (TextPart(text),)),))
                translator = Translator(turn, Dialect(), "0" * 24)
                connection.request("POST", "/v1/chat/completions", translator.open().body)
                events = translator.receive(connection.getresponse().read())
                self.assertEqual(fold(events).text, " word" * words)
                self.assertTrue(translator.over)
            connection.close()
