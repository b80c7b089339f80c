"""The process protocol of a child. `tests/live/test_process.py` runs the same with real processes."""

from signal import SIGKILL

from twisted.internet.interfaces import IProcessProtocol
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.child.process import MAX_STDERR_LINE_BYTES, ChildProcess, ProcessCommand, launch
from tests.support.cases import each_set_up
from tests.support.fake_process import FakeProcess, ProcessReactor

COMMAND = ProcessCommand("/opt/codex", ("app-server", "-c", "a=b"), {"OPENAI_API_KEY": "sk-secret"}, "/srv")


class ProcessTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = ProcessReactor()
        self.events: list[object] = []
        self.child = ChildProcess()
        self.child.on_started = lambda: self.events.append(("started", self.child.pid))
        self.child.on_stdout = lambda data: self.events.append(("stdout", data))
        self.child.on_stderr_line = lambda line: self.events.append(("stderr", line))
        self.child.on_exited = lambda reason: self.events.append(("exited", reason, self.child.pid))
        self.child.on_ended = lambda: self.events.append("ended")

    def start(self) -> FakeProcess:
        launch(self.reactor, COMMAND, self.child)
        self.events.clear()
        return self.reactor.processes[0]


class LaunchTests(ProcessTestCase):
    def test_it_is_a_process_protocol(self) -> None:
        verifyObject(IProcessProtocol, self.child)

    def test_the_command_is_run_with_exactly_its_environment(self) -> None:
        command = self.start().command
        arguments = ["/opt/codex", "app-server", "-c", "a=b"]
        self.assertEqual(command, ("/opt/codex", arguments, {"OPENAI_API_KEY": "sk-secret"}, "/srv"))

    def test_no_repr_shows_the_environment(self) -> None:
        self.assertNotIn("sk-secret", repr(COMMAND))

    def test_it_has_a_pid_from_its_start_to_its_exit(self) -> None:
        self.assertEqual((self.child.pid, self.child.launched), (None, False))
        launch(self.reactor, COMMAND, self.child)
        self.assertEqual((self.events, self.child.launched), ([("started", 1000)], True))
        self.reactor.processes[0].exit(3)
        self.assertEqual(self.events[1:], [("exited", "exit code 3", None)])
        self.assertEqual((self.child.pid, self.child.launched), (None, True))


class PipeTests(ProcessTestCase):
    def test_stdout_is_passed_on_as_it_comes(self) -> None:
        process = self.start()
        process.emit_output(b"half a li")
        process.emit_output(b"ne\n")
        self.assertEqual(self.events, [("stdout", b"half a li"), ("stdout", b"ne\n")])

    def test_stderr_is_passed_on_by_lines(self) -> None:
        process = self.start()
        process.emit_output(b"one\ntw", fd=2)
        process.emit_output(b"o\r\nthree", fd=2)
        process.exit()
        self.reactor.advance(0)
        lines = [event[1] for event in self.events if event[0] == "stderr"]
        self.assertEqual(lines, [b"one", b"two", b"three"])
        self.assertEqual(self.events[-1], "ended")

    def test_a_stderr_line_that_is_too_long_is_dropped(self) -> None:
        process = self.start()
        process.emit_output(b"x" * (MAX_STDERR_LINE_BYTES + 1) + b"\nok\n", fd=2)
        self.assertEqual(self.events, [("stderr", b"ok")])

    def test_data_written_before_the_start_or_after_the_exit_is_dropped(self) -> None:
        self.child.write(b"too early")
        process = self.start()
        self.child.write(b"{}\n")
        process.exit()
        self.child.write(b"too late")
        self.assertEqual(process.written, b"{}\n")

    def test_the_last_output_comes_between_exit_and_end(self) -> None:
        process = self.start()
        process.pauseProducing()
        process.emit_output(b"last")
        process.exit()
        process.resumeProducing()
        self.reactor.advance(0)
        self.assertEqual(self.events, [("exited", "exit code 0", None), ("stdout", b"last"), "ended"])

    def test_pipes_that_a_grandchild_holds_open_can_be_closed(self) -> None:
        process = self.start()
        process.pauseProducing()
        process.exit()
        self.reactor.advance(1)
        self.assertNotIn("ended", self.events)
        self.child.close_pipes()
        self.reactor.advance(1)
        self.assertEqual(self.events[-1], "ended")

    def test_the_pipes_of_a_running_child_stay_open(self) -> None:
        process = self.start()
        self.child.close_pipes()
        ChildProcess().close_pipes()
        self.reactor.advance(1)
        self.assertTrue(process.alive)


class SignalTests(ProcessTestCase):
    def test_the_exit_is_described(self) -> None:
        for signal, words in each_set_up(self, ("TERM", "killed by SIGTERM"), ("KILL", "killed by SIGKILL")):
            self.start()
            self.child.send_signal(signal)
            self.reactor.advance(0)
            self.assertEqual(self.events[0], ("exited", words, None))

    def test_a_signal_before_the_start_or_after_the_end_does_nothing(self) -> None:
        self.child.send_signal("TERM")
        self.start().exit(signal=SIGKILL)
        self.child.send_signal("KILL")
        self.reactor.advance(1)
        self.assertEqual(self.events, [("exited", "killed by SIGKILL", None), "ended"])


class PauseTests(ProcessTestCase):
    def test_nothing_is_read_until_every_holder_has_resumed(self) -> None:
        process = self.start()
        self.child.pause("a")
        self.child.pause("b")
        process.emit_output(b"1")
        self.child.resume("a")
        self.reactor.advance(0)
        self.assertEqual((self.events, self.child.paused), ([], True))
        self.child.resume("b")
        self.reactor.advance(0)
        self.assertEqual((self.events, self.child.paused), ([("stdout", b"1")], False))

    def test_pause_and_resume_are_idempotent(self) -> None:
        process = self.start()
        for _ in range(2):
            self.child.pause("a")
        self.child.pause("b")
        for _ in range(2):
            self.child.resume("a")
        self.assertTrue(process.paused)
        self.child.resume("b")
        self.assertFalse(process.paused)

    def test_resume_without_pause_does_nothing(self) -> None:
        process = self.start()
        self.child.pause("a")
        self.child.resume("nobody")
        self.assertTrue(process.paused)

    def test_holders_are_compared_by_identity(self) -> None:
        process, holders = self.start(), ([], [])
        for holder in holders:
            self.child.pause(holder)
        self.child.resume(holders[0])
        self.assertTrue(process.paused)

    def test_the_exit_resumes_the_pipes(self) -> None:
        process = self.start()
        self.child.pause("a")
        process.emit_output(b"last")
        process.exit()
        self.reactor.advance(0)
        self.assertEqual(self.events, [("exited", "exit code 0", None), ("stdout", b"last"), "ended"])
        self.child.resume("a")

    def test_a_child_that_does_not_run_is_not_paused(self) -> None:
        self.child.pause("a")
        self.assertFalse(self.child.paused)
        self.assertFalse(self.start().paused)
