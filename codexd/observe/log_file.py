"""The log file of `twistd --logfile`."""

import fcntl
import os

from twisted.python.logfile import LogFile


class AppendingLogFile(LogFile):
    """A log file that a log rotation may truncate (logrotate's `copytruncate`) or move while it is written.

    Every write goes to its end, wherever that is then: Twisted's would leave a hole as long as the file was before.
    Its own rotation compares the real size.
    """

    def _openFile(self) -> None:
        super()._openFile()  # type: ignore[no-untyped-call]
        descriptor = self._file.fileno()
        fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_APPEND)

    def shouldRotate(self) -> bool:
        """Return whether the file has reached the size at which it is rotated."""
        return bool(self.rotateLength) and os.fstat(self._file.fileno()).st_size >= self.rotateLength
