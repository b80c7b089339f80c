"""The supervisor with real processes."""

import os
from collections.abc import Callable
from signal import SIGKILL

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from codexd.child.process import ChildProcess, ProcessCommand, launch
from codexd.child.supervisor import Supervisor
from codexd.policy.restart import RestartPolicy, Supervision

SUPERVISION = Supervision(handshake_seconds=5, grace_seconds=0.2, restart=RestartPolicy())
STUBBORN = ProcessCommand("/bin/sh", ("-c", 'trap "" TERM; echo ready; exec cat'))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class SupervisorTests(TestCase):
    timeout = 20

    def make(self, command: ProcessCommand) -> Supervisor:
        self.spawned: list[ChildProcess] = []

        def spawn(child: ChildProcess) -> None:
            self.spawned.append(child)
            launch(reactor, command, child)

        supervisor = Supervisor(
            spawn=spawn,
            handshake=self.say_hello,
            clock=reactor,
            supervision=SUPERVISION,
            random=lambda: 0.0,
            on_up=lambda child, result: None,
            on_lost=lambda reason: None,
        )
        self.addCleanup(supervisor.stopService)
        supervisor.startService()
        return supervisor

    def say_hello(self, child: ChildProcess) -> "Deferred[object]":
        answer: Deferred[object] = Deferred()
        child.on_stdout = lambda data: None if answer.called else answer.callback(data)
        child.write(b"hello\n")
        return answer

    async def wait_until(self, condition: Callable[[], bool]) -> float:
        began = reactor.seconds()
        while not condition():
            await deferLater(reactor, 0.005)
        return reactor.seconds() - began

    async def test_a_killed_child_is_replaced_within_three_seconds(self) -> None:
        supervisor = self.make(ProcessCommand("/bin/cat"))
        await self.wait_until(lambda: supervisor.up)
        killed = supervisor.pid
        os.kill(killed, SIGKILL)
        self.assertLess(await self.wait_until(lambda: not supervisor.up), 1)
        self.assertLess(await self.wait_until(lambda: supervisor.up), 3)
        self.assertEqual((len(self.spawned), supervisor.last_exit), (2, "killed by SIGKILL"))
        self.assertNotEqual(supervisor.pid, killed)

    async def test_a_stop_leaves_no_process_even_if_it_ignores_term(self) -> None:
        supervisor = self.make(STUBBORN)
        await self.wait_until(lambda: supervisor.up)
        pid = supervisor.pid
        await supervisor.stopService()
        self.assertFalse(is_running(pid))
        reason = "killed by codexd: it did not exit within the grace period"
        self.assertEqual((supervisor.state, supervisor.last_exit), ("Stopped", reason))

    async def test_a_missing_program_is_retried_and_can_be_stopped(self) -> None:
        supervisor = self.make(ProcessCommand("/nonexistent/codex"))
        await self.wait_until(lambda: len(self.spawned) == 2)
        self.assertIn("No such file", supervisor.last_exit)
        await supervisor.stopService()
        self.assertEqual(supervisor.state, "Stopped")
