"""The `codexd` command: everything a person does around the daemon."""

import os
import secrets
import subprocess
import sys
import sysconfig
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from platform import python_version
from typing import Final

from attrs import frozen
from twisted import __version__ as twisted_version
from twisted.python.usage import UsageError

from codexd import __version__
from codexd.configuration import Misconfigured
from codexd.configuration.reference import commented_toml, markdown
from codexd.home import binary, codex_home
from codexd.options import Options
from codexd.settings import Codex

_USAGE: Final = """\
Usage: codexd COMMAND [options]

  serve [options]         run the daemon in the foreground: twistd --nodaemon codexd
  check-config [options]  print the settings in force, or what is wrong with them (takes serve's options)
  settings [--markdown]   print a configuration file that explains every setting, or the manual's tables
  new-key                 print a fresh API key
  login [options]         log Codex in, in the CODEX_HOME that codexd uses; `login status` shows who
  logout [options]        log it out there
  version                 print the versions of codexd and what it stands on
  scripted [options]      run the scripted model by itself

`codexd serve --help` lists the options.
"""


class Failed(Exception):
    """A command could not do what it is for; the message is for a person."""


@frozen
class Outside:
    """What a command may touch.

    Attributes:
        environ: the process environment.
        execute: becomes another program: path, argv with its name, environment. Does not return.
    """

    environ: Mapping[str, str] = os.environ
    execute: Callable[[str, list[str], Mapping[str, str]], object] = os.execve


Command = Callable[[Sequence[str], Outside], int | None]


def main(argv: Sequence[str] | None = None, outside: Outside | None = None) -> int:
    """Run one command.

    Args:
        argv: without the program's name; the process's own when None.
        outside: what it may touch.

    Returns:
        The exit status: 0 done, 1 failed, 2 no such command.
    """
    name, *rest = (sys.argv[1:] if argv is None else list(argv)) or [""]
    if name in {"-h", "--help", "help"}:
        print(_USAGE, end="")
        return 0
    command = _COMMANDS.get({"--version": "version"}.get(name, name))
    if command is None:
        print(f"codexd: no command {name!r}\n\n{_USAGE}" if name else _USAGE, end="", file=sys.stderr)
        return 2
    try:
        return command(rest, outside or Outside()) or 0
    except (Misconfigured, Failed) as error:
        print(f"codexd: {error}", file=sys.stderr)
        return 1


def _check_config(rest: Sequence[str], outside: Outside) -> None:
    print(_options(rest, outside).summary(), end="")


def _serve(rest: Sequence[str], outside: Outside) -> None:
    """Check first, so that a mistake is one line and not a page of twistd's usage."""
    _options(rest, outside).summary()
    twistd = Path(sysconfig.get_path("scripts")) / "twistd"
    argv = [str(twistd), "--nodaemon", "--pidfile=", "codexd", *rest]
    outside.execute(argv[0], argv, outside.environ)


def _options(argv: Sequence[str], outside: Outside) -> Options:
    options = Options(outside.environ)
    try:
        options.parseOptions(list(argv))  # type: ignore[no-untyped-call]
    except UsageError as error:
        raise Failed(str(error)) from error
    return options


def _account(action: str, rest: Sequence[str], outside: Outside) -> None:
    """Hand over to Codex's own login or logout, in the home that `serve` with the same flags uses."""
    parser = ArgumentParser(prog=f"codexd {action}", add_help=False, allow_abbrev=False)
    for flag in ("--config", "--codex", "--codex-home"):
        parser.add_argument(flag)
    ours, theirs = parser.parse_known_args(rest)
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in vars(ours).items() if value]
    codex = _options(flags, outside).settings.codex
    program, home = str(binary(codex)), str(codex_home(codex, outside.environ))
    print(f"CODEX_HOME: {home}", file=sys.stderr)
    outside.execute(program, [program, action, *theirs], {**outside.environ, "CODEX_HOME": home})


def _version(rest: Sequence[str], outside: Outside) -> None:
    print(f"codexd {__version__}")
    print(_codex_version(Codex(binary=outside.environ.get("CODEXD_CODEX"))))
    print(f"twisted {twisted_version}")
    print(f"python {python_version()}")


def _codex_version(codex: Codex) -> str:
    try:
        run = subprocess.run(  # noqa: S603 - the program is the one codexd itself runs
            [str(binary(codex)), "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (Misconfigured, OSError, subprocess.SubprocessError) as error:
        return f"codex-cli not usable: {error}"
    return run.stdout.strip()


def _settings(rest: Sequence[str], outside: Outside) -> None:
    print(markdown() if "--markdown" in rest else commented_toml(), end="")


def _new_key(rest: Sequence[str], outside: Outside) -> None:
    """Make 256 bits of key; clients that look at keys want `sk-` in front."""
    print(f"sk-codexd-{secrets.token_urlsafe(32)}")


def _delegate(module: str) -> Command:
    def run(rest: Sequence[str], outside: Outside) -> int:
        return int(import_module(module).main(list(rest)) or 0)

    return run


_COMMANDS: Final[Mapping[str, Command]] = {
    "serve": _serve,
    "check-config": _check_config,
    "settings": _settings,
    "new-key": _new_key,
    "login": partial(_account, "login"),
    "logout": partial(_account, "logout"),
    "version": _version,
    "scripted": _delegate("codexd.scripted.command"),
}

if __name__ == "__main__":
    sys.exit(main())
