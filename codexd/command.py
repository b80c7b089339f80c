"""The `codexd` command line: serve, check-config, settings, new-key, login, account, version and others."""

import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from platform import python_version
from signal import SIGPIPE
from typing import Final

from attrs import frozen
from twisted import __version__ as twisted_version
from twisted.python.usage import UsageError

from codexd import __version__
from codexd.account import commands as account
from codexd.account.child import AccountError
from codexd.administration import commands as administration
from codexd.administration import replay_command, trace_command
from codexd.administration.client import AdminClient, AdminError
from codexd.administration.commands import AdminFlags
from codexd.administration.control_socket import locate_control_socket
from codexd.administration.daemon_choice import print_message, reach_daemon
from codexd.administration.replay_command import ReplayError
from codexd.codex_home import find_codex_binary, state_directory
from codexd.configuration import ConfigurationError
from codexd.configuration.reference import render_example, render_markdown, render_presets
from codexd.configuration.sent_keys import read_api_key
from codexd.keys.commands import new_key
from codexd.keys.commands import run as run_keys
from codexd.observe.trace_files import locate_trace_directory
from codexd.options import Options, read_text
from codexd.settings import Codex
from codexd.smoke.command import run as run_smoke
from codexd.store import commands as store
from codexd.store.commands import StoreCommandError
from codexd.store.database_file import locate_database
from codexd.systemd import commands as systemd
from codexd.systemd.commands import InstallationError

_USAGE: Final = """\
Usage: codexd COMMAND [options]

  serve [options]         run the daemon in the foreground: twistd --nodaemon codexd
  check-config [options]  check the settings and print them (same options as serve)
  settings [--markdown]   print a configuration file that explains every setting, or the manual's tables;
                          --presets prints the defaults of the kinds of upstreams
  new-key                 print a new API key
  keys COMMAND            add, list, rotate, change or revoke the keys of the keys file (keys.file of --config FILE, or
                          --file PATH); `codexd keys add --help` lists the limits
  reload                  let the running daemon read its settings again, and print what changed
  maintenance [on|off]    switch maintenance of the running daemon, or print its state; on takes --retry-after
                          SECONDS, --message TEXT, and --keep to keep it over restarts
  workers recycle         replace the Codex processes of the running daemon by new ones, without losing a turn
  trace [REQUEST_ID]      explain a request of the running daemon, or list the last ones (--outcome, --model, --key,
                          --limit); --bodies shows the content that the trace buffer has, --purge deletes its files
  replay FILE             make a golden scenario of a file of the trace buffer (--scenario PATH), or send its request to
                          another server and print what differs (--url URL, with the key in OPENAI_API_KEY)
  store COMMAND           check, back up, restore or vacuum the database: check, backup FILE, restore BACKUP, vacuum;
                          --config FILE as with serve
  smoke URL               send a request to each endpoint of a running daemon, and print whether the responses are right
  login [options]         log Codex in, in the CODEX_HOME that codexd uses: with a browser here, with one on another
                          device (--device), or with an API key from standard input (--api-key)
  logout                  log Codex out there
  account [--json]        print who is logged in there, until when, and the limits of the account
  install-service --user|--system
                          write what a service of systemd needs; --socket, --instance NAME, --dry-run, --force
  uninstall-service --user|--system
                          remove its units; the configuration and the state stay
  healthcheck             exit with status 0 if the running daemon is ready, else with 1
  version                 print the versions of codexd, Codex, Twisted and Python
  scripted [options]      run the scripted model on its own

`codexd serve --help` lists the options. `reload`, `maintenance`, `workers`, `trace` and `healthcheck` reach the daemon
through its control socket, which they find as `serve` does (--config FILE), or with --socket PATH; or through --url URL
with the key of an administrator in CODEXD_ADMIN_KEY.
"""

_CLOSED_PIPE: Final = 128 + SIGPIPE


class CommandError(Exception):
    """A command failed; the message is shown to the user."""


@frozen
class ProcessContext:
    """The process functions that a command uses.

    Attributes:
        environ: the process environment.
        execute: replaces the process by another program (path, argv with its name, environment); no return.
    """

    environ: Mapping[str, str] = os.environ
    execute: Callable[[str, list[str], Mapping[str, str]], object] = os.execve


Subcommand = Callable[[Sequence[str], ProcessContext], int | None]


def main(argv: Sequence[str] | None = None, context: ProcessContext | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments without the program's name; those of the process when None.
        context: the process; the real one when None.

    Returns:
        The exit status: 0 done, 1 failed, 2 no such command, 141 the output was not read to its end (`| head`).
    """
    try:
        try:
            return _run(sys.argv[1:] if argv is None else list(argv), context or ProcessContext())
        finally:
            print(end="", flush=True)
    except BrokenPipeError:
        # Python flushes stdout once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _CLOSED_PIPE


def _run(argv: Sequence[str], context: ProcessContext) -> int:
    name, *rest = argv or [""]
    if name in {"-h", "--help", "help"}:
        print(_USAGE, end="")
        return 0
    command = _COMMANDS.get({"--version": "version"}.get(name, name))
    if command is None:
        print(f"codexd: unknown command {name!r}\n\n{_USAGE}" if name else _USAGE, end="", file=sys.stderr)
        return 2
    try:
        return command(rest, context) or 0
    except (
        ConfigurationError,
        CommandError,
        AccountError,
        AdminError,
        ReplayError,
        StoreCommandError,
        InstallationError,
    ) as error:
        print_message(str(error))
        return 1
    except BrokenPipeError:
        raise
    except (OSError, UnicodeError) as error:
        print_message(f"{name}: {error}")
        return 1


def _check_config(rest: Sequence[str], context: ProcessContext) -> None:
    print(_parse_options(rest, context).summary(), end="")


def _serve(rest: Sequence[str], context: ProcessContext) -> None:
    """Check the settings before twistd does, so that an error is one line and not a page of usage."""
    _parse_options(rest, context).summary()
    twistd = Path(sysconfig.get_path("scripts")) / "twistd"
    argv = [str(twistd), "--nodaemon", "--pidfile=", "codexd", *rest]
    context.execute(argv[0], argv, context.environ)


def _parse_options(argv: Sequence[str], context: ProcessContext) -> Options:
    options = Options(context.environ)
    try:
        options.parseOptions(list(argv))  # type: ignore[no-untyped-call]
    except UsageError as error:
        raise CommandError(str(error)) from error
    return options


def _account(name: str) -> Subcommand:
    """Return a command about the account in the CODEX_HOME that `serve` uses with the same flags."""

    def run(rest: Sequence[str], context: ProcessContext) -> int:
        arguments = account.parse(name, rest)
        given = {"config": arguments.config, "codex": arguments.codex, "codex-home": arguments.codex_home}
        settings = _parse_options([f"--{flag}={value}" for flag, value in given.items() if value], context).settings
        launch_config = account.build_launch_config(account.choose_home(settings, arguments.backend), context.environ)
        daemon = AdminClient(locate_control_socket(settings.admin, context.environ))
        return account.run(name, arguments, launch_config, daemon)

    return run


def _version(rest: Sequence[str], context: ProcessContext) -> None:
    print(f"codexd {__version__}")
    print(_codex_version(Codex(binary=context.environ.get("CODEXD_CODEX"))))
    print(f"twisted {twisted_version}")
    print(f"python {python_version()}")


def _codex_version(codex: Codex) -> str:
    try:
        run = subprocess.run(  # noqa: S603 - the program is the one codexd itself runs
            [str(find_codex_binary(codex)), "--version"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (ConfigurationError, OSError, subprocess.SubprocessError) as error:
        return f"codex-cli cannot be run: {error}"
    return run.stdout.strip()


def _settings(rest: Sequence[str], context: ProcessContext) -> None:
    forms = {"--markdown": render_markdown, "--presets": render_presets}
    print(next((render for flag, render in forms.items() if flag in rest), render_example)(), end="")


def _new_key(rest: Sequence[str], context: ProcessContext) -> None:
    """Print a key for `http.api_keys`."""
    print(new_key())


def _keys(rest: Sequence[str], context: ProcessContext) -> int:
    return run_keys(rest, context.environ, time.time)


def _administer(name: str) -> Subcommand:
    """Return a command that a running daemon executes."""

    def run(rest: Sequence[str], context: ProcessContext) -> int:
        flags, arguments = administration.parse(name, rest)
        return administration.run(name, arguments, reach_daemon(flags, context.environ, read_text))

    return run


def _trace(rest: Sequence[str], context: ProcessContext) -> int:
    """Explain requests of the running daemon, or read the files of its trace buffer."""
    arguments = trace_command.parse(rest)
    if not (arguments.bodies or arguments.purge):
        flags = AdminFlags(arguments.config, arguments.socket, arguments.url)
        return trace_command.run(arguments, reach_daemon(flags, context.environ, read_text))
    config = [f"--config={arguments.config}"] if arguments.config else []
    settings = _parse_options(config, context).settings.trace
    return trace_command.run_on_files(arguments, locate_trace_directory(settings, state_directory(context.environ)))


def _store(rest: Sequence[str], context: ProcessContext) -> None:
    """Check or maintain the database that the daemon uses with the same settings."""
    arguments = store.parse(rest)
    config = [f"--config={arguments.config}"] if arguments.config else []
    settings = _parse_options(config, context).settings.responses
    store.run(arguments, locate_database(settings, state_directory(context.environ)))


def _smoke(rest: Sequence[str], context: ProcessContext) -> int:
    return run_smoke(rest, context.environ)


def _replay(rest: Sequence[str], context: ProcessContext) -> int:
    arguments = replay_command.parse(rest)
    key = read_api_key(context.environ, replay_command.KEY_VARIABLE) if arguments.url else None
    return replay_command.run(arguments, key, lambda: _codex_version(Codex(binary=context.environ.get("CODEXD_CODEX"))))


def _install_service(rest: Sequence[str], context: ProcessContext) -> None:
    systemd.install(rest, context.environ, new_key)


def _uninstall_service(rest: Sequence[str], context: ProcessContext) -> None:
    systemd.uninstall(rest, context.environ)


def _delegate(module: str) -> Subcommand:
    def run(rest: Sequence[str], context: ProcessContext) -> int:
        return int(import_module(module).main(list(rest)) or 0)

    return run


_COMMANDS: Final[Mapping[str, Subcommand]] = {
    "serve": _serve,
    "check-config": _check_config,
    "settings": _settings,
    "new-key": _new_key,
    "keys": _keys,
    **{name: _administer(name) for name in administration.COMMANDS},
    "trace": _trace,
    "replay": _replay,
    "store": _store,
    "smoke": _smoke,
    **{name: _account(name) for name in account.COMMANDS},
    "install-service": _install_service,
    "uninstall-service": _uninstall_service,
    "version": _version,
    "scripted": _delegate("codexd.scripted.command"),
}

if __name__ == "__main__":
    sys.exit(main())
