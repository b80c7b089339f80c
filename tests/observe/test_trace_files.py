import os
from collections import Counter
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.observe.trace_files import TraceDirectory, locate_trace_directory
from codexd.settings import Trace

LIMITS = Trace(ttl_seconds=100, max_files=10, max_bytes=1000)


class TraceDirectoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()) / "traces"
        self.directory = TraceDirectory(self.path)

    def write(self, number: int, id: str = "req_1", size: int = 10, changed: float = 0) -> str:
        name = f"20261130T16461{number}.000Z-{id}.json"
        self.directory.write(name, b"x" * size)
        os.utime(self.path / name, (changed, changed))
        return name

    def names(self) -> list[str]:
        return [file.path.name for file in self.directory.files()]

    def test_only_the_own_user_can_read_the_files(self) -> None:
        name = self.write(1)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o700)
        self.assertEqual((self.path / name).stat().st_mode & 0o777, 0o600)
        self.assertEqual(os.listdir(self.path), [name])

    def test_a_directory_that_is_not_private_is_refused_and_stays_as_it_is(self) -> None:
        self.path.mkdir(parents=True)
        for mode in (0o755, 0o750, 0o701, 0o1777):
            self.path.chmod(mode)
            self.assertIn("others can use it", str(self.assertRaises(PermissionError, self.write, 1)))
            self.assertEqual((self.path.stat().st_mode & 0o7777, os.listdir(self.path)), (mode, []))

    def test_a_link_to_a_directory_is_refused(self) -> None:
        self.path.parent.mkdir()
        (self.path.parent / "other").mkdir(mode=0o700)
        self.path.symlink_to("other")
        self.assertIn("is a symbolic link", str(self.assertRaises(PermissionError, self.write, 1)))

    def test_what_could_not_be_written_leaves_nothing(self) -> None:
        self.write(1)
        (self.path / "20261130T164612.000Z-req_1.json").mkdir()
        self.assertRaises(OSError, self.write, 2)
        self.assertEqual(self.names(), ["20261130T164611.000Z-req_1.json"])
        self.assertEqual([name for name in os.listdir(self.path) if name.endswith(".new")], [])

    def test_an_unfinished_file_is_no_trace_and_is_deleted_soon(self) -> None:
        name = self.write(1, changed=1000)
        unfinished = self.path / "20261130T164612.000Z-req_1.json.new"
        unfinished.write_bytes(b"{")
        os.utime(unfinished, (1000, 1000))
        self.assertEqual([file.path.name for file in self.directory.find("req_1")], [name])
        self.assertEqual(self.directory.prune(LIMITS, 1001), Counter())
        self.assertEqual(self.directory.prune(LIMITS, 1061), Counter(expired=1))
        self.assertEqual(os.listdir(self.path), [name])
        unfinished.write_bytes(b"{")
        self.assertEqual((self.directory.purge(), os.listdir(self.path)), (2, []))

    def test_a_file_that_is_a_link_is_not_followed(self) -> None:
        self.path.mkdir(parents=True, mode=0o700)
        (self.path / "20261130T164611.000Z-req_1.json.new").symlink_to(self.path / "elsewhere")
        self.assertRaises(OSError, self.write, 1)
        self.assertFalse((self.path / "elsewhere").exists())

    def test_the_files_of_a_request_are_found_the_oldest_first(self) -> None:
        second, first = self.write(2, changed=2), self.write(1, changed=1)
        self.write(3, id="req_10")
        self.assertEqual([file.path.name for file in self.directory.find("req_1")], [first, second])
        self.assertEqual(self.directory.find("req_2"), ())

    def test_old_files_are_deleted(self) -> None:
        self.write(1, changed=100)
        kept = self.write(2, changed=200)
        self.assertEqual(self.directory.prune(LIMITS, 250), Counter(expired=1))
        self.assertEqual(self.names(), [kept])

    def test_beyond_the_number_and_the_size_the_oldest_are_deleted(self) -> None:
        names = [self.write(number, size=300, changed=number) for number in range(5)]
        self.assertEqual(self.directory.prune(LIMITS, 10), Counter(size=2))
        self.assertEqual(self.names(), names[2:])
        self.assertEqual(self.directory.prune(evolve(LIMITS, max_files=1), 10), Counter(count=2))
        self.assertEqual(self.names(), names[4:])

    def test_files_of_others_are_never_deleted(self) -> None:
        self.write(1)
        (self.path / "notes.json").write_text("mine")
        self.assertEqual(self.directory.purge(), 1)
        self.assertEqual(os.listdir(self.path), ["notes.json"])

    def test_without_the_directory_there_are_no_files(self) -> None:
        self.assertEqual((self.directory.files(), self.directory.purge()), ((), 0))
        self.assertEqual(self.directory.prune(LIMITS, 10), Counter())

    def test_the_directory_is_that_of_the_settings_or_one_in_the_state_directory(self) -> None:
        self.assertEqual(locate_trace_directory(Trace(), Path("/state")).path, Path("/state/trace-buffer"))
        self.assertEqual(locate_trace_directory(Trace(directory="/other"), Path("/state")).path, Path("/other"))
