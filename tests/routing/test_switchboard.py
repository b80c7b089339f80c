"""Tests of codexd.routing.switchboard."""

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.interfaces import IModelBackend, ModelCard
from codexd.neutral.fault import Fault, Refused, fault
from codexd.neutral.turn import Turn
from codexd.routing.switchboard import Line, Switchboard
from codexd.settings import Model
from tests.routing.test_relay import Notes
from tests.support.backend import FakeBackend

UNKNOWN = fault("unknown_model", param="model")


class SwitchboardTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.codex, self.local = FakeBackend(), FakeBackend()
        self.codex.cards = (ModelCard("gpt-5"), ModelCard("both"))
        self.local.cards = (ModelCard("local/llama", 7), ModelCard("both"))
        aliases = {
            "small": Model("small", model="llama", upstream="local", fallback=("gpt-5",)),
            "gpt-5": Model("gpt-5", effort="low"),
        }
        lines = (Line("codex", self.codex), Line("local", self.local, "local/", self.local))
        self.counted: list[str] = []
        self.board = Switchboard(lines, aliases, self.counted.append)

    def asked(self, model: str) -> tuple[list[str], list[str]]:
        self.board.begin(Turn(model, ()), Notes())
        return [turn.turn.model for turn in self.codex.turns], [turn.turn.model for turn in self.local.turns]

    def test_it_is_a_back_end(self) -> None:
        self.assertTrue(verifyObject(IModelBackend, self.board))

    def test_a_listed_model_goes_to_who_lists_it(self) -> None:
        self.assertEqual(self.asked("local/llama"), ([], ["local/llama"]))

    def test_of_two_that_list_it_the_first_answers(self) -> None:
        self.assertEqual(self.asked("both"), (["both"], []))

    def test_a_name_nobody_lists_goes_to_the_first_that_takes_it(self) -> None:
        self.codex.refusals = [UNKNOWN]
        self.assertEqual(self.asked("new"), ([], ["new"]))

    def test_one_that_has_somebody_s_prefix_need_not_wait_for_others(self) -> None:
        self.codex.refusals = [fault("not_ready")]
        self.assertEqual(self.asked("local/new"), ([], ["local/new"]))
        self.board.embed("local/new", str.encode)
        self.assertEqual(self.local.embedding[0][0], "local/new")

    def test_a_name_nobody_takes_is_unknown(self) -> None:
        self.codex.refusals, self.local.refusals = [UNKNOWN], [UNKNOWN]
        self.assertEqual(self.refusal("what"), UNKNOWN)

    def test_one_that_may_have_it_stands_in_nobody_s_way_and_is_told_of_if_nobody_takes_it(self) -> None:
        maybe, taker = FakeBackend(), FakeBackend()
        board = Switchboard((Line("maybe", maybe), Line("taker", taker)), {}, self.counted.append)
        maybe.refusals = [fault("not_ready"), fault("not_ready")]
        board.begin(Turn("new", ()), Notes())
        self.assertEqual(len(taker.turns), 1)
        taker.refusals = [UNKNOWN]
        refused = self.assertRaises(Refused, board.begin, Turn("new", ()), Notes()).fault
        self.assertEqual(refused, fault("not_ready"))

    def test_another_refusal_is_final(self) -> None:
        self.codex.refusals = [fault("not_ready")]
        self.assertEqual(self.refusal("gpt-5-high"), fault("not_ready"))

    def refusal(self, model: str) -> Fault:
        return self.assertRaises(Refused, self.board.begin, Turn(model, ()), Notes()).fault

    def test_an_alias_goes_where_it_says_under_the_name_the_model_has_there(self) -> None:
        self.assertEqual(self.asked("small"), ([], ["local/llama"]))

    def test_its_fallback_is_asked_when_that_is_down(self) -> None:
        self.local.refusals = [fault("not_ready")]
        self.assertEqual(self.asked("small"), (["gpt-5"], []))
        self.assertEqual(self.counted, ["fallback_taken"])

    def test_the_list_has_every_name_once(self) -> None:
        self.assertEqual([card.id for card in self.board.models()], ["small", "gpt-5", "both", "local/llama"])
        self.assertEqual(self.board.models()[-1].created, 7)

    def test_embeddings_are_asked_of_whoever_has_the_model_under_the_name_it_has_there(self) -> None:
        for model in ("local/llama", "small"):
            self.board.embed(model, str.encode)
        self.assertEqual([asked for asked, _ in self.local.embedding], ["local/llama", "local/llama"])

    def test_codex_has_no_embeddings(self) -> None:
        for model in ("gpt-5", "both"):
            refused = self.assertRaises(Refused, self.board.embed, model, str.encode).fault
            self.assertEqual((refused.kind, refused.param), ("unsupported", "model"))

    def test_embeddings_of_a_model_nobody_lists_are_asked_of_the_first_that_takes_it(self) -> None:
        self.board.embed("local/new", str.encode)
        self.assertEqual(self.local.embedding[0][0], "local/new")
        self.local.refusals = [UNKNOWN]
        self.assertEqual(self.assertRaises(Refused, self.board.embed, "what", str.encode).fault, UNKNOWN)

    def test_it_is_ready_when_anybody_is(self) -> None:
        self.codex.is_ready = False
        self.assertTrue(self.board.ready())
        self.local.is_ready = False
        self.assertFalse(self.board.ready())
