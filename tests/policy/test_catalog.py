"""Which model a name means."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import Refused
from codexd.policy.catalog import Catalog, Offer, Route
from codexd.settings import Model

CATALOG = Catalog(
    offers=(
        Offer("gpt-5", ("low", "high")),
        Offer("gpt-5-mini"),
        Offer("secret", ("low",), hidden=True),
        Offer("shadowed", ("low",)),
    ),
    aliases=(Model("fast", "gpt-5", "low"), Model("shadowed", "gpt-5"), Model("far", "elsewhere")),
)
NAMES = {
    "gpt-5": Route("gpt-5"),
    "gpt-5-high": Route("gpt-5", effort="high"),
    "gpt-5-mini": Route("gpt-5-mini"),
    "secret-low": Route("secret", effort="low"),
    "fast": Route("gpt-5", "fast", "low"),
    "fast-high": Route("gpt-5", "fast", "high"),
    "shadowed": Route("gpt-5", "shadowed"),
    "shadowed-high": Route("gpt-5", "shadowed", "high"),
    "far": Route("elsewhere", "far"),
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
    def test_names_aliases_and_effort_suffixes_lead_to_their_models(self) -> None:
        for name, route in NAMES.items():
            self.assertEqual(CATALOG.resolve(name), route, name)

    def test_an_offer_whose_name_ends_like_a_suffix_is_itself(self) -> None:
        catalog = Catalog((Offer("m", ("high",)), Offer("m-high")))
        self.assertEqual(catalog.resolve("m-high"), Route("m-high"))

    def test_an_unknown_name_is_refused_with_the_field_and_little_of_it(self) -> None:
        for name in (*UNKNOWN, "x" * 10_000):
            refused = self.assertRaises(Refused, CATALOG.resolve, name)
            self.assertEqual((refused.fault.kind, refused.fault.param), ("unknown_model", "model"))
            self.assertLess(len(refused.fault.message), 200)

    def test_or_passed_on_as_it_is_if_any_may_be(self) -> None:
        catalog = Catalog(CATALOG.offers, CATALOG.aliases, any=True)
        for name in UNKNOWN:
            self.assertEqual(catalog.resolve(name), Route(name))
        for name, route in NAMES.items():
            self.assertEqual(catalog.resolve(name), route, name)


class ListTests(SynchronousTestCase):
    def test_aliases_come_first_and_hidden_models_are_not_listed(self) -> None:
        names = [card.id for card in CATALOG.cards]
        self.assertEqual(names, ["fast", "shadowed", "far", "gpt-5", "gpt-5-mini"])

    def test_an_alias_takes_the_efforts_of_what_it_stands_for(self) -> None:
        found = {name: CATALOG.efforts(name) for name in ("fast", "shadowed", "far", "gpt-5-mini", "gpt-6")}
        self.assertEqual(
            found,
            {"fast": ("low", "high"), "shadowed": ("low", "high"), "far": (), "gpt-5-mini": (), "gpt-6": ()},
        )

    @given(
        st.lists(
            st.builds(Offer, st.sampled_from(["a", "b", "a-x"]), st.just(("x",)), st.booleans()), max_size=3
        ),
        st.lists(st.builds(Model, st.sampled_from(["a", "c"]), st.sampled_from(["a", None])), max_size=1),
    )
    def test_every_name_listed_resolves_with_each_of_its_efforts(
        self, offers: list[Offer], aliases: list[Model]
    ) -> None:
        catalog = Catalog(tuple(offers), tuple(aliases))
        for card in catalog.cards:
            catalog.resolve(card.id)
            for effort in card.efforts:
                self.assertIn(catalog.resolve(f"{card.id}-{effort}").effort, (effort, None))
