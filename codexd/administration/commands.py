"""The commands that a running daemon executes: their arguments, requests and output."""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from attrs import frozen

from codexd.administration.client import AdminClient
from codexd.policy.maintenance import MAX_RETRY_SECONDS
from codexd.wire import json


@frozen
class AdminFlags:
    """How a command finds the daemon.

    Attributes:
        config: the configuration file that the daemon uses.
        socket: the path of its control socket.
        url: its address.
    """

    config: str | None
    socket: str | None
    url: str | None


@frozen
class AdminCommand:
    """One command.

    Attributes:
        description: for `--help`.
        add_arguments: adds its own arguments.
        execute: sends its requests, prints the result, and returns the exit status.
    """

    description: str
    add_arguments: Callable[[ArgumentParser], None]
    execute: Callable[[Namespace, AdminClient], int]


def parse(name: str, argv: Sequence[str]) -> tuple[AdminFlags, Namespace]:
    """Parse the arguments of a command; exits with status 2 and a message if they are wrong."""
    command = COMMANDS[name]
    parser = ArgumentParser(prog=f"codexd {name}", description=command.description, allow_abbrev=False)
    parser.add_argument("--config", help="the configuration file that the daemon uses")
    parser.add_argument("--socket", help="the control socket of the daemon, instead of the one in its state directory")
    parser.add_argument("--url", help="the address of the daemon; the administrator's key is in CODEXD_ADMIN_KEY")
    command.add_arguments(parser)
    arguments = parser.parse_args(list(argv))
    return AdminFlags(arguments.config, arguments.socket, arguments.url), arguments


def run(name: str, arguments: Namespace, client: AdminClient) -> int:
    """Execute a command and return its exit status.

    Raises:
        AdminError: when the daemon cannot be reached, or refuses.
    """
    return COMMANDS[name].execute(arguments, client)


def _add_nothing(parser: ArgumentParser) -> None:
    """Add no arguments."""


def _reload(arguments: Namespace, client: AdminClient) -> int:
    report = client.call("POST", "reload", accept=(409,))
    for problem in report["problems"]:
        print(problem, file=sys.stderr)
    if report["problems"]:
        print("Nothing was changed.", file=sys.stderr)
        return 1
    print("changed:", ", ".join(report["applied"]) or "nothing")
    if report["restart_required"]:
        print("in effect only after a restart:", ", ".join(report["restart_required"]))
    return 0


def _add_workers(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=("recycle",), help="what to do with them")


def _workers(arguments: Namespace, client: AdminClient) -> int:
    workers = client.call("POST", "workers/recycle")["workers"]
    print("recycling:", ", ".join(workers) or "nothing, as no Codex process is up")
    return 0


def _add_maintenance(parser: ArgumentParser) -> None:
    parser.add_argument("switch", nargs="?", choices=("on", "off"), help="without it, the state is printed")
    parser.add_argument("--retry-after", type=_seconds, metavar="SECONDS", help="when clients are to try again")
    parser.add_argument("--message", help="the error message for clients")
    parser.add_argument("--keep", action="store_true", help="keep it over restarts of the daemon")


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if 1 <= (value := float(text)) <= MAX_RETRY_SECONDS:
            return value
    raise ArgumentTypeError(f"{text!r} is not a number of seconds from 1 to {MAX_RETRY_SECONDS}")


def _maintenance(arguments: Namespace, client: AdminClient) -> int:
    state = client.call("GET", "maintenance")
    if arguments.switch is not None:
        wanted: dict[str, json.Json] = {"enabled": arguments.switch == "on", "keep": arguments.keep}
        if arguments.retry_after is not None:
            wanted["retry_after_seconds"] = arguments.retry_after
        if arguments.message is not None:
            wanted["message"] = arguments.message
        state = client.call("POST", "maintenance", wanted)
    print(_describe(state))
    return 0


def _describe(state: Mapping[str, object]) -> str:
    kept = " (kept over restarts)" if state["keep"] else ""
    if not state["enabled"]:
        return f"Maintenance is off{kept}."
    return f"Maintenance is on{kept}: clients are told to try again after {state['retry_after_seconds']:g} s."


def _healthcheck(arguments: Namespace, client: AdminClient) -> int:
    health = client.request("GET", "/healthz", accept=(503,))
    print(health["status"])
    return 0 if health["ready"] else 1


COMMANDS: Final[Mapping[str, AdminCommand]] = {
    "reload": AdminCommand("Let the running daemon read its settings again.", _add_nothing, _reload),
    "workers": AdminCommand(
        "Replace the Codex processes by new ones, one after the other; running responses finish.",
        _add_workers,
        _workers,
    ),
    "maintenance": AdminCommand(
        "Switch maintenance: requests for work are refused, running responses finish.",
        _add_maintenance,
        _maintenance,
    ),
    "healthcheck": AdminCommand(
        "Print whether the daemon is ready; the exit status says so, too.", _add_nothing, _healthcheck
    ),
}
