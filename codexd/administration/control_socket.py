"""The control socket: a unix socket in codexd's state directory, over which the `codexd` command administers it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.web.server import Site

from codexd.codex_home import state_directory
from codexd.settings import Admin
from codexd.stale_socket import remove_stale_socket

NAME: Final = "control.sock"
_MODE: Final = 0o600
_log: Final = Logger()


def locate_control_socket(settings: Admin, environ: Mapping[str, str]) -> Path | None:
    """Return the path of the control socket; None if there is none (`admin.socket` is empty)."""
    if settings.socket is None:
        return state_directory(environ) / NAME
    return Path(settings.socket).expanduser() if settings.socket else None


def listen_on_control_socket(path: Path, site: Site, reactor: Any) -> IListeningPort | None:
    """Listen on the control socket, with a lock file beside it that tells a stale socket from one in use.

    A daemon works without it, so a failure is only logged; another daemon that uses the same state directory, or a
    path that is longer than unix sockets allow, are its usual reasons.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        remove_stale_socket(path)
        port: IListeningPort = reactor.listenUNIX(str(path), site, mode=_MODE, wantPID=True)
    except (CannotListenError, OSError) as error:
        _log.warn(
            "No control socket at {path}: {error}. `codexd maintenance` and similar commands cannot reach this daemon"
            " (admin.socket)",
            event="control_socket_failed",
            path=str(path),
            error=str(error),
        )
        return None
    return port
