"""The command line of `twistd codexd`, `codexd serve` and `codexd check-config`."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from attrs import evolve, frozen
from OpenSSL import crypto
from twisted.internet.endpoints import serverFromString
from twisted.python import usage

from codexd import __version__
from codexd.codex_home import (
    Provider,
    candidate_homes,
    choose_provider,
    find_codex_binary,
    find_codex_home,
    find_configured_provider,
    is_temporary,
)
from codexd.configuration import ConfigurationError, LoadedSettings, Override, load, parse_flag
from codexd.configuration.homes import settings_of_home
from codexd.configuration.reference import render_effective
from codexd.configuration.rules import find_missing_keys
from codexd.settings import Codex, Settings
from codexd.start_checks import find_agent_problems, find_home_problems, find_start_problems
from codexd.startup_banner import find_risks
from codexd.systemd.inherited_sockets import InheritedSockets, check_form, is_inherited

_SINGLE_VALUE_FLAGS: Final = {
    "codex": "codex.binary",
    "codex-home": "codex.home",
    "workers": "codex.workers",
    "model": "codex.model",
}

_HELP: Final = """
Settings: a flag takes precedence over its CODEXD_* variable, the variable over the --config file, the
file over the default. The variable of the setting http.max_body_bytes is CODEXD_HTTP_MAX_BODY_BYTES, and
so on; short forms are CODEXD_LISTEN, CODEXD_API_KEYS, CODEXD_CODEX and CODEXD_CONFIG. `codexd settings`
prints a configuration file that explains all settings, `codexd check-config` the settings in effect.

Examples:
  twistd --nodaemon codexd
      Listen on 127.0.0.1:11435; use your Codex login if there is one, else the scripted model.
  twistd --nodaemon codexd --model scripted --listen tcp:8080:interface=127.0.0.1
      Serve the scripted model on another port, without account and internet.
  twistd --nodaemon codexd --listen tcp:11435 --api-key "$(codexd new-key)"
      Listen for other machines, which requires an API key.
  twistd --nodaemon codexd --config /etc/codexd/codexd.toml --workers 2
"""


class Options(usage.Options):
    """The flags of `twistd codexd`.

    Attributes:
        loaded: the settings and their origins, after parsing.
        environ: the environment variables.
        inherited: the listening sockets that the service manager opened; the default of `http.listen`, if any.
    """

    synopsis = "[options]"
    longdesc = "An OpenAI-compatible HTTP API for Codex."
    optParameters = [
        ["config", "c", None, "TOML file with settings (CODEXD_CONFIG)."],
        ["codex", None, None, "Codex program, instead of the pinned one (CODEXD_CODEX)."],
        ["codex-home", None, None, "CODEX_HOME; its config.toml and login are used unchanged."],
        ["workers", None, None, "Number of Codex processes, 1 by default."],
        [
            "model",
            None,
            None,
            "auto: the account's models if there is a login, else the scripted model, "
            "or no Codex with upstreams; account, scripted or none choose one.",
        ],
    ]
    optFlags = [["check", None, "Print the settings in effect and exit."]]

    loaded: LoadedSettings

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.environ = os.environ if environ is None else environ
        self.inherited = InheritedSockets.from_environment(self.environ, os.getpid())
        self["listen"] = []
        self["api-key"] = []

    @property
    def settings(self) -> Settings:
        """The settings in effect."""
        return self.loaded.settings

    def opt_listen(self, endpoint: str) -> None:
        """Twisted endpoint to listen on; can be repeated (CODEXD_LISTEN)."""
        self["listen"].append(endpoint)

    def opt_api_key(self, key: str) -> None:
        """API key that clients must send; can be repeated. Visible to all users; CODEXD_API_KEYS is not."""
        self["api-key"].append(key)

    def opt_version(self) -> None:
        """Print codexd's version and exit."""
        print(f"codexd {__version__}")
        raise SystemExit(0)

    def reload(self) -> LoadedSettings:
        """Load the settings again, from the same flags and environment, and the present files.

        Raises:
            ConfigurationError: with the names of the wrong settings.
        """
        descriptions = self.inherited.descriptions
        defaults = (Override("http.listen", list(descriptions), "LISTEN_FDNAMES"),) if descriptions else ()
        loaded = load(self._overrides(), self.environ, read_text, self["config"], defaults)
        _check_endpoints(loaded.settings.http.listen)
        self._check_inherited(loaded.settings)
        return self._warn_of_unused_sockets(loaded)

    def _check_inherited(self, settings: Settings) -> None:
        """Check that only this machine can reach the inherited sockets, unless there is an API key."""
        found = {description: self.inherited.find(description) for description in settings.http.listen}
        remote = (description for description, one in found.items() if one is not None and not one.is_local)
        if problems := tuple(find_missing_keys(settings, remote)):
            raise ConfigurationError(*problems)

    def _warn_of_unused_sockets(self, loaded: LoadedSettings) -> LoadedSettings:
        used = {self.inherited.find(description) for description in loaded.settings.http.listen}
        unused = ", ".join(one.name for one in self.inherited.sockets if one not in used)
        if not unused:
            return loaded
        warning = f"http.listen does not name these sockets of the service manager, so clients wait there: {unused}"
        return evolve(loaded, warnings=(*loaded.warnings, warning))

    def postOptions(self) -> None:
        """Load and check the settings; before a start also check the program, the home and the login.

        Raises:
            UsageError: with the names of the wrong settings.
            SystemExit: after `--check`.
        """
        try:
            self.loaded = self.reload()
            if self["check"] or self.parent is not None:
                summary = self.summary()
        except ConfigurationError as error:
            raise usage.UsageError(str(error)) from error
        if self["check"]:
            print(summary, end="")
            raise SystemExit(0)

    def getSynopsis(self) -> str:
        """Return the first usage line, for twistd's command or for codexd's own."""
        return "Usage: codexd serve [options]" if self.parent is None else super().getSynopsis()

    def getUsage(self, width: int | None = None) -> str:
        """Return the help text: flags, sources of settings, examples."""
        return super().getUsage(width) + _HELP

    def summary(self) -> str:
        """Describe what would run: the settings in effect, the program, CODEX_HOME and whose models.

        Raises:
            ConfigurationError: with everything that would prevent a start.
        """
        found: list[_FoundCodex] = []
        problems: list[str] = []
        for codex in self.settings.homes:
            one = self._find_codex(settings_of_home(self.settings, codex))
            found.append(one)
            problems += one.problems
        problems += find_start_problems(self.settings, self.environ, read_text)
        if problems:
            raise ConfigurationError(*dict.fromkeys(problems))
        lines = [line for one in found for line in self._describe_codex(one)]
        warnings = (*self.loaded.warnings, *find_risks(self.settings, self._user))
        lines += [f"# warning: {warning}" for warning in warnings]
        lines.append("# not checked: whether the addresses of http.listen are free, and whether upstreams answer")
        return "\n".join([*lines, "", render_effective(self.loaded)])

    def _describe_codex(self, found: "_FoundCodex") -> Iterator[str]:
        """Yield what would run in one home."""
        which = f" {found.codex.name!r}" if self.settings.further_codex else ""
        yield f"# codex{which}: {found.program or 'not run'}"
        yield f"# CODEX_HOME: {found.home}"
        yield f"# models: {found.provider}"
        assert found.home is not None  # else it has problems
        configured = find_configured_provider(found.codex, found.home, found.provider)
        if configured is not None:
            yield f"# provider of config.toml: {configured.summary}"
            for name in configured.environment:
                if not self.environ.get(name):
                    yield f"# warning: the environment variable {name} of that provider is not set"
        if is_temporary(found.home):
            yield "# warning: CODEX_HOME is in the temporary directory, where Codex has no helper programs"

    def _find_codex(self, settings: Settings) -> "_FoundCodex":
        """Find the home, whose models Codex serves, and its program, which need not exist when Codex does not run.

        Args:
            settings: of one home (`settings_of_home`).
        """
        home, program = None, None
        problems: list[str] = []
        candidates: tuple[Path, ...] = ()
        provider: Provider = "none"
        has_others = bool(settings.upstream or self.settings.further_codex)
        try:
            home = find_codex_home(settings.codex, self.environ)
            candidates = candidate_homes(settings.codex, self.environ)
            provider = choose_provider(settings.codex, home, has_others, candidates)
        except ConfigurationError as error:
            problems += error.problems
        try:
            program = None if home is not None and provider == "none" else find_codex_binary(settings.codex)
        except ConfigurationError as error:
            problems += error.problems
        problems += find_home_problems(None if provider == "none" else home)
        if program is not None and home is not None:
            problems += find_agent_problems(
                settings, self.environ, program, home, candidates=candidates, files=self.loaded.files
            )
        return _FoundCodex(
            codex=settings.codex, home=home, provider=provider, program=program, problems=tuple(problems)
        )

    @property
    def _user(self) -> int:
        """The user id that the daemon will have: twistd's --uid, else that of this process."""
        chosen = None if self.parent is None else self.parent.get("uid")
        return os.geteuid() if chosen is None else int(chosen)

    def _overrides(self) -> list[Override]:
        overrides = [
            parse_flag(key, self[flag], f"--{flag}") for flag, key in _SINGLE_VALUE_FLAGS.items() if self[flag]
        ]
        lists = {"listen": "http.listen", "api-key": "http.api_keys"}
        return overrides + [Override(key, self[flag], f"--{flag}") for flag, key in lists.items() if self[flag]]


@frozen(kw_only=True)
class _FoundCodex:
    """What one table of Codex stands for on this machine."""

    codex: Codex
    home: Path | None
    provider: Provider
    program: Path | None
    problems: tuple[str, ...]


def _check_endpoints(listen: Iterable[str]) -> None:
    """Let Twisted parse the endpoints, but not those of inherited sockets: they exist only in the service itself."""
    for endpoint in listen:
        try:
            if is_inherited(endpoint):
                check_form(endpoint)
            else:
                serverFromString(None, endpoint)
        except crypto.Error as error:
            raise ConfigurationError(f"http.listen: {endpoint!r}: its key or certificate is not valid PEM") from error
        except (ValueError, TypeError, LookupError, OSError) as error:
            raise ConfigurationError(f"http.listen: {endpoint!r} is not a valid endpoint: {error}") from error


def read_text(path: str) -> str:
    """Return the text of a file that a setting names."""
    return Path(path).expanduser().read_text(encoding="utf-8")
