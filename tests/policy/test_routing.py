"""Tests of codexd.policy.routing."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import fault, kinds
from codexd.neutral.turn import Message, Sampling, TextPart, Thinking, Turn
from codexd.policy.routing import CODEX, Leg, legs, worth_another
from codexd.settings import Model

ASKED = Turn("small", ())


def led(alias: Model, turn: Turn = ASKED) -> Turn:
    (leg,) = legs(turn, {alias.name: alias})
    return leg.turn


class LegsTests(SynchronousTestCase):
    def test_a_name_that_is_no_alias_goes_to_whoever_has_it(self) -> None:
        self.assertEqual(legs(ASKED, {}), (Leg(ASKED),))

    def test_an_alias_of_an_upstream_goes_there_by_the_name_it_has_there(self) -> None:
        alias = Model("small", model="llama3", upstream="local")
        self.assertEqual(legs(ASKED, {"small": alias}), (Leg(Turn("llama3", ()), "local"),))

    def test_an_alias_of_codex_keeps_its_name_which_codex_knows(self) -> None:
        alias = Model("small", model="gpt-5")
        self.assertEqual(legs(ASKED, {"small": alias}), (Leg(ASKED, CODEX),))

    def test_fallbacks_follow_in_order_each_led_by_its_own_alias(self) -> None:
        table = {
            "small": Model("small", upstream="local", fallback=("big", "other")),
            "big": Model("big", model="gpt-5", upstream="cloud", fallback=("small",)),
        }
        found = [(leg.backend, leg.turn.model) for leg in legs(ASKED, table)]
        self.assertEqual(found, [("local", "small"), ("cloud", "gpt-5"), (None, "other")])

    def test_what_a_request_says_wins_over_what_its_alias_adds(self) -> None:
        alias = Model("small", upstream="local", effort="high", instructions="Be brief.")
        self.assertEqual(led(alias).instructions, "Be brief.")
        self.assertEqual(led(alias).thinking.effort, "high")
        said = Turn("small", (), "Be long.", thinking=Thinking("low"))
        self.assertEqual(led(alias, said), said)

    def test_a_request_with_a_system_message_has_its_instructions(self) -> None:
        alias = Model("small", upstream="local", instructions="Be brief.")
        for role, told in (("system", None), ("developer", None), ("user", "Be brief.")):
            said = Turn("small", (Message(role, (TextPart("Be long."),)),))
            self.assertEqual(led(alias, said).instructions, told, role)

    def test_the_limit_of_output_holds_whatever_was_asked(self) -> None:
        alias = Model("small", upstream="local", max_output_tokens=100)
        for asked, given in ((None, 100), (50, 50), (500, 100)):
            turn = Turn("small", (), sampling=Sampling(max_tokens=asked, seed=1))
            self.assertEqual(led(alias, turn).sampling, Sampling(max_tokens=given, seed=1))


class WorthAnotherTests(SynchronousTestCase):
    def test_what_lies_with_a_back_end_is_a_reason_to_ask_another_and_nothing_else(self) -> None:
        lies = """
            busy child_died idle model_failed model_refused_us no_first_event not_ready overloaded
            quota_exhausted rate_limited stream_cut unknown_model unreachable
        """
        self.assertEqual({kind for kind in kinds() if worth_another(fault(kind))}, set(lies.split()))
