"""The limit of open files of this process, of which every connection takes one."""

import resource
from typing import Final

_WANTED: Final = 65536
"""More open files than a daemon needs."""

_MOST_CONNECTIONS: Final = 10_000
_FEWEST_CONNECTIONS: Final = 16
_OWN_FILES: Final = 128
"""About how many files the daemon itself has open: the database, pipes to Codex, images that are fetched."""


def raise_limit() -> int:
    """Raise this process's limit of open files as far as the system permits it, and return the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(hard, _WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return _WANTED if soft == resource.RLIM_INFINITY else soft


def connection_limit(files: int, reserved: int) -> int:
    """Return how many clients may be connected so that enough files are left.

    Args:
        files: the limit of open files.
        reserved: the connections that the daemon may open itself.
    """
    left = files - _OWN_FILES - reserved
    return min(max(left, files // 4, _FEWEST_CONNECTIONS), _MOST_CONNECTIONS)
