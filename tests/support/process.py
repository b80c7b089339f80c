"""A verified fake of `spawnProcess`: children that live on a Clock and do as the test says.

`tests/live/test_process.py` holds it and the real thing to the same contract.
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

Command = tuple[bytes | str, list[bytes | str], object, object]
"""Executable, arguments, environment and directory."""


@frozen
class Temper:
    """How a fake child behaves; the default is to behave like `cat`.

    Attributes:
        ignores_term: it does not end on TERM.
        dying_seconds: between what ends it and its end.
        stillborn: it has ended before `spawnProcess` returns.
    """

    ignores_term: bool = False
    dying_seconds: float = 0.0
    stillborn: bool = False


@implementer(IProcessTransport)
class FakeProcess:
    """One child: echoes its stdin, ends when stdin is closed or a signal says so.

    Attributes:
        pid: as the real transport has it: None once the child is gone.
        command: executable, arguments, environment and directory it was spawned with.
        written: all it got on stdin.
        signals: all it was sent.
        paused: nobody reads its output.
        ended: its protocol was told of the end of its pipes.
    """

    def __init__(
        self, clock: Clock, pid: int, protocol: IProcessProtocol, command: Command, temper: Temper
    ) -> None:
        self.pid: int | None = pid
        self.command = command
        self.temper = temper
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

    def say(self, data: bytes, fd: int = 1) -> None:
        """Have it write on stdout, or on stderr."""
        self._pipes.append((fd, data))
        self._drain()

    def exit(self, code: int = 0, signal: int | None = None) -> None:
        """Have it end, unless it did already."""
        if self.pid is None:
            return
        self.pid = None
        done = code == 0 and signal is None
        self._reason = Failure(
            ProcessDone(0) if done else ProcessTerminated(None if signal else code, signal)
        )
        self._protocol.processExited(self._reason)
        self._clock.callLater(0, self._drain)

    def _drain(self) -> None:
        while self._pipes and not self.paused:
            self._protocol.childDataReceived(*self._pipes.pop(0))
        if self._reason is not None and not self.paused and not self.ended:
            self.ended = True
            self._protocol.processEnded(self._reason)

    def write(self, data: bytes) -> None:
        self.written += data  # once it is gone, a grandchild may still read this
        if self.alive:
            self._clock.callLater(0, self.say, data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))

    def writeToChild(self, childFD: int, data: bytes) -> None:
        assert childFD == 0
        self.write(data)

    def closeStdin(self) -> None:
        if self.alive:
            self._clock.callLater(self.temper.dying_seconds, self.exit)

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
        if signalID == "TERM" and self.temper.ignores_term:
            return
        number = Signals[f"SIG{signalID}"] if isinstance(signalID, str) else signalID
        self._clock.callLater(self.temper.dying_seconds, self.exit, 0, int(number))

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
    """A reactor whose time is told to pass and whose processes are fakes.

    Attributes:
        processes: all that were ever spawned, oldest first.
        temper: of the children spawned from now on.
        error: what `spawnProcess` raises instead of spawning, if anything.
    """

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[FakeProcess] = []
        self.temper = Temper()
        self.error: Exception | None = None
        self._pids = count(1000)

    @property
    def living(self) -> list[FakeProcess]:
        return [process for process in self.processes if process.alive]

    def live(self, seconds: float) -> None:
        """Let time pass as it does: what falls due sees its own moment, not the end of the jump."""
        end = self.seconds() + seconds
        while (due := min((call.getTime() for call in self.getDelayedCalls()), default=end + 1)) <= end:
            self.advance(max(0.0, due - self.seconds()))
        self.advance(max(0.0, end - self.seconds()))

    def _made(self, protocol: IProcessProtocol, command: Command) -> FakeProcess:
        return FakeProcess(self, next(self._pids), protocol, command, self.temper)

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
        if self.temper.stillborn:
            process.exit(code=1)
        return process
