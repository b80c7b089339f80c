from collections.abc import Mapping, Sequence
from operator import attrgetter

from attrs import evolve
from hypothesis import given
from hypothesis.strategies import booleans, builds, floats, integers, lists, sampled_from, text
from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration import ConfigurationError, LoadedSettings, Override, load
from codexd.configuration.reference import format_value
from codexd.configuration.registry import list_settings
from codexd.settings import Codex, Http, Log, Settings, Turns

SECONDS = floats(0, exclude_min=True, allow_infinity=False)
SETTINGS = builds(
    Settings,
    http=builds(Http, max_body_bytes=integers(1), pause_seconds=SECONDS, reasoning_content=booleans()),
    codex=builds(Codex, home=text(min_size=1), config=lists(text()).map(tuple), workers=integers(1, 99)),
    turns=builds(Turns, total_seconds=SECONDS, affinity_limit=integers(0, 99)),
    log=builds(Log, level=sampled_from(("debug", "info", "warn", "error"))),
)


def load_text(
    toml_text: str = "", environ: Mapping[str, str] | None = None, argv: Sequence[Override] = (), **files: str
) -> LoadedSettings:
    content = {"codexd.toml": toml_text, **files}
    return load(argv, environ or {}, content.__getitem__, "codexd.toml")


def render_toml(settings: Settings) -> str:
    lines = []
    for setting in list_settings():
        value = attrgetter(setting.key)(settings)
        if value is not None and not setting.is_table_list:
            lines.append(f"{setting.key} = {format_value(value)}")
    return "\n".join(lines)


class PrecedenceTests(SynchronousTestCase):
    def test_a_flag_wins_over_a_variable_that_over_the_file_that_over_the_default(self) -> None:
        file = "[codex]\nworkers = 2\n"
        environ = {"CODEXD_CODEX_WORKERS": "3"}
        argv = [Override("codex.workers", 4, "--workers")]
        self.assertEqual(load_text().settings.codex.workers, 1)
        self.assertEqual(load_text(file).settings.codex.workers, 2)
        self.assertEqual(load_text(file, environ).settings.codex.workers, 3)
        self.assertEqual(load_text(file, environ, argv).settings.codex.workers, 4)

    def test_overrides_have_the_origin_of_the_value_in_effect(self) -> None:
        result = load_text('[codex]\nworkers = 2\nmodel = "scripted"\n', {"CODEXD_CODEX_WORKERS": "3"})
        origins = {override.key: override.origin for override in result.overrides}
        self.assertEqual(origins, {"codex.workers": "CODEXD_CODEX_WORKERS", "codex.model": "codexd.toml"})

    def test_a_wrong_value_replaced_by_another_source_is_no_error(self) -> None:
        result = load_text("[codex]\nworkers = 0\n", {"CODEXD_CODEX_WORKERS": "3"})
        self.assertEqual(result.settings.codex.workers, 3)

    @given(SETTINGS)
    def test_settings_rendered_as_toml_load_unchanged(self, settings: Settings) -> None:
        self.assertEqual(load_text(render_toml(settings)).settings, settings)


class FileTests(SynchronousTestCase):
    def test_the_variable_names_the_file_unless_a_flag_does(self) -> None:
        files = {"a": "[codex]\nworkers = 2\n", "b": "[codex]\nworkers = 3\n"}
        environ = {"CODEXD_CONFIG": "a"}
        self.assertEqual(load((), environ, files.__getitem__).settings.codex.workers, 2)
        self.assertEqual(load((), environ, files.__getitem__, "b").settings.codex.workers, 3)

    def test_an_unreadable_file_is_an_error(self) -> None:
        error = self.assertRaises(ConfigurationError, load, config="gone.toml")
        self.assertEqual(str(error), "gone.toml: cannot be read: no files are read here (--config)")

    def test_a_violated_rule_is_an_error(self) -> None:
        error = self.assertRaises(ConfigurationError, load_text, '[http]\nlisten = ["tcp:80"]\n')
        self.assertIn("no API key is set", str(error))


class KeyFileTests(SynchronousTestCase):
    FILE = '[http]\nlisten = ["tcp:80"]\napi_keys = ["one"]\napi_keys_file = "keys"\n'

    def test_its_keys_are_added_to_the_settings(self) -> None:
        result = load_text(self.FILE, keys="# for ana\n  two \n\nthr#ee\n")
        self.assertEqual(result.settings.http.api_keys, ("one", "two", "thr#ee"))

    def test_its_keys_alone_suffice_for_remote_endpoints(self) -> None:
        result = load_text(self.FILE.replace('api_keys = ["one"]\n', ""), keys="two")
        self.assertEqual(
            result.settings,
            evolve(Settings(), http=Http(listen=("tcp:80",), api_keys=("two",), api_keys_file="keys")),
        )

    def test_a_file_without_keys_is_an_error(self) -> None:
        error = self.assertRaises(ConfigurationError, load_text, self.FILE, keys="# none yet\n")
        self.assertEqual(str(error), "http.api_keys_file: keys contains no key")
