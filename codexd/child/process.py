"""One child process: callbacks for its pipes and its exit, methods for signals and flow control."""

from collections.abc import Callable, Mapping
from signal import Signals
from typing import Any, Literal, cast

from attrs import field, frozen
from twisted.internet.error import ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import IPushProducer, IReactorProcess
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from codexd.wire.jsonl import LineSplitter

MAX_STDERR_LINE_BYTES = 64 * 2**10
"""Longest line of stderr; longer ones are dropped."""


@frozen
class ProcessCommand:
    """A program with its arguments and environment.

    Attributes:
        executable: path of the program.
        arguments: without the program's name.
        environment: the whole environment of the child; left out of the repr, as it may contain keys.
        directory: the working directory.
    """

    executable: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(factory=dict, repr=False)
    directory: str = "."


def launch(reactor: IReactorProcess, command: ProcessCommand, child: "ChildProcess") -> None:
    """Start the command with `child` as its process protocol.

    For a directory other than the current one Twisted forks and execs instead of using `posix_spawn`: a
    program that cannot be run then exits with code 1 and raises no error here.

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
    """Ignore a callback that nobody has set."""


class ChildProcess(ProcessProtocol):
    """The process protocol of one child: from before its start until its last byte is read.

    Attributes:
        pid: process id while it runs, else None.
        launched: whether it has ever run.
        on_started: called when it runs.
        on_stdout: called with each chunk of its stdout.
        on_stderr_line: called with each line of its stderr.
        on_pipe_closed: called when it closes its stdin or stdout, also by its exit.
        on_exited: called with a description of its exit; output may still follow.
        on_ended: called after the last of its output.
    """

    def __init__(self) -> None:
        """Create a protocol that is not connected to a process yet."""
        self.pid: int | None = None
        self.launched = False
        self.on_started: Callable[[], None] = _ignore
        self.on_stdout: Callable[[bytes], None] = _ignore
        self.on_stderr_line: Callable[[bytes], None] = _ignore
        self.on_pipe_closed: Callable[[], None] = _ignore
        self.on_exited: Callable[[str], None] = _ignore
        self.on_ended: Callable[[], None] = _ignore
        self._stderr = LineSplitter(MAX_STDERR_LINE_BYTES)
        self._pausers: dict[int, object] = {}

    def write(self, data: bytes) -> None:
        """Write to its stdin; after its exit the data is dropped."""
        if self.pid is not None and self.transport is not None:
            self.transport.write(data)

    def send_signal(self, signal: Literal["TERM", "KILL", "INT"]) -> None:
        """Send a signal, unless it has exited."""
        if self.transport is None:
            return
        try:
            self.transport.signalProcess(signal)
        except ProcessExitedAlready:
            pass

    def close_pipes(self) -> None:
        """Close the pipes of an exited child; a grandchild may hold them open for ever."""
        if self.transport is not None and self.pid is None:
            self.transport.loseConnection()

    def pause(self, holder: object) -> None:
        """Stop reading its stdout until every holder has called `resume`. Idempotent for each holder."""
        if self.pid is None:
            return
        if not self._pausers:
            self._producer.pauseProducing()
        self._pausers[id(holder)] = holder

    def resume(self, holder: object) -> None:
        """Undo this holder's `pause`, if there was one. Idempotent."""
        if self._pausers.pop(id(holder), None) is not None and not self._pausers:
            self._producer.resumeProducing()

    @property
    def paused(self) -> bool:
        """Whether any holder has paused its stdout."""
        return bool(self._pausers)

    @property
    def _producer(self) -> IPushProducer:
        return cast(IPushProducer, self.transport)  # a process transport is one, but does not declare it

    def connectionMade(self) -> None:
        """Twisted: the process runs."""
        assert self.transport is not None
        self.pid, self.launched = self.transport.pid, True
        self.on_started()

    def outReceived(self, data: bytes) -> None:
        """Twisted: bytes came on stdout."""
        self.on_stdout(data)

    def errReceived(self, data: bytes) -> None:
        """Twisted: bytes came on stderr."""
        for line in self._stderr.receive(data):
            self.on_stderr_line(line)

    def inConnectionLost(self) -> None:
        """Twisted: its stdin is closed."""
        self.on_pipe_closed()

    def outConnectionLost(self) -> None:
        """Twisted: its stdout is closed."""
        self.on_pipe_closed()

    def processExited(self, reason: Failure) -> None:
        """Twisted: the process has exited. Paused pipes are resumed, else `processEnded` never comes."""
        self.pid = None
        if self._pausers:
            self._pausers.clear()
            self._producer.resumeProducing()
        self.on_exited(_describe_exit(reason))

    def processEnded(self, reason: Failure) -> None:
        """Twisted: the process has exited and its pipes are read to the end."""
        last = self._stderr.finish()
        if last is not None:
            self.on_stderr_line(last)
        self.on_ended()


def _describe_exit(reason: Failure) -> str:
    error = reason.value
    if not isinstance(error, ProcessTerminated):
        return "exit code 0"
    if error.signal is None:
        return f"exit code {error.exitCode}"
    return f"killed by {Signals(error.signal).name}"
