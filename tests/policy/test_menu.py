"""What an upstream offers, under which names."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import Refused
from codexd.neutral.model import ModelCard
from codexd.policy.menu import Menu, named

LISTED = (ModelCard("qwen3:8b", 7, "ollama"), ModelCard("llama", 8, "ollama"))
NAMES = st.text("ab:/=", min_size=1, max_size=4)
MENUS = st.builds(
    Menu,
    st.lists(st.builds(ModelCard, NAMES), max_size=3).map(tuple),
    st.lists(st.tuples(NAMES, NAMES), max_size=3).map(tuple),
    st.sampled_from(("", "a/")),
    st.booleans(),
)


def ids(menu: Menu) -> list[str]:
    return [card.id for card in menu.cards]


class MenuTests(SynchronousTestCase):
    def test_all_that_is_listed_is_offered_under_its_prefix(self) -> None:
        menu = Menu(LISTED, prefix="local/")
        self.assertEqual(ids(menu), ["local/qwen3:8b", "local/llama"])
        self.assertEqual(menu.own_name("local/llama"), "llama")
        self.assertIsNone(menu.own_name("llama"))

    def test_an_allow_list_hides_the_rest_and_renames(self) -> None:
        menu = Menu(LISTED, named(("small = qwen3:8b", "other")))
        self.assertEqual(menu.cards, (ModelCard("small", 7, "ollama"), ModelCard("other")))
        self.assertEqual(
            [menu.own_name(name) for name in ("small", "other", "llama")], ["qwen3:8b", "other", None]
        )

    def test_any_name_is_passed_on_where_that_is_wanted(self) -> None:
        menu = Menu(LISTED, prefix="x/", any=True)
        self.assertEqual(menu.resolve("x/new"), "new")
        self.assertIsNone(menu.own_name("x/"))

    def test_an_unknown_name_is_refused_with_its_name(self) -> None:
        refused = self.assertRaises(Refused, Menu(LISTED).resolve, "nope")
        self.assertEqual((refused.fault.kind, refused.fault.param), ("unknown_model", "model"))
        self.assertIn("'nope'", refused.fault.message)

    def test_before_its_list_was_read_nobody_knows_what_is_not_offered(self) -> None:
        for menu, kind in (
            (Menu(prefix="up/", read=False), "not_ready"),
            (Menu(named=named(("small",)), prefix="up/", read=False), "unknown_model"),
            (Menu(prefix="up/"), "unknown_model"),
            (Menu(prefix="other/", read=False), "unknown_model"),
        ):
            refused = self.assertRaises(Refused, menu.resolve, "up/new").fault
            self.assertEqual((refused.kind, menu.settled), (kind, menu.read or bool(menu.named)))
        self.assertEqual(Menu(any=True, read=False).resolve("new"), "new")

    @given(MENUS)
    def test_whatever_is_listed_can_be_asked_for(self, menu: Menu) -> None:
        for card in menu.cards:
            self.assertTrue(menu.resolve(card.id))
