from typing import get_type_hints

from attrs import NOTHING, fields, has
from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration.catalogue import Entry, entries, in_words, parts
from codexd.settings import Settings

LISTS = tuple(entry for entry in entries() if entry.only_in_toml)
EVERYTHING: tuple[Entry, ...] = (*entries(), *(part for entry in LISTS for part in parts(entry)))


class CatalogueTests(SynchronousTestCase):
    def test_it_lists_the_tree_field_by_field(self) -> None:
        tree = [
            f"{table.name}.{field.name}" if has(kind) else table.name
            for table in fields(Settings)
            for kind in [get_type_hints(Settings)[table.name]]
            for field in (fields(kind) if has(kind) else [table])
        ]
        self.assertEqual([entry.key for entry in entries()], tree)

    def test_every_setting_says_what_it_means_in_one_sentence(self) -> None:
        for entry in EVERYTHING:
            self.assertRegex(entry.meaning, r"^\S.{10,}\.$", entry.key)

    def test_meanings_over_several_lines_are_joined(self) -> None:
        meaning = next(entry.meaning for entry in entries() if entry.key == "turns.context_share")
        self.assertIn("continued (Codex would compact it silently);", meaning)

    def test_keys_are_the_only_secret(self) -> None:
        self.assertEqual([entry.key for entry in entries() if entry.secret], ["http.api_keys"])

    def test_types_are_said_in_words(self) -> None:
        words = {entry.key: in_words(entry.kind) for entry in entries()}
        self.assertEqual(words["http.listen"], "list of text")
        self.assertEqual(words["http.api_keys_file"], "text")
        self.assertEqual(words["codex.workers"], "whole number, at least 1")
        self.assertEqual(words["codex.model"], "one of auto, account, scripted, none")
        self.assertEqual(words["models.alias"], "list of tables")

    def test_only_what_names_a_table_of_a_list_must_be_given(self) -> None:
        required = [entry.key for entry in EVERYTHING if entry.default is NOTHING]
        self.assertEqual(required, ["models.alias.name", "upstream.name", "upstream.base_url"])

    def test_lists_of_tables_stand_in_a_table_or_at_the_top(self) -> None:
        self.assertEqual(
            [(entry.table, entry.name) for entry in LISTS], [("models", "alias"), ("", "upstream")]
        )
