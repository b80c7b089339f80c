"""A verified fake of `spawnProcess`: processes on a `Clock`, controlled by the test.

`tests/live/test_process.py` runs the same contract on it and on real processes.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from signal import Signals
from typing import AnyStr

from attrs import frozen
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import IAddress, IProcessProtocol, IProcessTransport, IReactorProcess
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

SpawnArguments = tuple[bytes | str, list[bytes | str], object, object]
"""Executable, arguments, environment and directory."""


@frozen
class ProcessBehaviour:
    """How a fake process behaves; by default like `cat`.

    Attributes:
        ignores_term: it does not exit on TERM.
        exit_seconds: the time from a signal, or the end of its input, to its exit.
        exits_at_once: it exits before `spawnProcess` returns.
    """

    ignores_term: bool = False
    exit_seconds: float = 0.0
    exits_at_once: bool = False


@implementer(IProcessTransport)
class FakeProcess:
    """A process that echoes its stdin and exits when stdin is closed or on a signal.

    Attributes:
        pid: None after its exit, as with a real transport.
        command: what it was spawned with.
        written: the bytes received on stdin.
        signals: the signals received.
        paused: its output is not read.
        ended: `processEnded` was called.
    """

    def __init__(
        self,
        clock: Clock,
        pid: int,
        protocol: IProcessProtocol,
        command: SpawnArguments,
        behaviour: ProcessBehaviour,
    ) -> None:
        self.pid: int | None = pid
        self.command = command
        self.behaviour = behaviour
        self.written = b""
        self.signals: list[str | int] = []
        self.paused = False
        self.ended = False
        self._clock = clock
        self._protocol = protocol
        self._pipes: list[tuple[int, bytes]] = []
        self._reason: Failure | None = None

    @property
    def alive(self) -> bool:
        return self.pid is not None

    def emit_output(self, data: bytes, fd: int = 1) -> None:
        """Write on stdout, or on stderr."""
        self._pipes.append((fd, data))
        self._drain()

    def exit(self, code: int = 0, signal: int | None = None) -> None:
        """Exit, unless it has exited already."""
        if self.pid is None:
            return
        self.pid = None
        done = code == 0 and signal is None
        self._reason = Failure(ProcessDone(0) if done else ProcessTerminated(None if signal else code, signal))
        self._protocol.processExited(self._reason)
        self._clock.callLater(0, self._drain)

    def _drain(self) -> None:
        while self._pipes and not self.paused:
            self._protocol.childDataReceived(*self._pipes.pop(0))
        if self._reason is not None and not self.paused and not self.ended:
            self.ended = True
            self._protocol.processEnded(self._reason)

    def write(self, data: bytes) -> None:
        self.written += data  # after its exit, a grandchild may still read this
        if self.alive:
            self._clock.callLater(0, self.emit_output, data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))

    def writeToChild(self, childFD: int, data: bytes) -> None:
        assert childFD == 0
        self.write(data)

    def closeStdin(self) -> None:
        if self.alive:
            self._clock.callLater(self.behaviour.exit_seconds, self.exit)

    def closeStdout(self) -> None:
        self.closeChildFD(1)

    def closeStderr(self) -> None:
        self.closeChildFD(2)

    def closeChildFD(self, descriptor: int) -> None:
        if descriptor == 0:
            self.closeStdin()
        else:
            self._pipes = [piece for piece in self._pipes if piece[0] != descriptor]

    def loseConnection(self) -> None:
        for descriptor in (0, 1, 2):
            self.closeChildFD(descriptor)
        self.paused = False
        self._clock.callLater(0, self._drain)

    def signalProcess(self, signalID: str | int) -> None:
        if self.pid is None:
            raise ProcessExitedAlready()
        self.signals.append(signalID)
        if signalID == "TERM" and self.behaviour.ignores_term:
            return
        number = Signals[f"SIG{signalID}"] if isinstance(signalID, str) else signalID
        self._clock.callLater(self.behaviour.exit_seconds, self.exit, 0, int(number))

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False
        self._clock.callLater(0, self._drain)

    def getPeer(self) -> IAddress:
        raise NotImplementedError

    def getHost(self) -> IAddress:
        raise NotImplementedError


@implementer(IReactorProcess)
class ProcessReactor(Clock):
    """A `Clock` that spawns fake processes.

    Attributes:
        processes: all processes spawned so far, oldest first.
        temper: of the processes spawned from now on.
        error: raised by `spawnProcess` if not None.
    """

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[FakeProcess] = []
        self.behaviour = ProcessBehaviour()
        self.error: Exception | None = None
        self._pids = count(1000)

    @property
    def running_processes(self) -> list[FakeProcess]:
        return [process for process in self.processes if process.alive]

    def advance_stepwise(self, seconds: float) -> None:
        """Advance from one due call to the next, so that each call sees its own time."""
        end = self.seconds() + seconds
        while (due := min((call.getTime() for call in self.getDelayedCalls()), default=end + 1)) <= end:
            self.advance(max(0.0, due - self.seconds()))
        self.advance(max(0.0, end - self.seconds()))

    def _made(self, protocol: IProcessProtocol, command: SpawnArguments) -> FakeProcess:
        return FakeProcess(self, next(self._pids), protocol, command, self.behaviour)

    def spawnProcess(
        self,
        processProtocol: IProcessProtocol,
        executable: bytes | str,
        args: Sequence[bytes | str],
        env: Mapping[AnyStr, AnyStr] | None = None,
        path: bytes | str | None = None,
        uid: int | None = None,
        gid: int | None = None,
        usePTY: bool = False,
        childFDs: Mapping[int, int | str] | None = None,
    ) -> IProcessTransport:
        if self.error is not None:
            raise self.error
        process = self._made(processProtocol, (executable, list(args), env, path))
        self.processes.append(process)
        processProtocol.makeConnection(process)
        if self.behaviour.exits_at_once:
            process.exit(code=1)
        return process
