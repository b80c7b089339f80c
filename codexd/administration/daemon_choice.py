"""Chooses the daemon that a command administers, and names it: there can be several on one machine."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from codexd.administration.client import AdminClient
from codexd.administration.commands import AdminFlags
from codexd.administration.control_socket import locate_control_socket
from codexd.configuration import find_admin_socket
from codexd.configuration.sent_keys import read_api_key
from codexd.configuration.sources import ADMIN_KEY_VARIABLE
from codexd.settings import Admin


def reach_daemon(flags: AdminFlags, environ: Mapping[str, str], read: Callable[[str], str]) -> AdminClient:
    """Return the client of the daemon that the flags name, and print on stderr which one that is.

    Args:
        flags: how the command finds the daemon.
        environ: the process environment.
        read: returns the text of a file.

    Raises:
        AdminError: when no daemon listens on the control socket.
        ConfigurationError: when the configuration file cannot be read.
    """
    if flags.socket or flags.url:
        path: Path | None = Path(flags.socket or "")
    else:
        socket = find_admin_socket(environ, read, flags.config, print_message)
        path = locate_control_socket(Admin(socket=socket), environ)
    client = AdminClient(path, flags.url, read_api_key(environ, ADMIN_KEY_VARIABLE) if flags.url else None)
    print_message(f"daemon at {client.describe()}")
    return client


def print_message(text: str) -> None:
    """Print a message on stderr, so that it does not get into the output."""
    print(f"codexd: {text}", file=sys.stderr)
