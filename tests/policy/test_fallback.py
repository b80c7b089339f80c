"""Tests of codexd.policy.fallback."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import fault, kinds
from codexd.neutral.turn import Message, ReasoningOptions, Sampling, TextPart, Turn
from codexd.policy.fallback import CODEX, RouteCandidate, allows_fallback, list_candidates
from codexd.settings import ModelAlias

TURN = Turn(model="small", items=())


def first_turn(alias: ModelAlias, turn: Turn = TURN) -> Turn:
    (candidate,) = list_candidates(turn, {alias.name: alias})
    return candidate.turn


class ListCandidatesTests(SynchronousTestCase):
    def test_a_name_without_an_alias_may_go_to_any_back_end(self) -> None:
        self.assertEqual(list_candidates(TURN, {}), (RouteCandidate(TURN),))

    def test_an_alias_of_an_upstream_uses_the_upstreams_name(self) -> None:
        alias = ModelAlias(name="small", model="llama3", upstream="local")
        self.assertEqual(
            list_candidates(TURN, {"small": alias}), (RouteCandidate(Turn(model="llama3", items=()), "local"),)
        )

    def test_an_alias_of_codex_keeps_its_name(self) -> None:
        alias = ModelAlias(name="small", model="gpt-5")
        self.assertEqual(list_candidates(TURN, {"small": alias}), (RouteCandidate(TURN, CODEX),))

    def test_fallbacks_follow_in_order_with_their_own_aliases(self) -> None:
        table = {
            "small": ModelAlias(name="small", upstream="local", fallback=("big", "other")),
            "big": ModelAlias(name="big", model="gpt-5", upstream="cloud", fallback=("small",)),
        }
        found = [(candidate.backend, candidate.turn.model) for candidate in list_candidates(TURN, table)]
        self.assertEqual(found, [("local", "small"), ("cloud", "gpt-5"), (None, "other")])

    def test_the_request_takes_precedence_over_its_alias(self) -> None:
        alias = ModelAlias(name="small", upstream="local", effort="high", instructions="Be brief.")
        self.assertEqual(first_turn(alias).instructions, "Be brief.")
        self.assertEqual(first_turn(alias).reasoning.effort, "high")
        turn = Turn(model="small", items=(), instructions="Be long.", reasoning=ReasoningOptions("low"))
        self.assertEqual(first_turn(alias, turn), turn)

    def test_a_system_message_counts_as_instructions(self) -> None:
        alias = ModelAlias(name="small", upstream="local", instructions="Be brief.")
        for role, expected in (("system", None), ("developer", None), ("user", "Be brief.")):
            turn = Turn(model="small", items=(Message(role=role, parts=(TextPart("Be long."),)),))
            self.assertEqual(first_turn(alias, turn).instructions, expected, role)

    def test_the_token_limit_of_an_alias_is_an_upper_bound(self) -> None:
        alias = ModelAlias(name="small", upstream="local", max_output_tokens=100)
        for requested, expected in ((None, 100), (50, 50), (500, 100)):
            turn = Turn(model="small", items=(), sampling=Sampling(max_tokens=requested, seed=1))
            self.assertEqual(first_turn(alias, turn).sampling, Sampling(max_tokens=expected, seed=1))


class AllowsFallbackTests(SynchronousTestCase):
    def test_exactly_the_faults_of_back_ends_allow_a_fallback(self) -> None:
        expected = """
            busy child_died child_hung circuit_open credentials_rejected idle_timeout login_expired
            model_failed no_first_event not_ready overloaded provider_rejected quota_exhausted rate_limited stream_cut
            unknown_model unreachable
        """
        self.assertEqual({kind for kind in kinds() if allows_fallback(fault(kind))}, set(expected.split()))
