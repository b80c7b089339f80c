"""One child process, at our end. `tests/live/test_process.py` shows the same with real ones."""

from signal import SIGKILL

from twisted.internet.interfaces import IProcessProtocol
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.child.process import COMPLAINT_BYTES, ChildProcess, Command, launch
from tests.support.process import FakeProcess, ProcessReactor

COMMAND = Command("/opt/codex", ("app-server", "-c", "a=b"), {"OPENAI_API_KEY": "sk-secret"}, "/srv")


class ProcessTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = ProcessReactor()
        self.told: list[object] = []
        self.child = ChildProcess()
        self.child.on_started = lambda: self.told.append(("started", self.child.pid))
        self.child.on_output = lambda data: self.told.append(("output", data))
        self.child.on_complaint = lambda line: self.told.append(("complaint", line))
        self.child.on_exited = lambda reason: self.told.append(("exited", reason, self.child.pid))
        self.child.on_ended = lambda: self.told.append("ended")

    def run_it(self) -> FakeProcess:
        launch(self.reactor, COMMAND, self.child)
        self.told.clear()
        return self.reactor.processes[0]


class LaunchTests(ProcessTestCase):
    def test_our_end_is_a_process_protocol(self) -> None:
        verifyObject(IProcessProtocol, self.child)

    def test_the_command_is_run_as_it_stands_with_its_own_environment_only(self) -> None:
        command = self.run_it().command
        arguments = ["/opt/codex", "app-server", "-c", "a=b"]
        self.assertEqual(command, ("/opt/codex", arguments, {"OPENAI_API_KEY": "sk-secret"}, "/srv"))

    def test_no_repr_shows_the_environment(self) -> None:
        self.assertNotIn("sk-secret", repr(COMMAND))

    def test_it_has_a_pid_from_its_start_to_its_exit(self) -> None:
        self.assertEqual((self.child.pid, self.child.launched), (None, False))
        launch(self.reactor, COMMAND, self.child)
        self.assertEqual((self.told, self.child.launched), ([("started", 1000)], True))
        self.reactor.processes[0].exit(3)
        self.assertEqual(self.told[1:], [("exited", "exit code 3", None)])
        self.assertEqual((self.child.pid, self.child.launched), (None, True))


class PipeTests(ProcessTestCase):
    def test_output_is_passed_on_raw_and_at_once(self) -> None:
        process = self.run_it()
        process.say(b"half a li")
        process.say(b"ne\n")
        self.assertEqual(self.told, [("output", b"half a li"), ("output", b"ne\n")])

    def test_complaints_come_by_lines_the_last_one_also_without_an_end(self) -> None:
        process = self.run_it()
        process.say(b"one\ntw", fd=2)
        process.say(b"o\r\nthree", fd=2)
        process.exit()
        self.reactor.advance(0)
        lines = [told[1] for told in self.told if told[0] == "complaint"]
        self.assertEqual(lines, [b"one", b"two", b"three"])
        self.assertEqual(self.told[-1], "ended")

    def test_an_endless_complaint_is_dropped(self) -> None:
        process = self.run_it()
        process.say(b"x" * (COMPLAINT_BYTES + 1) + b"\nok\n", fd=2)
        self.assertEqual(self.told, [("complaint", b"ok")])

    def test_what_is_written_arrives_and_after_the_end_is_lost_silently(self) -> None:
        self.child.write(b"too early")
        process = self.run_it()
        self.child.write(b"{}\n")
        process.exit()
        self.child.write(b"too late")
        self.assertEqual(process.written, b"{}\n")

    def test_closing_stdin_ends_it(self) -> None:
        self.run_it()
        self.child.close_stdin()
        self.reactor.advance(0)
        self.assertEqual(self.told, [("exited", "exit code 0", None), "ended"])

    def test_the_last_bytes_come_after_the_exit_and_before_the_end(self) -> None:
        process = self.run_it()
        process.pauseProducing()
        process.say(b"last")
        process.exit()
        process.resumeProducing()
        self.reactor.advance(0)
        self.assertEqual(self.told, [("exited", "exit code 0", None), ("output", b"last"), "ended"])

    def test_a_discarded_child_lets_go_of_pipes_a_grandchild_still_holds(self) -> None:
        process = self.run_it()
        process.pauseProducing()
        process.exit()
        self.reactor.advance(1)
        self.assertNotIn("ended", self.told)
        self.child.discard()
        self.reactor.advance(1)
        self.assertEqual(self.told[-1], "ended")

    def test_a_living_child_is_not_discarded(self) -> None:
        process = self.run_it()
        self.child.discard()
        ChildProcess().discard()
        self.reactor.advance(1)
        self.assertTrue(process.alive)


class SignalTests(ProcessTestCase):
    def test_the_end_is_told_in_words(self) -> None:
        for signal, words in (("TERM", "killed by SIGTERM"), ("KILL", "killed by SIGKILL")):
            self.setUp()
            self.run_it()
            self.child.terminate(signal)
            self.reactor.advance(0)
            self.assertEqual(self.told[0], ("exited", words, None))

    def test_a_signal_before_the_start_or_after_the_end_does_nothing(self) -> None:
        self.child.terminate("TERM")
        self.run_it().exit(signal=SIGKILL)
        self.child.terminate("KILL")
        self.reactor.advance(1)
        self.assertEqual(self.told, [("exited", "killed by SIGKILL", None), "ended"])


class HoldTests(ProcessTestCase):
    def test_while_anybody_holds_it_nothing_is_read(self) -> None:
        process = self.run_it()
        self.child.hold("a")
        self.child.hold("b")
        process.say(b"1")
        self.child.release("a")
        self.reactor.advance(0)
        self.assertEqual((self.told, self.child.held), ([], True))
        self.child.release("b")
        self.reactor.advance(0)
        self.assertEqual((self.told, self.child.held), ([("output", b"1")], False))

    def test_holding_and_releasing_twice_is_the_same_as_once(self) -> None:
        process = self.run_it()
        for _ in range(2):
            self.child.hold("a")
        self.child.hold("b")
        for _ in range(2):
            self.child.release("a")
        self.assertTrue(process.paused)
        self.child.release("b")
        self.assertFalse(process.paused)

    def test_a_release_without_a_hold_reads_no_earlier(self) -> None:
        process = self.run_it()
        self.child.hold("a")
        self.child.release("nobody")
        self.assertTrue(process.paused)

    def test_a_holder_is_told_apart_by_identity_and_need_not_be_hashable(self) -> None:
        process, holders = self.run_it(), ([], [])
        for holder in holders:
            self.child.hold(holder)
        self.child.release(holders[0])
        self.assertTrue(process.paused)

    def test_the_exit_lets_go_of_every_hold_so_that_the_end_is_seen(self) -> None:
        process = self.run_it()
        self.child.hold("a")
        process.say(b"last")
        process.exit()
        self.reactor.advance(0)
        self.assertEqual(self.told, [("exited", "exit code 0", None), ("output", b"last"), "ended"])
        self.child.release("a")

    def test_nothing_that_does_not_run_is_held(self) -> None:
        self.child.hold("a")
        self.assertFalse(self.child.held)
        self.assertFalse(self.run_it().paused)
