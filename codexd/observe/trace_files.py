"""The files of traces: `{time}-{request id}.json` in a private directory, limited in age, number and size."""

import os
import re
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from attrs import frozen

from codexd.settings import Trace

DIRECTORY_NAME: Final = "trace-buffer"
_NAME: Final = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{3}Z-(?P<id>[A-Za-z0-9._-]+)\.json(?P<new>\.new)?")
_NEW: Final = ".new"
_UNFINISHED_SECONDS: Final = 60
"""The age at which a file that is not complete is left over from a process that has ended."""

_OTHERS: Final = 0o077
_OWN_DIRECTORY: Final = "name one that does not exist, which codexd creates, or one of its own with mode 700"

PruneReason = Literal["expired", "count", "size"]


@frozen(kw_only=True)
class TraceFile:
    """One file.

    Attributes:
        path: where it is.
        id: the id of its request.
        size_bytes: its size.
        changed: when it was written, in Unix seconds.
        is_complete: it has been written to its end.
    """

    path: Path
    id: str
    size_bytes: int
    changed: float
    is_complete: bool


@frozen
class TraceDirectory:
    """The directory of the traces. Nothing else in it is read or deleted.

    Attributes:
        path: where it is.
    """

    path: Path

    def write(self, name: str, content: bytes) -> None:
        """Write a file that only codexd's own user can read; it appears under its name once it is complete.

        Raises:
            OSError: if it cannot be written, or the directory is not private.
        """
        self._create()
        new = self.path / f"{name}{_NEW}"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, 0o600)
                file.write(content)
            new.rename(self.path / name)
        except OSError:
            # What is left would keep a full disk full.
            new.unlink(missing_ok=True)
            raise

    def files(self) -> tuple[TraceFile, ...]:
        """Return the complete files, the oldest first."""
        found = (file for file in self._scan() if file.is_complete)
        return tuple(sorted(found, key=lambda file: (file.changed, file.path.name)))

    def find(self, id: str) -> tuple[TraceFile, ...]:
        """Return the files of a request, the oldest first."""
        return tuple(file for file in self.files() if file.id == id)

    def prune(self, limits: Trace, now: float) -> Counter[PruneReason]:
        """Delete the files beyond the limits, the oldest first, and old incomplete ones; return how many, by reason.

        Args:
            limits: of age, number and size.
            now: Unix time in seconds.

        Raises:
            OSError: if a file cannot be deleted.
        """
        pruned: Counter[PruneReason] = Counter()
        for file in self._scan():
            if not file.is_complete and now - file.changed > _UNFINISHED_SECONDS:
                file.path.unlink(missing_ok=True)
                pruned["expired"] += 1
        files = list(self.files())
        total = sum(file.size_bytes for file in files)
        while files and (reason := _find_reason(files, total, limits, now)) is not None:
            oldest = files.pop(0)
            total -= oldest.size_bytes
            oldest.path.unlink(missing_ok=True)
            pruned[reason] += 1
        return pruned

    def purge(self) -> int:
        """Delete all files, and return how many there were."""
        files = tuple(self._scan())
        for file in files:
            file.path.unlink(missing_ok=True)
        return len(files)

    def find_problem(self) -> str | None:
        """Return why the traces cannot be kept in the directory, if it exists; its mode is never changed."""
        try:
            status = self.path.lstat()
        except FileNotFoundError:
            return None
        if stat.S_ISLNK(status.st_mode):
            return f"{self.path} is a symbolic link; name the directory itself"
        if not stat.S_ISDIR(status.st_mode):
            return f"{self.path} is not a directory"
        if status.st_uid != os.geteuid():
            return f"{self.path} belongs to another user; {_OWN_DIRECTORY}"
        if stat.S_IMODE(status.st_mode) & _OTHERS:
            return f"{self.path} has mode {stat.S_IMODE(status.st_mode):o}, so others can use it; {_OWN_DIRECTORY}"
        return None

    def _create(self) -> None:
        try:
            self.path.mkdir(mode=0o700, parents=True)
        except FileExistsError:
            if problem := self.find_problem():
                raise PermissionError(problem) from None

    def _scan(self) -> Iterator[TraceFile]:
        try:
            entries = list(os.scandir(self.path))
        except FileNotFoundError:
            return
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            if match and entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                yield TraceFile(
                    path=Path(entry.path),
                    id=match["id"],
                    size_bytes=status.st_size,
                    changed=status.st_mtime,
                    is_complete=match["new"] is None,
                )


def locate_trace_directory(settings: Trace, state: Path) -> TraceDirectory:
    """Return the directory of the traces: that of the settings, else one in codexd's state directory."""
    return TraceDirectory(Path(settings.directory).expanduser() if settings.directory else state / DIRECTORY_NAME)


def _find_reason(files: list[TraceFile], total_bytes: int, limits: Trace, now: float) -> PruneReason | None:
    if now - files[0].changed > limits.ttl_seconds:
        return "expired"
    if len(files) > limits.max_files:
        return "count"
    return "size" if total_bytes > limits.max_bytes else None
