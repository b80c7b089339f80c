"""Removes what a killed daemon left of a unix socket, so that the next one can listen there."""

import re
import socket
import stat
from contextlib import closing
from pathlib import Path
from typing import Final

_UNIX: Final = re.compile(r"(?:haproxy:)?unix:(?:address=)?((?:\\.|[^:\\])+)")


def find_socket(description: str) -> Path | None:
    """Return the path of an endpoint string's unix socket; None for another kind of endpoint."""
    match = _UNIX.match(description)
    return Path(re.sub(r"\\(.)", r"\1", match[1])) if match else None


def remove_stale_socket(path: Path) -> None:
    """Remove a socket at which nobody listens, with Twisted's lock file beside it.

    The lock file names the process id of its owner, which another process may have by now: in a container every
    daemon has the same one. Whether somebody listens is therefore decided by connecting.

    Raises:
        OSError: when the files cannot be removed.
    """
    lock = path.with_name(f"{path.name}.lock")
    if _is_in_use(path):
        return
    if _is_socket(path):
        path.unlink(missing_ok=True)
    if lock.is_symlink() and not path.exists():
        lock.unlink(missing_ok=True)


def _is_in_use(path: Path) -> bool:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:  # too many connections wait (EAGAIN), no permission, too long a path
            return True
    return True


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return False
