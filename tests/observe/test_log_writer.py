import os
import time
from collections.abc import Callable
from threading import Event, Thread, Timer
from typing import Any

from twisted.python.logfile import LogFile
from twisted.trial.unittest import SynchronousTestCase

from codexd.observe import log_writer
from codexd.observe.log import build_log_writer, build_observer
from codexd.observe.log_writer import FORK_SECONDS, DescriptorDestination, FileDestination, LogWriter, descriptor_of
from codexd.settings import Log


class GatedDestination:
    """A destination that stalls until it is opened, or fails after some bytes.

    Attributes:
        opened: writes return once it is set.
        room: how many bytes are written before an error; None if there is none.
    """

    def __init__(self) -> None:
        self.opened = Event()
        self.opened.set()
        self.room: int | None = None
        self.data = b""
        self.reopened_after: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.opened.wait(10)
        written = len(data) if self.room is None else min(self.room, len(data))
        self.data += data[:written]
        return written

    def reopen(self) -> None:
        self.reopened_after.append(self.data)

    def before_fork(self) -> None:
        pass

    def after_fork(self, in_child: bool) -> None:
        pass


class SlowFile:
    """A log file whose writes take until it is opened."""

    def __init__(self) -> None:
        self.opened, self.writing = Event(), Event()

    def write(self, data: bytes) -> None:
        self.writing.set()
        self.opened.wait(10)

    def flush(self) -> None:
        pass


class ForkTests(SynchronousTestCase):
    """A process that is forked during a write of the thread must not inherit a lock that nobody releases."""

    def setUp(self) -> None:
        self.file: Any = SlowFile()
        self.destination = FileDestination(self.file)
        self.thread = Thread(target=self.destination.write, args=(b"line",))
        self.addCleanup(self.file.opened.set)

    def test_a_fork_waits_for_a_write_that_ends(self) -> None:
        self.thread.start()
        self.file.writing.wait(10)
        Timer(FORK_SECONDS / 4, self.file.opened.set).start()
        self.destination.before_fork()
        self.assertFalse(self.thread.is_alive() and not self.file.opened.is_set())
        self.destination.after_fork(in_child=False)
        self.assertEqual(self.destination.write(b"next"), 4)

    def test_a_fork_does_not_wait_long_for_a_write_that_stalls_and_the_child_can_write(self) -> None:
        self.thread.start()
        self.file.writing.wait(10)
        began = time.monotonic()
        self.destination.before_fork()
        self.assertLess(time.monotonic() - began, 10 * FORK_SECONDS)
        self.destination.after_fork(in_child=True)
        self.file.opened.set()
        self.assertEqual(self.destination.write(b"next"), 4)


def wait_for(condition: Callable[[], object]) -> None:
    """Wait for the thread."""
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.001)


class LogWriterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.destination = GatedDestination()
        self.addCleanup(self.destination.opened.set)
        self.writer = LogWriter(self.destination, lambda count: f"{count} dropped\n")
        self.dropped = 0
        self.writer.on_dropped = self.count

    def count(self, count: int) -> None:
        self.dropped += count

    def test_lines_are_written_in_order(self) -> None:
        for number in range(1000):
            self.writer.write(f"{number}\n")
        self.writer.close()
        self.assertEqual(self.destination.data.split(), [b"%d" % number for number in range(1000)])

    def test_a_stalled_destination_blocks_nobody_and_costs_limited_memory(self) -> None:
        self.destination.opened.clear()
        line = "x" * 9999 + "\n"
        began = time.monotonic()
        for _ in range(1000):
            self.writer.write(line)
        self.assertLess(time.monotonic() - began, 1)
        waiting = log_writer.MAX_WAITING_BYTES // len(line) + 1
        self.assertEqual(self.dropped, 1000 - waiting)
        self.destination.opened.set()
        self.writer.close()
        self.writer.write("after\n")
        lines = self.destination.data.decode().splitlines()
        self.assertEqual(len(lines), waiting + 2)
        self.assertIn(f"{self.dropped} dropped", lines)
        self.assertEqual(lines[-1], "after")

    def test_lines_that_cannot_be_written_are_counted_and_reported_once_it_works(self) -> None:
        self.destination.room = 0
        for number in range(3):
            self.writer.write(f"{number}\n")
        wait_for(lambda: self.dropped == 3)
        self.destination.room = None
        self.writer.write("a\n")
        self.writer.write("b\n")
        self.writer.close()
        self.assertEqual(self.destination.data, b"3 dropped\na\nb\n")

    def test_a_line_that_is_cut_ends_before_the_next_one(self) -> None:
        self.destination.room = 2
        self.writer.write("cut\n")
        wait_for(lambda: self.dropped == 1)
        self.destination.room = None
        self.writer.write("next\n")
        self.writer.close()
        self.assertEqual(self.destination.data, b"cu\n1 dropped\nnext\n")

    def test_the_end_of_the_process_waits_for_a_limited_time(self) -> None:
        self.patch(log_writer, "FLUSH_SECONDS", 0.05)
        self.destination.opened.clear()
        self.writer.write("a\n")
        began = time.monotonic()
        self.writer.close()
        for _ in range(10):
            self.writer.write("b\n")
        self.assertLess(time.monotonic() - began, 1)

    def test_after_the_close_each_line_is_written_at_once(self) -> None:
        self.writer.close()
        self.writer.write("last\n")
        self.assertEqual(self.destination.data, b"last\n")

    def test_the_file_is_opened_again_between_the_lines(self) -> None:
        self.writer.write("a\n")
        self.writer.reopen()
        self.writer.write("b\n")
        wait_for(lambda: self.destination.data == b"a\nb\n")
        self.assertEqual(self.destination.reopened_after, [b"a\n"])

    def test_a_fork_writes_its_own_lines_only(self) -> None:
        self.destination.opened.clear()
        self.writer.write("parent\n")
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        pid = os.fork()
        if not pid:
            self.writer.destination = DescriptorDestination(write)
            self.writer.write("child\n")
            self.writer.close()
            os._exit(0)
        os.close(write)
        os.waitpid(pid, 0)
        self.assertEqual(os.read(read, 100), b"child\n")
        self.destination.opened.set()
        self.writer.close()
        self.assertEqual(self.destination.data, b"parent\n")

    def test_lone_surrogates_are_written(self) -> None:
        self.writer.write("\ud800\n")
        self.writer.close()
        self.assertEqual(self.destination.data, b"\\ud800\n")


class DestinationTests(SynchronousTestCase):
    def test_a_descriptor_without_a_reader_writes_nothing(self) -> None:
        read, write = os.pipe()
        os.close(read)
        self.addCleanup(os.close, write)
        self.assertEqual(DescriptorDestination(write).write(b"a\n"), 0)
        self.assertEqual(DescriptorDestination(None).write(b"a\n"), 0)

    def test_a_full_disk_writes_nothing(self) -> None:
        full = os.open("/dev/full", os.O_WRONLY)
        self.addCleanup(os.close, full)
        self.assertEqual(DescriptorDestination(full).write(b"a\n"), 0)
        self.assertEqual(FileDestination(LogFile.fromFullPath("/dev/full")).write(b"a\n"), 0)

    def test_a_non_blocking_descriptor_is_waited_for(self) -> None:
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        self.addCleanup(os.close, write)
        os.set_blocking(write, False)
        writer = LogWriter(DescriptorDestination(write), str)
        writer.write("a" * 200_000 + "\n")
        got = 0
        while got < 200_001:
            got += len(os.read(read, 2**16))
        self.assertEqual(got, 200_001)

    def test_a_moved_file_is_opened_again(self) -> None:
        path = self.mktemp()
        destination = FileDestination(LogFile.fromFullPath(path))
        destination.write(b"a\n")
        os.rename(path, path + ".old")
        destination.reopen()
        destination.write(b"b\n")
        for name, text in ((path, "b\n"), (path + ".old", "a\n")):
            with open(name) as file:
                self.assertEqual(file.read(), text)

    def test_a_stream_that_was_closed_at_the_start_has_no_descriptor(self) -> None:
        self.assertIsNone(descriptor_of(None))


class NoticeTests(SynchronousTestCase):
    def test_the_notice_has_the_format_of_the_log(self) -> None:
        for format, expected in (("text", " log lines were dropped"), ("json", '"count":')):
            destination = GatedDestination()
            destination.room = 0
            settings = Log(format=format)
            writer = build_log_writer(settings, destination)
            observer = build_observer(settings, writer)
            lost: list[int] = []
            writer.on_dropped = lost.append
            writer.write("x\n")
            wait_for(lambda lost=lost: lost)
            destination.room = None
            from twisted.logger import Logger

            Logger("codexd.test", observer=observer).info("now", event="x")
            writer.close()
            notice, line = destination.data.decode().splitlines()
            self.assertIn(expected, notice)
            self.assertIn("now", line)
