from typing import Final

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration.rules import find_problems
from codexd.settings import Responses, Tools
from tests.parity.places import PlaceParameters, build_settings
from tests.parity.scenario import Place

PARAMETERS: Final = PlaceParameters("http://127.0.0.1:8400/v1", "/opt/codex")
PLACES: Final[tuple[Place, ...]] = ("codex", "upstream", "gated")


class PlacesTests(SynchronousTestCase):
    def test_the_settings_of_every_place_are_valid(self) -> None:
        for place in PLACES:
            self.assertEqual(find_problems(build_settings(place, PARAMETERS)), ())

    def test_a_place_has_either_codex_or_upstreams(self) -> None:
        for place in PLACES:
            chosen = build_settings(place, PARAMETERS)
            alone = (chosen.codex.model, chosen.codex.binary, chosen.upstream) == (
                "scripted",
                "/opt/codex",
                (),
            )
            elsewhere = chosen.codex.model == "none" and chosen.upstream != ()
            self.assertEqual((alone, elsewhere), (place == "codex", place != "codex"))

    def test_all_upstreams_but_one_are_the_scripted_model(self) -> None:
        upstreams = build_settings("upstream", PARAMETERS).upstream
        self.assertEqual([one.name for one in upstreams if one.base_url != PARAMETERS.provider_url], ["down"])

    def test_gated_differs_from_upstream_in_its_tools_settings_only(self) -> None:
        gated = build_settings("gated", PARAMETERS)
        self.assertNotEqual(gated.tools, Tools())
        self.assertEqual(evolve(gated, tools=Tools(), responses=Responses()), build_settings("upstream", PARAMETERS))
