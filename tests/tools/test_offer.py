"""Which tools a block can call."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.turn import Tool
from codexd.tools.offer import Offer, spelled
from codexd.tools.use import Use
from tests.support.blocks import TOOL

OTHER = Tool("other", namespace="space")
PATCH = Tool("patch", kind="custom")


class OfferTests(SynchronousTestCase):
    def test_a_tool_is_found_with_its_namespace_and_without(self) -> None:
        offer = Offer((TOOL, OTHER))
        self.assertEqual(
            [offer.find(name) for name in ("find", "space.other", "other")], [TOOL, OTHER, OTHER]
        )
        self.assertIsNone(offer.find("none"))
        self.assertEqual((spelled("a", None), spelled("a", "b")), ("a", "b.a"))

    def test_any_tool_is_found_where_nobody_says_which_there_are(self) -> None:
        offer = Offer((TOOL,), any=True)
        self.assertEqual((offer.find("find"), offer.find("none")), (TOOL, Tool("none")))

    def test_the_schema_says_what_the_parameters_are(self) -> None:
        use = Use("find", (("query", "5"), ("limit", "5"), ("more", "5")))
        offer = Offer((TOOL,))
        self.assertEqual(offer.arguments(use, TOOL), '{"query":"5","limit":5,"more":5}')
        self.assertEqual((offer.order("find"), offer.order("none")), (("query", "limit"), ()))

    def test_arguments_given_as_one_are_passed_on_as_they_are(self) -> None:
        self.assertEqual(Offer().arguments(Use("find", arguments="{ oops"), TOOL), "{ oops")

    def test_a_custom_tool_gets_its_input_and_nothing_around_it(self) -> None:
        offer = Offer((PATCH,))
        self.assertEqual(offer.arguments(Use("patch", (("input", "\n7\n"),)), PATCH), "7")
        self.assertEqual(offer.arguments(Use("patch", (("a", "7"),)), PATCH), '{"a":7}')
