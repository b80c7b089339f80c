"""One child process: its pipes and its end as callbacks, its signals as methods."""

from collections.abc import Callable, Mapping
from signal import Signals
from typing import Any, Literal, cast

from attrs import field, frozen
from twisted.internet.error import ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import IPushProducer, IReactorProcess
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from codexd.wire.jsonl import LineSplitter

COMPLAINT_BYTES = 64 * 2**10
"""The longest line of stderr that is taken; longer ones are dropped."""


@frozen
class Command:
    """What to run.

    Attributes:
        executable: the program's path.
        arguments: without the program's name.
        environment: all the child will see; it may hold keys, so no repr shows it.
        directory: where it runs.
    """

    executable: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(factory=dict, repr=False)
    directory: str = "."


def launch(reactor: IReactorProcess, command: Command, child: "ChildProcess") -> None:
    """Start the command with `child` at its pipes.

    For a directory other than the current one Twisted forks and execs instead of using `posix_spawn`: a
    program that cannot be run then shows as an exit with code 1, not as an error here.

    Raises:
        OSError: when the program cannot be run.
    """
    reactor.spawnProcess(
        child,
        command.executable,
        [command.executable, *command.arguments],
        env=dict(command.environment),
        path=command.directory,
    )


def _ignore(*_: Any) -> None:
    """Do nothing: what a callback does until somebody sets it."""


class ChildProcess(ProcessProtocol):
    """The parent's end of one child, from before it runs until its last byte is read.

    Attributes:
        pid: its process id while it runs, else None.
        launched: whether it has ever run.
        on_started: called when it runs.
        on_output: called with what it writes on stdout, as it comes.
        on_complaint: called with each line it writes on stderr.
        on_exited: called with a short text when it is gone; bytes it wrote may still be on their way.
        on_ended: called when the last of them was delivered.
    """

    def __init__(self) -> None:
        """Make an end that nothing runs at yet."""
        self.pid: int | None = None
        self.launched = False
        self.on_started: Callable[[], None] = _ignore
        self.on_output: Callable[[bytes], None] = _ignore
        self.on_complaint: Callable[[bytes], None] = _ignore
        self.on_exited: Callable[[str], None] = _ignore
        self.on_ended: Callable[[], None] = _ignore
        self._complaints = LineSplitter(COMPLAINT_BYTES)
        self._holders: dict[int, object] = {}

    def write(self, data: bytes) -> None:
        """Write to its stdin; once it is gone, to nowhere."""
        if self.pid is not None and self.transport is not None:
            self.transport.write(data)

    def close_stdin(self) -> None:
        """Close its stdin when all that was written is through. The app-server takes that as its end."""
        if self.transport is not None:
            self.transport.closeStdin()

    def terminate(self, signal: Literal["TERM", "KILL", "INT"]) -> None:
        """Send it a signal, unless it is gone already."""
        if self.transport is None:
            return
        try:
            self.transport.signalProcess(signal)
        except ProcessExitedAlready:
            pass

    def discard(self) -> None:
        """Close whatever pipe of a gone child is still open: a grandchild may hold it for ever."""
        if self.transport is not None and self.pid is None:
            self.transport.loseConnection()

    def hold(self, holder: object) -> None:
        """Read no more of its output until every holder has released it. Idempotent for each holder."""
        if self.pid is None:
            return
        if not self._holders:
            self._producer.pauseProducing()
        self._holders[id(holder)] = holder

    def release(self, holder: object) -> None:
        """Let go of a hold, if this holder has one. Idempotent."""
        if self._holders.pop(id(holder), None) is not None and not self._holders:
            self._producer.resumeProducing()

    @property
    def held(self) -> bool:
        """Tell whether anybody holds its output."""
        return bool(self._holders)

    @property
    def _producer(self) -> IPushProducer:
        return cast(IPushProducer, self.transport)  # a process transport is one, though it does not say so

    def connectionMade(self) -> None:
        """Twisted: it runs."""
        assert self.transport is not None
        self.pid, self.launched = self.transport.pid, True
        self.on_started()

    def outReceived(self, data: bytes) -> None:
        """Twisted: it wrote on stdout."""
        self.on_output(data)

    def errReceived(self, data: bytes) -> None:
        """Twisted: it wrote on stderr."""
        for line in self._complaints.receive(data):
            self.on_complaint(line)

    def processExited(self, reason: Failure) -> None:
        """Twisted: it is gone. Held pipes are let go: paused, they would never be seen to end."""
        self.pid = None
        if self._holders:
            self._holders.clear()
            self._producer.resumeProducing()
        self.on_exited(_in_words(reason))

    def processEnded(self, reason: Failure) -> None:
        """Twisted: it is gone and its pipes are read to the end."""
        last = self._complaints.finish()
        if last is not None:
            self.on_complaint(last)
        self.on_ended()


def _in_words(reason: Failure) -> str:
    end = reason.value
    if not isinstance(end, ProcessTerminated):
        return "exit code 0"
    if end.signal is None:
        return f"exit code {end.exitCode}"
    return f"killed by {Signals(end.signal).name}"
