"""Tests of API keys in the settings and in their own file."""

from datetime import UTC, datetime
from hashlib import sha256
from types import MappingProxyType

from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration import ConfigurationError, LoadedSettings, find_keys_file, load
from codexd.configuration.keys import build_key_ring, build_policy, parse_keys
from codexd.configuration.reference import render_effective
from codexd.policy.auth import Credentials
from codexd.policy.key_policy import FAMILIES, KeyPolicy
from codexd.settings import ApiKey
from codexd.settings.keys import Family

ONE, TWO = (sha256(key).hexdigest() for key in (b"sk-one", b"sk-two"))
CONFIG = """
[keys]
file = "keys.toml"
"""


def entry(name: str, digest: str, *lines: str) -> str:
    return "\n".join(("[[key]]", f'name = "{name}"', f'sha256 = "{digest}"', *lines, ""))


def load_files(files: dict[str, str], config: str = CONFIG) -> LoadedSettings:
    def read(path: str) -> str:
        if path not in files:
            raise FileNotFoundError(2, "No such file", path)
        return files[path]

    files = {"codexd.toml": config, **files}
    return load(config="codexd.toml", read=read)


class KeysCase(SynchronousTestCase):
    def problems(self, keys: str, config: str = "") -> tuple[str, ...]:
        error = self.assertRaises(ConfigurationError, load_files, {"keys.toml": keys}, CONFIG + config)
        for problem in error.problems:
            self.assertNotIn(ONE, problem)
        return error.problems


class LoadTests(KeysCase):
    def test_keys_of_the_configuration_and_of_the_file_are_one_ring(self) -> None:
        loaded = load_files({"keys.toml": entry("bob", TWO)}, CONFIG + entry("alice", ONE, "tokens_per_day = 5"))
        self.assertEqual([key.name for key in loaded.settings.key], ["alice", "bob"])
        ring = build_key_ring(loaded.settings)
        principal = ring.identify(Credentials(api_key=b"sk-one"), 0)
        assert principal is not None
        self.assertEqual((principal.id, principal.policy.tokens_per_day), ("alice", 5))
        shown = render_effective(loaded)
        self.assertIn("[[key]]  # codexd.toml, keys.toml\n", shown)
        self.assertIn('sha256 = "***"', shown)

    def test_a_file_without_keys_requires_one_all_the_same(self) -> None:
        ring = build_key_ring(load_files({"keys.toml": "# all revoked\n"}).settings)
        self.assertFalse(ring.is_open)

    def test_a_mode_by_hash_for_a_key_with_a_name_is_an_error_that_names_it(self) -> None:
        modes = f'[tools]\nkey_output_modes = ["0123456789ab=openai-json", "{TWO[:12]}=obsidian-xml"]\n'
        load_files({"keys.toml": entry("alice", ONE)}, CONFIG + modes)
        rotated = entry("alice", ONE, f'previous_sha256 = "{TWO}"', "previous_expires = 2027-01-01")
        for keys in (entry("alice", TWO), rotated):
            (problem,) = self.problems(keys, modes)
            self.assertIn("tools.key_output_modes[1]: is for key 'alice', which has a name", problem)

    def test_the_file_is_one_of_those_that_agents_must_not_see(self) -> None:
        texts = {"codexd.toml": CONFIG, "keys.toml": entry("alice", ONE)}
        for loaded in (load_files(texts), load(environ={"CODEXD_CONFIG": "codexd.toml"}, read=texts.__getitem__)):
            self.assertEqual(loaded.files, ("codexd.toml", "keys.toml"))

    def test_a_missing_file_is_an_error(self) -> None:
        error = self.assertRaises(ConfigurationError, load_files, {})
        self.assertIn("keys.toml: cannot be read: No such file", str(error))

    def test_the_file_is_found_before_it_exists(self) -> None:
        def read(path: str) -> str:
            return CONFIG

        self.assertEqual(find_keys_file({}, read, "codexd.toml"), "keys.toml")
        self.assertEqual(find_keys_file({"CODEXD_KEYS_FILE": "other"}, read, "codexd.toml"), "other")
        self.assertIsNone(find_keys_file(MappingProxyType({}), read))

    def test_times_are_those_of_toml_and_utc_by_default(self) -> None:
        noon = datetime(2027, 1, 31, 12, tzinfo=UTC)
        for value, expected in (
            ("2027-01-31T12:00:00Z", noon),
            ("2027-01-31T14:00:00+02:00", noon),
            ("2027-01-31T12:00:00", noon),
            ('"2027-01-31T12:00:00Z"', noon),
            ("2027-01-31", noon.replace(hour=0)),
        ):
            (key,) = parse_keys(entry("a", ONE, f"expires = {value}"), "keys.toml")
            self.assertEqual(key.expires, expected, value)

    def test_a_key_can_be_replaced_with_time_to_change_it(self) -> None:
        text = entry("a", ONE, f'previous_sha256 = "{TWO}"', "previous_expires = 1970-01-02", "expires = 1970-01-03")
        ring = build_key_ring(load_files({"keys.toml": text}).settings)
        day = 86400.0
        for key, now, valid in (("one", 0, True), ("two", 0, True), ("two", day, False), ("one", 2 * day, False)):
            found = ring.identify(Credentials(api_key=f"sk-{key}".encode()), now)
            self.assertEqual(found is not None, valid, (key, now))
        self.assertEqual(len(ring.policies), 1)


class ProblemTests(KeysCase):
    def test_every_problem_has_the_name_of_its_key_and_file(self) -> None:
        keys = entry("alice", ONE, 'tokens_per_day = "x"', "foo = 1") + entry("bob", TWO, 'endpoints = ["chats"]')
        self.assertEqual(
            self.problems(keys),
            (
                "key 'alice'.tokens_per_day: must be a whole number, not text (keys.toml)",
                "key 'alice'.foo: unknown key (keys.toml)",
                f"key 'bob'.endpoints[0]: must be one of {', '.join(FAMILIES)} (keys.toml)",
            ),
        )

    def test_a_key_without_a_name_is_shown_by_its_place(self) -> None:
        self.assertEqual(self.problems(f'[[key]]\nsha256 = "{ONE}"\n'), ("key[0].name: missing (keys.toml)",))

    def test_a_file_that_is_not_toml_or_has_other_tables_is_an_error(self) -> None:
        self.assertIn("keys.toml: not valid TOML", self.problems("[[key")[0])
        self.assertIn("keys: unknown table; did you mean key?; only [[key]] is allowed", self.problems("[[keys]]")[0])

    def test_names_are_valid_and_unique(self) -> None:
        self.assertIn("2 keys have this name", self.problems(entry("a", ONE), entry("a", TWO))[0])
        for name in ("", "a b", "0123456789ab", "anonymous"):
            self.assertIn("key: a name must have", self.problems(entry(name, ONE))[0])

    def test_a_hash_that_is_none_is_not_quoted(self) -> None:
        for field in ("sha256", "previous_sha256"):
            text = entry("a", ONE, f'{field} = "sk-secret"').replace(f'sha256 = "{ONE}"\n', "", field == "sha256")
            text += "previous_expires = 2027-01-01\n" if field == "previous_sha256" else ""
            problem = self.problems(text)[0]
            self.assertIn(f"key 'a': {field} must be 64 hexadecimal digits", problem)
            self.assertNotIn("secret", problem)
        self.assertEqual(len(self.problems(entry("a", ONE.upper()))), 1)

    def test_two_names_of_one_key_are_an_error(self) -> None:
        self.assertEqual(
            self.problems(entry("b", ONE), entry("a", ONE)),
            ("key 'b': is the same key as key 'a'; remove one",),
        )
        problem = self.problems(entry("b", ONE), '[http]\napi_keys = ["sk-one"]\n')[0]
        self.assertIn("an entry of http.api_keys", problem)

    def test_a_rotation_has_an_end(self) -> None:
        self.assertIn("must be set together", self.problems(entry("a", ONE, f'previous_sha256 = "{TWO}"'))[0])


class PolicyTests(SynchronousTestCase):
    def test_the_families_of_the_settings_are_those_of_the_policy(self) -> None:
        self.assertEqual(Family.__args__, FAMILIES)  # type: ignore[attr-defined]

    def test_every_limit_of_a_key_is_in_its_policy(self) -> None:
        outside = {"sha256", "expires", "created", "previous_sha256", "previous_expires"}
        fields = {field.name for field in ApiKey.__attrs_attrs__} - outside  # type: ignore[attr-defined]
        self.assertEqual(fields, {field.name for field in KeyPolicy.__attrs_attrs__})  # type: ignore[attr-defined]
        numbers = {name: place for place, name in enumerate(sorted(fields), 1) if name.endswith(("e", "s", "y", "h"))}
        numbers = {name: value for name, value in numbers.items() if "_" in name and name != "output_mode"}
        policy = build_policy(ApiKey(name="a", sha256=ONE, models=("m",), agent=True, admin=True, **numbers))  # type: ignore[arg-type]
        self.assertEqual({name: getattr(policy, name) for name in numbers}, numbers)
        self.assertEqual((policy.models, policy.agent, policy.admin), (("m",), True, True))
