import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from codexd.observe.log_file import AppendingLogFile


class AppendingLogFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute()

    def open(self, rotate_bytes: int | None) -> AppendingLogFile:
        return AppendingLogFile.fromFullPath(str(self.path), rotateLength=rotate_bytes)

    def test_a_truncated_file_continues_at_its_beginning(self) -> None:
        file = self.open(None)
        file.write(b"before\n")
        os.truncate(self.path, 0)
        file.write(b"after\n")
        self.assertEqual(self.path.read_bytes(), b"after\n")

    def test_it_is_rotated_at_its_size_and_not_at_the_sum_of_its_writes(self) -> None:
        file = self.open(10)
        file.write(b"123456\n")
        os.truncate(self.path, 0)
        for line in (b"abcdef\n", b"ghijkl\n", b"mnopqr\n"):
            file.write(line)
        self.assertEqual(self.path.read_bytes(), b"mnopqr\n")
        self.assertEqual(Path(f"{self.path}.1").read_bytes(), b"abcdef\nghijkl\n")

    def test_without_a_size_it_is_never_rotated(self) -> None:
        file = self.open(None)
        for _ in range(100):
            file.write(b"x" * 20_000)
        self.assertEqual(self.path.stat().st_size, 2_000_000)
