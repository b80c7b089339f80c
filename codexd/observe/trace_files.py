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
_NAME: Final = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{3}Z-(?P<id>[A-Za-z0-9._-]+)\.json(\.new)?")
_NEW: Final = ".new"

PruneReason = Literal["expired", "count", "size"]


@frozen
class TraceFile:
    """One file.

    Attributes:
        path: where it is.
        id: the id of its request.
        size_bytes: its size.
        changed: when it was written, in Unix seconds.
    """

    path: Path
    id: str
    size_bytes: int
    changed: float


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
            OSError: if it cannot be written, or the directory belongs to somebody else.
        """
        self._create()
        new = self.path / f"{name}{_NEW}"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(content)
        new.rename(self.path / name)

    def files(self) -> tuple[TraceFile, ...]:
        """Return the files, the oldest first."""
        return tuple(sorted(self._scan(), key=lambda file: (file.changed, file.path.name)))

    def find(self, id: str) -> tuple[TraceFile, ...]:
        """Return the files of a request, the oldest first."""
        return tuple(file for file in self.files() if file.id == id)

    def prune(self, limits: Trace, now: float) -> Counter[PruneReason]:
        """Delete the files beyond the limits, the oldest first, and return how many, by the limit.

        Args:
            limits: of age, number and size.
            now: Unix time in seconds.

        Raises:
            OSError: if a file cannot be deleted.
        """
        files = list(self.files())
        pruned: Counter[PruneReason] = Counter()
        total = sum(file.size_bytes for file in files)
        while files and (reason := _find_reason(files, total, limits, now)) is not None:
            oldest = files.pop(0)
            total -= oldest.size_bytes
            oldest.path.unlink(missing_ok=True)
            pruned[reason] += 1
        return pruned

    def purge(self) -> int:
        """Delete all files, and return how many there were."""
        files = self.files()
        for file in files:
            file.path.unlink(missing_ok=True)
        return len(files)

    def _create(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = self.path.stat()
        if status.st_uid != os.geteuid():
            raise PermissionError(f"{self.path} belongs to another user")
        if stat.S_IMODE(status.st_mode) != 0o700:
            self.path.chmod(0o700)

    def _scan(self) -> Iterator[TraceFile]:
        try:
            entries = list(os.scandir(self.path))
        except FileNotFoundError:
            return
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            if match and entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                yield TraceFile(Path(entry.path), match["id"], status.st_size, status.st_mtime)


def locate_trace_directory(settings: Trace, state: Path) -> TraceDirectory:
    """Return the directory of the traces: that of the settings, else one in codexd's state directory."""
    return TraceDirectory(Path(settings.directory).expanduser() if settings.directory else state / DIRECTORY_NAME)


def _find_reason(files: list[TraceFile], total_bytes: int, limits: Trace, now: float) -> PruneReason | None:
    if now - files[0].changed > limits.ttl_seconds:
        return "expired"
    if len(files) > limits.max_files:
        return "count"
    return "size" if total_bytes > limits.max_bytes else None
