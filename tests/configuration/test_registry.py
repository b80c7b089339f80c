from typing import get_type_hints

from attrs import NOTHING, fields, has
from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration.registry import Setting, describe_type, list_settings, list_table_settings
from codexd.settings import Settings

TABLE_LISTS = tuple(setting for setting in list_settings() if setting.is_table_list)
ALL_SETTINGS: tuple[Setting, ...] = (
    *list_settings(),
    *(nested for setting in TABLE_LISTS for nested in list_table_settings(setting)),
)


class RegistryTests(SynchronousTestCase):
    def test_all_fields_of_the_tree_are_listed_in_order(self) -> None:
        tree = [
            f"{table.name}.{field.name}" if has(kind) else table.name
            for table in fields(Settings)
            for kind in [get_type_hints(Settings)[table.name]]
            for field in (fields(kind) if has(kind) else [table])
        ]
        self.assertEqual([setting.key for setting in list_settings()], tree)

    def test_every_setting_has_a_description(self) -> None:
        for setting in ALL_SETTINGS:
            self.assertRegex(setting.description, r"^\S.{10,}\.$", setting.key)

    def test_descriptions_of_several_lines_are_joined(self) -> None:
        description = next(setting.description for setting in list_settings() if setting.key == "turns.context_share")
        self.assertIn("up to which a thread is continued.", description)

    def test_only_api_keys_and_their_hashes_are_secret(self) -> None:
        secret = [setting.key for setting in ALL_SETTINGS if setting.secret]
        self.assertEqual(secret, ["http.api_keys", "admin.api_keys", "key.sha256", "key.previous_sha256"])

    def test_types_are_described_in_words(self) -> None:
        words = {setting.key: describe_type(setting.kind) for setting in list_settings()}
        self.assertEqual(words["http.listen"], "list of text")
        self.assertEqual(words["http.api_keys_file"], "text")
        self.assertEqual(words["codex.workers"], "whole number, at least 1")
        self.assertEqual(words["codex.model"], "one of auto, account, scripted, none")
        self.assertEqual(words["models.alias"], "list of tables")
        inner = {setting.key: describe_type(setting.kind) for setting in ALL_SETTINGS}
        self.assertEqual(inner["models.alias.max_output_tokens"], "whole number, at least 1")
        self.assertEqual(inner["key.expires"], "date and time")

    def test_only_names_addresses_and_hashes_in_lists_are_required(self) -> None:
        required = [setting.key for setting in ALL_SETTINGS if setting.default is NOTHING]
        self.assertEqual(
            required, ["key.name", "key.sha256", "models.alias.name", "upstream.name", "upstream.base_url"]
        )

    def test_table_lists_are_in_a_table_or_at_the_top_level(self) -> None:
        self.assertEqual(
            [(setting.table, setting.name) for setting in TABLE_LISTS],
            [("", "key"), ("", "further_codex"), ("models", "alias"), ("", "upstream")],
        )
