from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration.homes import settings_of_home
from codexd.settings import Codex, ModelAlias, Models, Settings

OWN, WORK = Codex(name="own"), Codex(name="work", prefix="work/")
ALIASES = (
    ModelAlias(name="any"),
    ModelAlias(name="own", codex="own"),
    ModelAlias(name="work", codex="work"),
    ModelAlias(name="agent", profile="agent", workspace="/w"),
    ModelAlias(name="up", upstream="u"),
)
SETTINGS = Settings(codex=OWN, further_codex=(WORK,), models=Models(alias=ALIASES))


class SettingsOfHomeTests(SynchronousTestCase):
    def test_a_home_has_its_own_table_and_the_aliases_that_it_knows(self) -> None:
        for home, names in ((OWN, ["any", "own", "agent"]), (WORK, ["any", "work"])):
            settings = settings_of_home(SETTINGS, home)
            self.assertEqual(settings.homes, (home,))
            self.assertEqual([alias.name for alias in settings.models.alias], names)
