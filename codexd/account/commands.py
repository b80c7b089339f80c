"""The commands `codexd login`, `codexd logout` and `codexd account`."""

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from getpass import getpass
from typing import Final

from codexd.account import login
from codexd.account.child import AccountChild, AccountError
from codexd.account.report import AccountReport, build_object, read_report, render_text
from codexd.administration.client import AdminClient, AdminError
from codexd.backs import bindings as b
from codexd.child.launch import LaunchConfig
from codexd.codex_home import find_codex_binary, find_codex_home, has_login, read_login, state_directory
from codexd.configuration.sent_keys import API_KEY
from codexd.settings import Codex, Settings
from codexd.wire import json

_INTERRUPTED: Final = 130


def parse(name: str, argv: Sequence[str]) -> Namespace:
    """Parse the arguments of a command.

    Raises:
        AccountError: for an unknown argument, which is not repeated: it may be a key.
    """
    parser = ArgumentParser(prog=f"codexd {name}", description=_DESCRIPTIONS[name], allow_abbrev=False)
    parser.add_argument("--config", help="the configuration file that the daemon uses")
    parser.add_argument("--codex", help="the Codex program")
    parser.add_argument("--codex-home", help="CODEX_HOME")
    parser.add_argument("--backend", help="the name of a table [[codex]], if there are several; the first by default")
    if name == "login":
        ways = parser.add_mutually_exclusive_group()
        ways.add_argument("--device", action="store_true", help="log in with a browser on another device, with a code")
        ways.add_argument("--api-key", action="store_true", help="log in with an API key, read from standard input")
    if name == "account":
        parser.add_argument("--json", action="store_true", help="print a JSON object")
        parser.add_argument("--show-email", action="store_true", help="print the whole address of the account")
    arguments, unknown = parser.parse_known_args(list(argv))
    if unknown:
        hint = "; an API key is read from standard input" if name == "login" else ""
        raise AccountError(f"{name}: unknown argument{hint}. `codexd {name} --help` lists the options")
    return arguments


def choose_home(settings: Settings, backend: str | None) -> Codex:
    """Return the table of Codex with a name, or the first one.

    Raises:
        AccountError: if there is none with this name.
    """
    names = [home.name for home in settings.homes]
    if backend is not None and backend not in names:
        raise AccountError(f"there is no table [[codex]] named {backend!r}; there are {', '.join(names)}")
    return settings.homes[0 if backend is None else names.index(backend)]


def build_launch_config(codex: Codex, environ: Mapping[str, str]) -> LaunchConfig:
    """Return how `serve` would start Codex, in the CODEX_HOME that it would use.

    Raises:
        ConfigurationError: when there is no such program or home.
    """
    return LaunchConfig(
        binary=find_codex_binary(codex),
        home=find_codex_home(codex, environ),
        state=state_directory(environ),
        environ=environ,
        codex=codex,
    )


def run(name: str, arguments: Namespace, launch_config: LaunchConfig, daemon: AdminClient) -> int:
    """Execute a command and return its exit status.

    Args:
        name: of the command.
        arguments: what `parse` returned.
        launch_config: how Codex is started.
        daemon: the daemon that uses the home, if it runs.

    Raises:
        AccountError: with the reason, when the command failed.
    """
    return _COMMANDS[name](arguments, launch_config, daemon)


def _log_in(arguments: Namespace, launch_config: LaunchConfig, daemon: AdminClient) -> int:
    key = _read_key() if arguments.api_key else None
    print(f"codexd: login in CODEX_HOME {launch_config.home}", file=sys.stderr)
    is_first = not has_login(launch_config.home, launch_config.codex.config)
    with AccountChild(launch_config.command(None)) as child:
        try:
            if key is not None:
                login.log_in_with_key(child, key)
            elif arguments.device:
                login.log_in_with_device(child, _show)
            else:
                login.log_in_with_browser(child, _show)
        except KeyboardInterrupt:
            print("The login was cancelled; nothing has changed.", file=sys.stderr)
            return _INTERRUPTED
        print(render_text(_report(child, launch_config), time.time(), False), end="")
    if is_first and launch_config.codex.model == "auto":
        print("A codexd that runs began without this login: restart it.", file=sys.stderr)
    else:
        _recycle(daemon)
    return 0


def _log_out(arguments: Namespace, launch_config: LaunchConfig, daemon: AdminClient) -> int:
    with AccountChild(launch_config.command(None)) as child:
        child.call(b.Logout())
    print(f"Logged out of the account in {launch_config.home}.")
    _recycle(daemon)
    return 0


def _show_account(arguments: Namespace, launch_config: LaunchConfig, daemon: AdminClient) -> int:
    with AccountChild(launch_config.command(None)) as child:
        report = _report(child, launch_config)
    if arguments.json:
        print(json.encode(build_object(report, time.time(), arguments.show_email)).decode())
    else:
        print(render_text(report, time.time(), arguments.show_email), end="")
    return 0 if report.is_logged_in else 1


def _report(child: AccountChild, launch_config: LaunchConfig) -> AccountReport:
    return read_report(child, launch_config.home, read_login(launch_config.home))


def _show(text: str) -> None:
    print(text, flush=True)


def _read_key() -> str:
    """Read an API key: from the terminal without an echo, or from a file or a pipe."""
    key = (getpass("API key: ") if sys.stdin.isatty() else sys.stdin.read()).strip()
    if not API_KEY.fullmatch(key):
        raise AccountError("login: standard input must contain one API key, of visible ASCII characters")
    return key


def _recycle(daemon: AdminClient) -> None:
    """Let a daemon that runs replace its Codex processes: those that run keep the login with which they began."""
    try:
        workers = daemon.call("POST", "workers/recycle")["workers"]
    except AdminError:
        print("No running codexd was told: none answers at the control socket of this configuration.", file=sys.stderr)
        return
    replaced = ", ".join(workers) or "none is up"
    print(f"The codexd at {daemon.describe()} replaces its Codex processes: {replaced}.", file=sys.stderr)


_COMMANDS: Final[Mapping[str, Callable[[Namespace, LaunchConfig, AdminClient], int]]] = {
    "login": _log_in,
    "logout": _log_out,
    "account": _show_account,
}

_DESCRIPTIONS: Final[Mapping[str, str]] = {
    "login": "Log Codex in, in the CODEX_HOME that codexd uses: with a browser on this machine, unless an option names"
    " another way.",
    "logout": "Log Codex out there.",
    "account": "Print who is logged in there, until when, and the limits of the account. The exit status is 1 if"
    " nobody is.",
}

COMMANDS: Final = tuple(_COMMANDS)
