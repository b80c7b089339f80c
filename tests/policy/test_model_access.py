"""Tests of the models that a key may use."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import FaultError
from codexd.neutral.model import ModelCard
from codexd.policy.key_policy import OPEN_POLICY, UNNAMED_POLICY, KeyPolicy
from codexd.policy.model_access import ModelAccess
from codexd.settings import ModelAlias

CARDS = (
    ModelCard(id="gpt-5", efforts=("low", "high")),
    ModelCard(id="gpt-5-mini"),
    ModelCard(id="local/llama:7b"),
    ModelCard(id="coder", efforts=("low",)),
    ModelCard(id="coder-2"),
)
ALIASES = (
    ModelAlias(name="coder", profile="agent", workspace="/w"),
    ModelAlias(name="careful", fallback=("gpt-5", "coder")),
    ModelAlias(name="plain", fallback=("careful",)),
)
ACCESS = ModelAccess.of_aliases(ALIASES)


class ModelAccessTests(SynchronousTestCase):
    def allows(self, policy: KeyPolicy, model: str | None, cards: tuple[ModelCard, ...] = CARDS) -> bool:
        try:
            ACCESS.check(policy, model, lambda: cards)
        except FaultError as refused:
            self.assertEqual((refused.fault.status, refused.fault.param), (403, "model"))
            return False
        return True

    def test_names_and_patterns_are_matched_exactly(self) -> None:
        policy = KeyPolicy(name="a", models=("gpt-5-mini", "local/*"))
        for model, allowed in (
            ("gpt-5-mini", True),
            ("local/llama:7b", True),
            ("local/other", True),
            ("gpt-5", False),
            ("GPT-5-mini", False),
            (" gpt-5-mini", False),
            ("gpt-5-mini ", False),
            ("xlocal/llama", False),
            ("", False),
        ):
            self.assertEqual(self.allows(policy, model), allowed, model)

    def test_a_model_is_allowed_with_each_of_its_efforts(self) -> None:
        policy = KeyPolicy(name="a", models=("gpt-5",))
        self.assertTrue(self.allows(policy, "gpt-5-high"))
        self.assertFalse(self.allows(policy, "gpt-5-mini"))
        self.assertFalse(self.allows(policy, "gpt-5-nano"))
        self.assertFalse(self.allows(policy, "gpt-5-nano", ()))

    def test_a_pattern_can_allow_one_effort(self) -> None:
        policy = KeyPolicy(name="a", models=("gpt-5-low",))
        self.assertTrue(self.allows(policy, "gpt-5-low"))
        self.assertFalse(self.allows(policy, "gpt-5"))

    def test_agents_are_closed_unless_the_key_may_run_them(self) -> None:
        for policy in (UNNAMED_POLICY, KeyPolicy(name="a"), KeyPolicy(name="a", models=("*",))):
            for model in ("coder", "coder-low", "coder-high", "careful"):
                self.assertFalse(self.allows(policy, model), model)
                self.assertFalse(self.allows(policy, model, ()), model)
            for model in ("coder-2", "gpt-5", "plain"):
                self.assertTrue(self.allows(policy, model), model)
        for policy in (OPEN_POLICY, KeyPolicy(name="a", agent=True), KeyPolicy(name="a", agent=True, models=("c*",))):
            self.assertTrue(self.allows(policy, "coder"))
            self.assertTrue(self.allows(policy, "coder-low"))

    def test_a_key_with_certain_models_must_name_one(self) -> None:
        self.assertTrue(self.allows(KeyPolicy(name="a"), None))
        self.assertFalse(self.allows(KeyPolicy(name="a", models=("*",)), None))

    def test_only_the_allowed_models_are_visible(self) -> None:
        def names(policy: KeyPolicy) -> list[str]:
            return [card.id for card in ACCESS.visible(policy, CARDS)]

        self.assertEqual(names(KeyPolicy(name="a", models=("gpt-*",))), ["gpt-5", "gpt-5-mini"])
        self.assertEqual(names(KeyPolicy(name="a")), ["gpt-5", "gpt-5-mini", "local/llama:7b", "coder-2"])
        self.assertEqual(names(KeyPolicy(name="a", agent=True)), [card.id for card in CARDS])
        self.assertIs(ACCESS.visible(OPEN_POLICY, CARDS), CARDS)
        self.assertIs(ModelAccess().visible(UNNAMED_POLICY, CARDS), CARDS)

    def test_a_name_that_a_client_made_up_is_shortened_and_printable_in_the_message(self) -> None:
        wrong = self.assertRaises(FaultError, ACCESS.check, KeyPolicy(models=("a",)), "x\n" * 99, tuple).fault
        self.assertIn("'" + "x?" * 32 + "'", wrong.message)
