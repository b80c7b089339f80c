"""Tests of the model catalog."""

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import FaultError
from codexd.policy.catalog import AccountModel, ModelCatalog, ResolvedModel
from codexd.settings import ModelAlias

CATALOG = ModelCatalog(
    models=(
        AccountModel(id="gpt-5", efforts=("low", "high")),
        AccountModel(id="gpt-5-mini"),
        AccountModel(id="secret", efforts=("low",), is_hidden=True),
        AccountModel(id="shadowed", efforts=("low",)),
    ),
    aliases=(
        ModelAlias(name="fast", model="gpt-5", effort="low"),
        ModelAlias(name="shadowed", model="gpt-5"),
        ModelAlias(name="far", model="elsewhere"),
    ),
)
DESCRIBED = evolve(CATALOG, descriptions={"gpt-5": "{}", "elsewhere": "[]"}, template="{}")
NAMES = {
    "gpt-5": ResolvedModel("gpt-5"),
    "gpt-5-high": ResolvedModel("gpt-5", effort="high"),
    "gpt-5-mini": ResolvedModel("gpt-5-mini"),
    "secret-low": ResolvedModel("secret", effort="low"),
    "fast": ResolvedModel("gpt-5", "fast", "low"),
    "fast-high": ResolvedModel("gpt-5", "fast", "high"),
    "shadowed": ResolvedModel("gpt-5", "shadowed"),
    "shadowed-high": ResolvedModel("gpt-5", "shadowed", "high"),
    "far": ResolvedModel("elsewhere", "far"),
}
UNKNOWN = (
    "gpt-6",
    "gpt-5-medium",
    "gpt-5-mini-low",
    "far-low",
    "gpt-5-",
    "-high",
    "",
    "GPT-5",
    "gpt-5-high-high",
)


class ResolveTests(SynchronousTestCase):
    def test_a_model_and_its_aliases_have_the_description_of_the_model(self) -> None:
        cards = {card.id: (card.description, card.effort) for card in DESCRIBED.cards}
        self.assertEqual(cards["gpt-5"], ("{}", None))
        self.assertEqual(cards["fast"], ("{}", "low"))
        self.assertEqual(cards["far"], ("[]", None))
        self.assertEqual(cards["gpt-5-mini"], (None, None))
        self.assertEqual({card.template for card in DESCRIBED.cards}, {"{}"})

    def test_names_aliases_and_effort_suffixes_resolve(self) -> None:
        for name, resolved in NAMES.items():
            self.assertEqual(CATALOG.resolve(name), resolved, name)

    def test_a_model_whose_name_looks_suffixed_is_itself(self) -> None:
        catalog = ModelCatalog(models=(AccountModel(id="m", efforts=("high",)), AccountModel(id="m-high")))
        self.assertEqual(catalog.resolve("m-high"), ResolvedModel("m-high"))

    def test_an_unknown_name_is_rejected_with_a_bounded_message(self) -> None:
        for name in (*UNKNOWN, "x" * 10_000):
            error = self.assertRaises(FaultError, CATALOG.resolve, name)
            self.assertEqual((error.fault.kind, error.fault.param), ("unknown_model", "model"))
            self.assertLess(len(error.fault.message), 200)

    def test_unknown_names_are_passed_on_if_configured(self) -> None:
        catalog = ModelCatalog(models=CATALOG.models, aliases=CATALOG.aliases, passes_unlisted=True)
        for name in UNKNOWN:
            self.assertEqual(catalog.resolve(name), ResolvedModel(name))
        for name, resolved in NAMES.items():
            self.assertEqual(catalog.resolve(name), resolved, name)


class ListTests(SynchronousTestCase):
    def test_aliases_are_first_and_hidden_models_are_not_listed(self) -> None:
        names = [card.id for card in CATALOG.cards]
        self.assertEqual(names, ["fast", "shadowed", "far", "gpt-5", "gpt-5-mini"])

    def test_an_alias_has_the_efforts_of_its_model(self) -> None:
        found = {name: CATALOG.efforts(name) for name in ("fast", "shadowed", "far", "gpt-5-mini", "gpt-6")}
        self.assertEqual(
            found,
            {"fast": ("low", "high"), "shadowed": ("low", "high"), "far": (), "gpt-5-mini": (), "gpt-6": ()},
        )

    @given(
        st.lists(
            st.builds(
                AccountModel,
                id=st.sampled_from(["a", "b", "a-x"]),
                efforts=st.just(("x",)),
                is_hidden=st.booleans(),
            ),
            max_size=3,
        ),
        st.lists(
            st.builds(ModelAlias, name=st.sampled_from(["a", "c"]), model=st.sampled_from(["a", None])), max_size=1
        ),
    )
    def test_every_listed_name_resolves_with_each_of_its_efforts(
        self, models: list[AccountModel], aliases: list[ModelAlias]
    ) -> None:
        catalog = ModelCatalog(models=tuple(models), aliases=tuple(aliases))
        for card in catalog.cards:
            catalog.resolve(card.id)
            for effort in card.efforts:
                self.assertIn(catalog.resolve(f"{card.id}-{effort}").effort, (effort, None))


class PrefixTests(SynchronousTestCase):
    CATALOG = evolve(CATALOG, prefix="work/")

    def test_models_are_listed_and_requested_with_the_prefix_and_aliases_also_without(self) -> None:
        listed = [card.id for card in self.CATALOG.cards]
        self.assertEqual(listed, ["fast", "shadowed", "far", "work/gpt-5", "work/gpt-5-mini", "work/shadowed"])
        for name, model in NAMES.items():
            self.assertEqual(self.CATALOG.resolve("work/" + name), model)
            if model.alias is not None:
                self.assertEqual(self.CATALOG.resolve(name), model)
            else:
                self.assertRaises(FaultError, self.CATALOG.resolve, name)

    def test_unlisted_names_are_passed_on_only_with_the_prefix(self) -> None:
        catalog = evolve(self.CATALOG, passes_unlisted=True)
        self.assertEqual(catalog.resolve("work/new"), ResolvedModel("new"))
        self.assertRaises(FaultError, catalog.resolve, "new")
