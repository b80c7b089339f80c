"""Writes log lines in a thread of its own: a destination that stalls or fails drops lines, and stops nothing else.

A pipe that nobody reads, a terminal that was stopped, or a full disk would otherwise block the reactor or end the
daemon. The thread writes all waiting lines at once, so that a line costs the reactor less than a `write` would.
"""

import atexit
import os
import select
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import IO, Final, Protocol
from weakref import WeakSet

from twisted.python.logfile import LogFile

MAX_WAITING_BYTES: Final = 4 * 2**20
"""Lines that wait for the destination, about; further ones are dropped."""

FLUSH_SECONDS: Final = 1.0
"""How long the end of the process waits for the destination."""

_BATCH_BYTES: Final = 2**16


FORK_SECONDS: Final = 0.2
"""How long a fork waits for a file that is being written, which can take longer only on a disk that stalls."""


class LogDestination(Protocol):
    """Where lines are written, in the thread."""

    def before_fork(self) -> None:
        """Wait until no lock is held that a forked process would inherit."""

    def after_fork(self, in_child: bool) -> None:
        """Undo `before_fork`."""

    def write(self, data: bytes) -> int:
        """Write the data; return how much of it was written, which is less than all after an error."""
        ...

    def reopen(self) -> None:
        """Open the file at the path again, which was moved by a log rotation."""


class DescriptorDestination:
    """A file descriptor of the process, such as its standard output; one that is closed drops everything.

    Attributes:
        descriptor: its number; None if it was closed when the process started.
    """

    def __init__(self, descriptor: int | None) -> None:
        self.descriptor = descriptor

    def write(self, data: bytes) -> int:
        """Write the data (LogDestination)."""
        if self.descriptor is None:
            return 0
        written = 0
        while written < len(data):
            try:
                written += os.write(self.descriptor, data[written:])
            except BlockingIOError:  # another process has made the open file non-blocking
                select.select((), (self.descriptor,), ())
            except OSError:
                break
        return written

    def reopen(self) -> None:
        """Do nothing: there is no path (LogDestination)."""

    def before_fork(self) -> None:
        """Do nothing: a descriptor has no lock (LogDestination)."""

    def after_fork(self, in_child: bool) -> None:
        """Do nothing (LogDestination)."""


class FileDestination:
    """A log file, which may have a rotation of its own."""

    def __init__(self, file: LogFile) -> None:
        self._file = file
        # Python's file has a lock; a process that is forked while the thread holds it could never write (twistd
        # forks twice to become a daemon, just after its first lines).
        self._lock = threading.Lock()
        self._held = False

    def write(self, data: bytes) -> int:
        """Write the data (LogDestination)."""
        with self._lock:
            try:
                self._file.write(data)
                self._file.flush()
            except OSError:
                return 0
            except (ValueError, AttributeError):  # rotating has failed and left the file closed
                self._reopen()
                return 0
            return len(data)

    def reopen(self) -> None:
        """Open the file again (LogDestination)."""
        with self._lock:
            self._reopen()

    def before_fork(self) -> None:
        """Wait until nothing is being written (LogDestination)."""
        self._held = self._lock.acquire(timeout=FORK_SECONDS)

    def after_fork(self, in_child: bool) -> None:
        """Allow writes again (LogDestination)."""
        if in_child:
            self._lock = threading.Lock()
        elif self._held:
            self._lock.release()
        self._held = False

    def _reopen(self) -> None:
        with suppress(OSError, ValueError, AttributeError):
            self._file.reopen()


class LogWriter:
    """A file-like object for log observers, whose `write` neither blocks nor fails.

    `write` may be called in any thread and in signal handlers, even during another `write`: it takes no lock.

    Args:
        destination: is written to in the thread.
        format_notice: returns the line that reports how many lines were dropped.

    Attributes:
        on_dropped: called with a number of dropped lines, in any thread.
        destination: as above.
    """

    def __init__(self, destination: LogDestination, format_notice: Callable[[int], str]) -> None:
        self.on_dropped: Callable[[int], object] = lambda count: None
        self.destination = destination
        self._format_notice = format_notice
        self._reset()
        _writers.add(self)

    def _reset(self) -> None:
        # A fork has no threads: the child begins anew, and the parent writes what waits.
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._put_bytes = self._taken_bytes = 0
        # Each is changed by one side only, the reactor's or the thread's: `+=` is not atomic.
        self._excess = self._failed = self._reported = 0
        self._line_is_cut = False
        self._closes_at: float | None = None
        self._thread: threading.Thread | None = None

    def write(self, line: str) -> None:
        """Write a line that ends in a newline."""
        if self._put_bytes - self._taken_bytes > MAX_WAITING_BYTES:
            self._excess += 1
            self.on_dropped(1)
            return
        self._put_bytes += len(line)
        self._lines.put(line)
        if self._thread is None:
            self._start()
        if self._closes_at is not None:
            self._wait(self._closes_at)

    def flush(self) -> None:
        """Do nothing: the thread writes as soon as it can."""

    def reopen(self) -> None:
        """Open the destination's file again, after the lines so far."""
        self._lines.put(None)
        if self._thread is None:
            self._start()

    def close(self) -> None:
        """Wait until everything is written, for a short time; from now on every `write` waits as well.

        The time is for all waits together, so that the destination cannot delay the end of the process.
        """
        if self._closes_at is None:
            self._closes_at = time.monotonic() + FLUSH_SECONDS
        self._wait(self._closes_at)

    def _wait(self, until: float) -> None:
        while self._put_bytes != self._taken_bytes and time.monotonic() < until:
            time.sleep(0.001)

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, args=(self._lines,), name="codexd-log", daemon=True)
        self._thread.start()

    # In the thread.

    def _run(self, lines: "SimpleQueue[str | None]") -> None:
        while True:
            line = lines.get()
            if line is None:
                self.destination.reopen()
                continue
            batch = [line]
            size = len(line)
            while size < _BATCH_BYTES:
                try:
                    line = lines.get_nowait()
                except Empty:
                    break
                if line is None:
                    self._write_batch(batch)
                    batch = []
                    self.destination.reopen()
                    break
                batch.append(line)
                size += len(line)
            if batch:
                self._write_batch(batch)

    def _write_batch(self, batch: list[str]) -> None:
        dropped = self._excess + self._failed - self._reported
        head = ("\n" if self._line_is_cut else "") + (self._format_notice(dropped) if dropped else "")
        data = (head + "".join(batch)).encode("utf-8", "backslashreplace")
        written = self.destination.write(data)
        if written == len(data):
            self._reported += dropped
            self._line_is_cut = False
        else:
            self._write_failed(batch, data[:written], len(head), dropped)
        self._taken_bytes += sum(map(len, batch))

    def _write_failed(self, batch: list[str], written: bytes, head_bytes: int, dropped: int) -> None:
        """Count the lines that were not written as a whole."""
        if written:
            self._line_is_cut = not written.endswith(b"\n")
        if len(written) >= head_bytes:
            self._reported += dropped
        lost = len(batch) - written.count(b"\n", head_bytes)
        self._failed += lost
        self.on_dropped(lost)


_writers: "WeakSet[LogWriter]" = WeakSet()


def all_writers() -> list[LogWriter]:
    """Return the log writers of this process."""
    return list(_writers)


@atexit.register
def close_all_writers() -> None:
    """Write the last lines, for a limited time; a failed start writes its reason at the very end."""
    for writer in all_writers():
        writer.close()


def _before_fork() -> None:
    for writer in all_writers():
        writer.destination.before_fork()


def _after_fork_in_parent() -> None:
    for writer in all_writers():
        writer.destination.after_fork(in_child=False)


def _after_fork_in_child() -> None:
    for writer in all_writers():
        writer.destination.after_fork(in_child=True)
        writer._reset()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


def descriptor_of(stream: IO[str] | None) -> int | None:
    """Return a standard stream's descriptor, None if the stream was closed when the process started."""
    if stream is None:
        return None
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None


def standard_output() -> DescriptorDestination:
    """Return the standard output of the process."""
    return DescriptorDestination(descriptor_of(sys.stdout))
