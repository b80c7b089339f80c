"""docs/privacy.md names settings that exist, and their defaults are the times that it says."""

import re

from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration.registry import list_settings, list_table_settings
from codexd.settings import Settings
from tests.documentation.blocks import ROOT

PAGE = ROOT / "docs" / "privacy.md"
UNITS = {"second": 1, "minute": 60, "day": 86_400}


def read_rows() -> list[list[str]]:
    """Return the cells of the first table, without its head."""
    lines = PAGE.read_text(encoding="utf-8").split("\n## ")[0].splitlines()
    table = [line for line in lines if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


class PrivacyTests(SynchronousTestCase):
    def test_every_row_names_settings_that_exist_or_none(self) -> None:
        names = {setting.key for setting in list_settings()}
        (keys,) = [setting for setting in list_settings() if setting.is_table_list and setting.key == "key"]
        fields = {one.key.rpartition(".")[2] for one in list_table_settings(keys)}
        for data, _, _, shown in read_rows():
            named = re.findall(r"`([a-z_]+(?:\.[a-z_]+)?)`", shown)
            self.assertTrue(named or shown == "none", data)
            self.assertEqual(set(named) - names - fields, set(), data)

    def test_the_times_are_the_defaults(self) -> None:
        checked = 0
        for data, _, time, shown in read_rows():
            named = re.findall(r"`([a-z]+)\.([a-z_]+_seconds)`", shown)
            said = re.match(r"(\d+) (second|minute|day)s?$", time)
            if named and said:
                table, name = named[0]
                self.assertEqual(getattr(getattr(Settings(), table), name), int(said[1]) * UNITS[said[2]], data)
                checked += 1
        self.assertGreaterEqual(checked, 5)

    def test_the_state_is_not_in_more_places_than_the_page_says(self) -> None:
        """A new place where data are stored has a setting, and belongs into the table."""
        text = PAGE.read_text(encoding="utf-8")
        kept = re.compile("retention|database|cache|directory|keep_|ttl")
        places = {setting.key for setting in list_settings() if kept.search(setting.key)}
        elsewhere = {"images.cache_bytes"}
        self.assertEqual({key for key in places - elsewhere if f"`{key}`" not in text}, set())
