"""What stands in each place."""

from typing import Final

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration.rules import problems
from codexd.settings import Tools
from tests.parity.places import Circumstances, settings
from tests.parity.scenario import Place

GIVEN: Final = Circumstances("http://127.0.0.1:8400/v1", "/opt/codex")
PLACES: Final[tuple[Place, ...]] = ("codex", "upstream", "gated")


class PlacesTests(SynchronousTestCase):
    def test_every_place_is_one_that_a_person_could_choose(self) -> None:
        for place in PLACES:
            self.assertEqual(problems(settings(place, GIVEN)), ())

    def test_codex_is_asked_where_it_is_and_nobody_beside_it(self) -> None:
        for place in PLACES:
            chosen = settings(place, GIVEN)
            alone = (chosen.codex.model, chosen.codex.binary, chosen.upstream) == (
                "scripted",
                "/opt/codex",
                (),
            )
            elsewhere = chosen.codex.model == "none" and chosen.upstream != ()
            self.assertEqual((alone, elsewhere), (place == "codex", place != "codex"))

    def test_upstreams_are_the_scripted_model_but_for_one_that_is_not_there(self) -> None:
        upstreams = settings("upstream", GIVEN).upstream
        self.assertEqual([one.name for one in upstreams if one.base_url != GIVEN.provider], ["down"])

    def test_gates_are_all_the_difference_between_upstreams(self) -> None:
        gated = settings("gated", GIVEN)
        self.assertNotEqual(gated.tools, Tools())
        self.assertEqual(evolve(gated, tools=Tools()), settings("upstream", GIVEN))
