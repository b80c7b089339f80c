"""Tests of the names of an upstream's models."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import FaultError
from codexd.neutral.model import ModelCard
from codexd.policy.upstream_models import UpstreamModels, parse_allow_list

LISTED = (ModelCard(id="qwen3:8b", created=7, owned_by="ollama"), ModelCard(id="llama", created=8, owned_by="ollama"))
NAMES = st.text("ab:/=", min_size=1, max_size=4)
MODELS = st.builds(
    UpstreamModels,
    listed=st.lists(st.builds(ModelCard, id=NAMES), max_size=3).map(tuple),
    allowed=st.lists(st.tuples(NAMES, NAMES), max_size=3).map(tuple),
    prefix=st.sampled_from(("", "a/")),
    passes_unlisted=st.booleans(),
)


def ids(models: UpstreamModels) -> list[str]:
    return [card.id for card in models.cards]


class UpstreamModelsTests(SynchronousTestCase):
    def test_listed_models_are_exposed_with_the_prefix(self) -> None:
        models = UpstreamModels(listed=LISTED, prefix="local/")
        self.assertEqual(ids(models), ["local/qwen3:8b", "local/llama"])
        self.assertEqual(models.find_upstream_name("local/llama"), "llama")
        self.assertIsNone(models.find_upstream_name("llama"))

    def test_an_allow_list_hides_other_models_and_renames(self) -> None:
        models = UpstreamModels(listed=LISTED, allowed=parse_allow_list(("small = qwen3:8b", "other")))
        self.assertEqual(models.cards, (ModelCard(id="small", created=7, owned_by="ollama"), ModelCard(id="other")))
        self.assertEqual(
            [models.find_upstream_name(name) for name in ("small", "other", "llama")],
            ["qwen3:8b", "other", None],
        )

    def test_unknown_names_are_passed_on_if_configured(self) -> None:
        models = UpstreamModels(listed=LISTED, prefix="x/", passes_unlisted=True)
        self.assertEqual(models.resolve("x/new"), "new")
        self.assertIsNone(models.find_upstream_name("x/"))

    def test_an_unknown_name_is_rejected_and_quoted(self) -> None:
        error = self.assertRaises(FaultError, UpstreamModels(listed=LISTED).resolve, "nope")
        self.assertEqual((error.fault.kind, error.fault.param), ("unknown_model", "model"))
        self.assertIn("'nope'", error.fault.message)

    def test_before_the_list_is_read_an_unlisted_name_is_not_ready(self) -> None:
        for models, kind in (
            (UpstreamModels(prefix="up/", is_loaded=False), "not_ready"),
            (
                UpstreamModels(allowed=parse_allow_list(("small",)), prefix="up/", is_loaded=False),
                "unknown_model",
            ),
            (UpstreamModels(prefix="up/"), "unknown_model"),
            (UpstreamModels(prefix="other/", is_loaded=False), "unknown_model"),
        ):
            error = self.assertRaises(FaultError, models.resolve, "up/new").fault
            self.assertEqual((error.kind, models.is_complete), (kind, models.is_loaded or bool(models.allowed)))
        self.assertEqual(UpstreamModels(passes_unlisted=True, is_loaded=False).resolve("new"), "new")

    @given(MODELS)
    def test_every_exposed_name_resolves(self, models: UpstreamModels) -> None:
        for card in models.cards:
            self.assertTrue(models.resolve(card.id))
