"""Checks whether a path still names the files that a connection has open.

SQLite continues to write into a file that was removed or replaced: everything in it is lost when the file is
closed. Its log (`-wal`) has the newest changes, and its index (`-shm`) the locks, so both count as well.
"""

import os
from typing import Final

from attrs import frozen

SUFFIXES: Final = ("", "-wal", "-shm")
"""The names of SQLite's files, after the path."""

Inode = tuple[int, int] | None


@frozen
class FileIdentity:
    """The files at a path.

    Attributes:
        files: device and inode of the file, its log and its index; None for one that does not exist.
    """

    files: tuple[Inode, ...]

    @classmethod
    def of(cls, path: str) -> "FileIdentity":
        """Return the identity of the files at a path."""
        return cls(tuple(read_inode(path + suffix) for suffix in SUFFIXES))


def read_inode(path: str) -> Inode:
    """Return device and inode of a file, None when it cannot be read."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
