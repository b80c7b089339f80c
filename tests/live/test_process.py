"""The contract of `spawnProcess` as we rely on it: the real thing and our fake, held to the same."""

from collections.abc import Callable
from typing import Protocol

from twisted.internet import reactor as real_reactor
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IProcessTransport, IReactorProcess
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from codexd.child.process import ChildProcess, Command, launch
from tests.support.process import ProcessReactor, Temper

CAT = Command("/bin/cat")
STUBBORN_CAT = Command("/bin/sh", ("-c", 'trap "" TERM; exec cat'))


class Recorder(ProcessProtocol):
    """Writes down what a transport tells, and does nothing about it."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.output = b""
        self.reason: Failure | None = None

    def connectionMade(self) -> None:
        self.told.append("made")

    def outReceived(self, data: bytes) -> None:
        self.output += data

    def processExited(self, reason: Failure) -> None:
        self.told.append("exited")
        self.reason = reason

    def processEnded(self, reason: Failure) -> None:
        self.told.append("ended")


class World(Protocol):
    """A reactor, real or fake, and a way to let things happen in it."""

    reactor: IReactorProcess

    def stubborn(self) -> Command: ...

    async def until(self, condition: Callable[[], bool]) -> None: ...

    async def settle(self) -> None: ...


class RealWorld:
    reactor = real_reactor

    def stubborn(self) -> Command:
        return STUBBORN_CAT

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await deferLater(self.reactor, 0.002)

    async def settle(self) -> None:
        await deferLater(self.reactor, 0.1)


class FakeWorld:
    def __init__(self) -> None:
        self.reactor = ProcessReactor()

    def stubborn(self) -> Command:
        self.reactor.temper = Temper(ignores_term=True)
        return STUBBORN_CAT

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(1000):
            if condition():
                return
            self.reactor.advance(0.002)
        raise AssertionError("it never came to pass")

    async def settle(self) -> None:
        self.reactor.advance(0.1)


class Contract:
    """What both worlds do."""

    timeout = 20

    def run_in(self, world: World, protocol: ProcessProtocol, command: Command = CAT) -> IProcessTransport:
        transport = world.reactor.spawnProcess(
            protocol, command.executable, [command.executable, *command.arguments], env={}, path="."
        )
        self.addCleanup(self.bury, transport)
        return transport

    def bury(self, transport: IProcessTransport) -> None:
        try:
            transport.signalProcess("KILL")
        except ProcessExitedAlready:
            pass

    def world(self) -> World:
        raise NotImplementedError

    def test_the_reactor_provides_processes(self) -> None:
        verifyObject(IReactorProcess, self.world().reactor)

    async def test_the_transport_is_one(self) -> None:
        world, recorder = self.world(), Recorder()
        transport = self.run_in(world, recorder)
        verifyObject(IProcessTransport, transport)
        transport.closeStdin()
        await world.until(lambda: "ended" in recorder.told)

    async def test_it_runs_before_spawning_returns_and_ends_after_its_stdin(self) -> None:
        world, recorder = self.world(), Recorder()
        transport = self.run_in(world, recorder)
        self.assertEqual(recorder.told, ["made"])
        self.assertIsInstance(transport.pid, int)
        transport.write(b"to the ")
        transport.write(b"end\n")
        await world.until(lambda: recorder.output.endswith(b"\n"))
        transport.closeStdin()
        await world.until(lambda: "ended" in recorder.told)
        self.assertEqual((recorder.told, recorder.output), (["made", "exited", "ended"], b"to the end\n"))
        self.assertIsNone(transport.pid)

    async def test_term_and_kill_end_it_and_are_named(self) -> None:
        for signal, number in (("TERM", 15), ("KILL", 9)):
            world, recorder = self.world(), Recorder()
            self.run_in(world, recorder).signalProcess(signal)
            await world.until(lambda recorder=recorder: "ended" in recorder.told)
            self.assertEqual((recorder.reason.value.signal, recorder.reason.value.exitCode), (number, None))

    async def test_a_child_may_ignore_term_but_not_kill(self) -> None:
        world, recorder = self.world(), Recorder()
        transport = self.run_in(world, recorder, world.stubborn())
        transport.write(b"ready\n")
        await world.until(lambda: bool(recorder.output))
        transport.signalProcess("TERM")
        await world.settle()
        self.assertEqual(recorder.told, ["made"])
        transport.signalProcess("KILL")
        await world.until(lambda: "ended" in recorder.told)
        self.assertEqual(recorder.reason.value.signal, 9)

    async def test_while_paused_the_exit_is_told_but_neither_output_nor_end(self) -> None:
        world, recorder = self.world(), Recorder()
        transport = self.run_in(world, recorder)
        transport.pauseProducing()
        transport.write(b"last words\n")
        await world.settle()
        transport.signalProcess("KILL")
        await world.until(lambda: "exited" in recorder.told)
        await world.settle()
        self.assertEqual((recorder.told, recorder.output), (["made", "exited"], b""))
        transport.resumeProducing()
        await world.until(lambda: "ended" in recorder.told)
        self.assertEqual(recorder.output, b"last words\n")

    async def test_a_gone_child_takes_no_signals_and_swallows_writes(self) -> None:
        world, recorder = self.world(), Recorder()
        transport = self.run_in(world, recorder)
        transport.signalProcess("KILL")
        await world.until(lambda: "ended" in recorder.told)
        self.assertRaises(ProcessExitedAlready, transport.signalProcess, "TERM")
        transport.write(b"hello?")
        transport.closeStdin()
        transport.loseConnection()
        await world.settle()
        self.assertEqual(recorder.told, ["made", "exited", "ended"])

    async def test_our_end_lets_go_of_a_held_pipe_when_the_child_is_gone(self) -> None:
        world, child = self.world(), ChildProcess()
        told: list[object] = []
        child.on_output, child.on_exited = told.append, told.append
        child.on_ended = lambda: told.append("ended")
        launch(world.reactor, CAT, child)
        self.addCleanup(child.terminate, "KILL")
        child.hold(self)
        child.write(b"last words\n")
        await world.settle()
        self.assertEqual(told, [])
        child.terminate("KILL")
        await world.until(lambda: "ended" in told)
        self.assertEqual(told, ["killed by SIGKILL", b"last words\n", "ended"])


class FakeTests(Contract, TestCase):
    def world(self) -> World:
        return FakeWorld()


class RealTests(Contract, TestCase):
    def world(self) -> World:
        return RealWorld()

    async def test_the_child_sees_the_environment_and_the_directory_it_is_given_and_no_other(self) -> None:
        world, child, output = self.world(), ChildProcess(), bytearray()
        command = Command("/bin/sh", ("-c", "pwd; exec env"), {"ONLY": "this", "PATH": "/usr/bin:/bin"}, "/")
        child.on_output = output.extend
        ended: list[bool] = []
        child.on_ended = lambda: ended.append(True)
        launch(world.reactor, command, child)
        await world.until(lambda: bool(ended))
        lines = set(output.decode().split()) - {"PWD=/", "_=/usr/bin/env", "SHLVL=0", "OLDPWD=/"}
        self.assertEqual(lines, {"/", "ONLY=this", "PATH=/usr/bin:/bin"})

    def test_a_program_that_is_not_there_or_no_program_is_an_error(self) -> None:
        for executable in ("/nonexistent/codex", "/etc/passwd"):
            child = ChildProcess()
            self.assertRaises(OSError, launch, real_reactor, Command(executable), child)
            self.assertFalse(child.launched)

    async def test_in_another_directory_it_is_an_exit(self) -> None:
        world, child, exits = self.world(), ChildProcess(), []
        ended: list[bool] = []
        child.on_exited, child.on_ended = exits.append, lambda: ended.append(True)
        launch(world.reactor, Command("/nonexistent/codex", directory="/"), child)
        await world.until(lambda: bool(ended))
        self.assertEqual(exits, ["exit code 1"])
