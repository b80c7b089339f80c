from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration import ConfigurationError, load
from codexd.configuration.sources import parse_environ

KUBERNETES = {
    "CODEXD_PORT": "tcp://10.0.0.1:80",
    "CODEXD_PORT_80_TCP": "tcp://10.0.0.1:80",
    "CODEXD_PORT_80_TCP_ADDR": "10.0.0.1",
    "CODEXD_PORT_80_TCP_PORT": "80",
    "CODEXD_PORT_80_TCP_PROTO": "tcp",
    "CODEXD_SERVICE_HOST": "10.0.0.1",
    "CODEXD_SERVICE_PORT": "80",
    "CODEXD_SERVICE_PORT_HTTP": "80",
}
OF_OTHER_SERVICES = {
    "CODEXD_HTTP_SERVICE_HOST": "10.0.0.1",  # a Service named codexd-http
    "CODEXD_HTTP_PORT_8080_UDP_ADDR": "10.0.0.1",
    "CODEXD_METRICS_SERVICE_PORT_WEB": "9090",
    "CODEXD_LOG_PORT": "tcp://10.0.0.1:1",
}


class ForeignVariableTests(SynchronousTestCase):
    def test_the_variables_of_kubernetes_services_do_not_prevent_the_start(self) -> None:
        for environ in (KUBERNETES, OF_OTHER_SERVICES, KUBERNETES | {"CODEXD_CODEX_WORKERS": "3"}):
            loaded = load(environ=environ)
            (warning,) = loaded.warnings
            self.assertNotIn("\n", warning)
            self.assertIn("enableServiceLinks", warning)
        self.assertEqual(loaded.settings.codex.workers, 3)

    def test_the_warning_names_the_variables(self) -> None:
        self.assertEqual(
            load(environ={"CODEXD_PORT": "tcp://10.0.0.1:80", "CODEXD_IMAGE": "a"}).warnings,
            (
                "environment: not settings of codexd and ignored: CODEXD_IMAGE, CODEXD_PORT; Kubernetes sets such "
                "variables for a Service (enableServiceLinks: false prevents that)",
            ),
        )
        self.assertIn("and 4 others", load(environ=KUBERNETES | OF_OTHER_SERVICES).warnings[0])

    def test_other_foreign_variables_are_named_without_the_hint(self) -> None:
        environ = {
            "CODEXD_VERSION": "1",
            "CODEXD_IMAGE_TAG": "a",
            "CODEXD_DIR": "/opt",
            "CODEXD_HYPOTHESIS_PROFILE": "x",
        }
        (warning,) = load(environ=environ).warnings
        self.assertEqual(
            warning,
            "environment: not settings of codexd and ignored: CODEXD_DIR, CODEXD_HYPOTHESIS_PROFILE, "
            "CODEXD_IMAGE_TAG, CODEXD_VERSION",
        )

    def test_a_variable_that_holds_the_key_of_an_upstream_is_no_warning(self) -> None:
        text = '[[upstream]]\nname = "a"\nbase_url = "http://a/v1"\nkey_env = "CODEXD_A_KEY"\n'
        loaded = load(environ={"CODEXD_A_KEY": "sk"}, read=lambda path: text, config="a.toml")
        self.assertEqual(loaded.warnings, ())

    def test_without_foreign_variables_there_is_no_warning(self) -> None:
        self.assertEqual(load(environ={"CODEXD_CODEX_WORKERS": "1", "CODEXD_PORT": ""}).warnings, ())


class MisspellingTests(SynchronousTestCase):
    def test_a_likely_misspelling_is_an_error_that_names_the_setting(self) -> None:
        for name, meant in (
            ("CODEXD_API_KEY", "CODEXD_API_KEYS"),
            ("CODEXD_HTTP_API_KEY", "CODEXD_HTTP_API_KEYS"),
            ("CODEXD_LISTN", "CODEXD_LISTEN"),
            ("CODEXD_WORKERS", "CODEXD_CODEX_WORKERS"),
            ("CODEXD_HOME", "CODEXD_CODEX_HOME"),
            ("CODEXD_DATABASE", "CODEXD_RESPONSES_DATABASE"),
            ("CODEXD_LOGLEVEL", "CODEXD_LOG_LEVEL"),
            ("CODEXD_CONF", "CODEXD_CONFIG"),
        ):
            error = self.assertRaises(ConfigurationError, list, parse_environ({name: "x"}))
            self.assertEqual(str(error), f"{name}: unknown variable; did you mean {meant}?")

    def test_a_variable_of_a_table_is_meant_as_a_setting(self) -> None:
        error = self.assertRaises(ConfigurationError, list, parse_environ({"CODEXD_HTTP_TIMEOUT": "3"}))
        self.assertEqual(
            str(error), "CODEXD_HTTP_TIMEOUT: unknown variable; no setting of [http] has this name and a variable"
        )
