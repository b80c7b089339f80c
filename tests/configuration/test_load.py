from collections.abc import Mapping, Sequence
from operator import attrgetter

from attrs import evolve
from hypothesis import given
from hypothesis.strategies import booleans, builds, floats, integers, lists, sampled_from, text
from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration import Choice, Loaded, Misconfigured, load
from codexd.configuration.catalogue import entries
from codexd.configuration.reference import toml
from codexd.settings import Codex, Http, Log, Settings, Turns

SECONDS = floats(0, exclude_min=True, allow_infinity=False)
SETTINGS = builds(
    Settings,
    http=builds(Http, max_body_bytes=integers(1), hold_seconds=SECONDS, reasoning_content=booleans()),
    codex=builds(Codex, home=text(min_size=1), config=lists(text()).map(tuple), workers=integers(1, 99)),
    turns=builds(Turns, total_seconds=SECONDS, affinity_limit=integers(0, 99)),
    log=builds(Log, level=sampled_from(("debug", "info", "warn", "error"))),
)


def loaded(
    toml_text: str = "", environ: Mapping[str, str] | None = None, argv: Sequence[Choice] = (), **files: str
) -> Loaded:
    content = {"codexd.toml": toml_text, **files}
    return load(argv, environ or {}, content.__getitem__, "codexd.toml")


def written(settings: Settings) -> str:
    lines = []
    for entry in entries():
        value = attrgetter(entry.key)(settings)
        if value is not None and not entry.only_in_toml:
            lines.append(f"{entry.key} = {toml(value)}")
    return "\n".join(lines)


class PrecedenceTests(SynchronousTestCase):
    def test_a_flag_wins_over_a_variable_that_over_the_file_that_over_the_default(self) -> None:
        file = "[codex]\nworkers = 2\n"
        environ = {"CODEXD_CODEX_WORKERS": "3"}
        argv = [Choice("codex.workers", 4, "--workers")]
        self.assertEqual(loaded().settings.codex.workers, 1)
        self.assertEqual(loaded(file).settings.codex.workers, 2)
        self.assertEqual(loaded(file, environ).settings.codex.workers, 3)
        self.assertEqual(loaded(file, environ, argv).settings.codex.workers, 4)

    def test_what_stood_keeps_its_origin(self) -> None:
        result = loaded('[codex]\nworkers = 2\nmodel = "scripted"\n', {"CODEXD_CODEX_WORKERS": "3"})
        origins = {choice.key: choice.origin for choice in result.choices}
        self.assertEqual(origins, {"codex.workers": "CODEXD_CODEX_WORKERS", "codex.model": "codexd.toml"})

    def test_a_wrong_value_that_another_source_replaces_does_no_harm(self) -> None:
        result = loaded("[codex]\nworkers = 0\n", {"CODEXD_CODEX_WORKERS": "3"})
        self.assertEqual(result.settings.codex.workers, 3)

    @given(SETTINGS)
    def test_settings_written_as_toml_are_read_back(self, settings: Settings) -> None:
        self.assertEqual(loaded(written(settings)).settings, settings)


class FileTests(SynchronousTestCase):
    def test_the_variable_names_the_file_when_no_flag_does(self) -> None:
        files = {"a": "[codex]\nworkers = 2\n", "b": "[codex]\nworkers = 3\n"}
        environ = {"CODEXD_CONFIG": "a"}
        self.assertEqual(load((), environ, files.__getitem__).settings.codex.workers, 2)
        self.assertEqual(load((), environ, files.__getitem__, "b").settings.codex.workers, 3)

    def test_a_file_that_cannot_be_read_is_told(self) -> None:
        error = self.assertRaises(Misconfigured, load, config="gone.toml")
        self.assertEqual(str(error), "gone.toml: cannot be read: no files are read here")

    def test_a_broken_rule_stops_the_start(self) -> None:
        error = self.assertRaises(Misconfigured, loaded, '[http]\nlisten = ["tcp:80"]\n')
        self.assertIn("no API key is set", str(error))


class KeyFileTests(SynchronousTestCase):
    FILE = '[http]\nlisten = ["tcp:80"]\napi_keys = ["one"]\napi_keys_file = "keys"\n'

    def test_its_keys_count_as_if_they_stood_in_the_settings(self) -> None:
        result = loaded(self.FILE, keys="# for ana\n  two \n\nthr#ee\n")
        self.assertEqual(result.settings.http.api_keys, ("one", "two", "thr#ee"))

    def test_its_keys_alone_open_the_door(self) -> None:
        result = loaded(self.FILE.replace('api_keys = ["one"]\n', ""), keys="two")
        self.assertEqual(
            result.settings,
            evolve(Settings(), http=Http(listen=("tcp:80",), api_keys=("two",), api_keys_file="keys")),
        )

    def test_a_file_without_keys_is_told(self) -> None:
        error = self.assertRaises(Misconfigured, loaded, self.FILE, keys="# none yet\n")
        self.assertEqual(str(error), "http.api_keys_file: keys holds no key")
