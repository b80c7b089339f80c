"""The contract of `spawnProcess` that codexd relies on, run on real processes and on the fake."""

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

from codexd.child.process import ChildProcess, ProcessCommand, launch
from tests.support.fake_process import ProcessBehaviour, ProcessReactor

CAT = ProcessCommand("/bin/cat")
STUBBORN_CAT = ProcessCommand("/bin/sh", ("-c", 'trap "" TERM; exec cat'))


class Recorder(ProcessProtocol):
    """A process protocol that records its calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.output = b""
        self.reason: Failure | None = None

    def connectionMade(self) -> None:
        self.calls.append("made")

    def outReceived(self, data: bytes) -> None:
        self.output += data

    def processExited(self, reason: Failure) -> None:
        self.calls.append("exited")
        self.reason = reason

    def processEnded(self, reason: Failure) -> None:
        self.calls.append("ended")


class World(Protocol):
    """A reactor, real or fake, with a way to wait for conditions."""

    reactor: IReactorProcess

    def stubborn(self) -> ProcessCommand: ...

    async def wait_until(self, condition: Callable[[], bool]) -> None: ...

    async def settle(self) -> None: ...


class RealWorld:
    reactor = real_reactor

    def stubborn(self) -> ProcessCommand:
        return STUBBORN_CAT

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await deferLater(self.reactor, 0.002)

    async def settle(self) -> None:
        await deferLater(self.reactor, 0.1)


class FakeWorld:
    def __init__(self) -> None:
        self.reactor = ProcessReactor()

    def stubborn(self) -> ProcessCommand:
        self.reactor.behaviour = ProcessBehaviour(ignores_term=True)
        return STUBBORN_CAT

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        for _ in range(1000):
            if condition():
                return
            self.reactor.advance(0.002)
        raise AssertionError("it never came to pass")

    async def settle(self) -> None:
        self.reactor.advance(0.1)


class Contract:
    """The contract of both reactors."""

    timeout = 20

    def run_in(self, world: World, protocol: ProcessProtocol, command: ProcessCommand = CAT) -> IProcessTransport:
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

    async def test_the_transport_provides_its_interface(self) -> None:
        world, recorder = self.world(), Recorder()
        transport = self.run_in(world, recorder)
        verifyObject(IProcessTransport, transport)
        transport.closeStdin()
        await world.wait_until(lambda: "ended" in recorder.calls)

    async def test_it_runs_before_spawn_returns_and_exits_when_stdin_closes(self) -> None:
        world, recorder = self.world(), Recorder()
        transport = self.run_in(world, recorder)
        self.assertEqual(recorder.calls, ["made"])
        self.assertIsInstance(transport.pid, int)
        transport.write(b"to the ")
        transport.write(b"end\n")
        await world.wait_until(lambda: recorder.output.endswith(b"\n"))
        transport.closeStdin()
        await world.wait_until(lambda: "ended" in recorder.calls)
        self.assertEqual((recorder.calls, recorder.output), (["made", "exited", "ended"], b"to the end\n"))
        self.assertIsNone(transport.pid)

    async def test_term_and_kill_end_it_and_are_reported(self) -> None:
        for signal, number in (("TERM", 15), ("KILL", 9)):
            world, recorder = self.world(), Recorder()
            self.run_in(world, recorder).signalProcess(signal)
            await world.wait_until(lambda recorder=recorder: "ended" in recorder.calls)
            self.assertEqual((recorder.reason.value.signal, recorder.reason.value.exitCode), (number, None))

    async def test_a_child_may_ignore_term_but_not_kill(self) -> None:
        world, recorder = self.world(), Recorder()
        transport = self.run_in(world, recorder, world.stubborn())
        transport.write(b"ready\n")
        await world.wait_until(lambda: bool(recorder.output))
        transport.signalProcess("TERM")
        await world.settle()
        self.assertEqual(recorder.calls, ["made"])
        transport.signalProcess("KILL")
        await world.wait_until(lambda: "ended" in recorder.calls)
        self.assertEqual(recorder.reason.value.signal, 9)

    async def test_while_paused_only_the_exit_is_reported(self) -> None:
        world, recorder = self.world(), Recorder()
        transport = self.run_in(world, recorder)
        transport.pauseProducing()
        transport.write(b"last words\n")
        await world.settle()
        transport.signalProcess("KILL")
        await world.wait_until(lambda: "exited" in recorder.calls)
        await world.settle()
        self.assertEqual((recorder.calls, recorder.output), (["made", "exited"], b""))
        transport.resumeProducing()
        await world.wait_until(lambda: "ended" in recorder.calls)
        self.assertEqual(recorder.output, b"last words\n")

    async def test_an_exited_child_rejects_signals_and_ignores_writes(self) -> None:
        world, recorder = self.world(), Recorder()
        transport = self.run_in(world, recorder)
        transport.signalProcess("KILL")
        await world.wait_until(lambda: "ended" in recorder.calls)
        self.assertRaises(ProcessExitedAlready, transport.signalProcess, "TERM")
        transport.write(b"hello?")
        transport.closeStdin()
        transport.loseConnection()
        await world.settle()
        self.assertEqual(recorder.calls, ["made", "exited", "ended"])

    async def test_a_paused_pipe_is_closed_when_the_child_exits(self) -> None:
        world, child = self.world(), ChildProcess()
        calls: list[object] = []
        child.on_stdout, child.on_exited = calls.append, calls.append
        child.on_ended = lambda: calls.append("ended")
        launch(world.reactor, CAT, child)
        self.addCleanup(child.send_signal, "KILL")
        child.pause(self)
        child.write(b"last words\n")
        await world.settle()
        self.assertEqual(calls, [])
        child.send_signal("KILL")
        await world.wait_until(lambda: "ended" in calls)
        self.assertEqual(calls, ["killed by SIGKILL", b"last words\n", "ended"])


class FakeProcessTests(Contract, TestCase):
    def world(self) -> World:
        return FakeWorld()


class RealProcessTests(Contract, TestCase):
    def world(self) -> World:
        return RealWorld()

    async def test_the_child_gets_only_the_given_environment_and_directory(self) -> None:
        world, child, output = self.world(), ChildProcess(), bytearray()
        command = ProcessCommand("/bin/sh", ("-c", "pwd; exec env"), {"ONLY": "this", "PATH": "/usr/bin:/bin"}, "/")
        child.on_stdout = output.extend
        ended: list[bool] = []
        child.on_ended = lambda: ended.append(True)
        launch(world.reactor, command, child)
        await world.wait_until(lambda: bool(ended))
        lines = set(output.decode().split()) - {"PWD=/", "_=/usr/bin/env", "SHLVL=0", "OLDPWD=/"}
        self.assertEqual(lines, {"/", "ONLY=this", "PATH=/usr/bin:/bin"})

    def test_a_missing_or_invalid_program_is_an_error(self) -> None:
        for executable in ("/nonexistent/codex", "/etc/passwd"):
            child = ChildProcess()
            self.assertRaises(OSError, launch, real_reactor, ProcessCommand(executable), child)
            self.assertFalse(child.launched)

    async def test_a_missing_program_with_a_directory_is_an_exit(self) -> None:
        world, child, exits = self.world(), ChildProcess(), []
        ended: list[bool] = []
        child.on_exited, child.on_ended = exits.append, lambda: ended.append(True)
        launch(world.reactor, ProcessCommand("/nonexistent/codex", directory="/"), child)
        await world.wait_until(lambda: bool(ended))
        self.assertEqual(exits, ["exit code 1"])
