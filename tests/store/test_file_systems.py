"""The store on a full and on a read-only file system, and under a limit of the size of files."""

from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support.mounted_store import can_mount, run_scenario


class MountedTests(SynchronousTestCase):
    def setUp(self) -> None:
        if not can_mount():
            raise SkipTest("this machine permits no mounts")
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()

    def test_on_a_full_disk_changes_fail_until_there_is_space(self) -> None:
        self.assertEqual(
            run_scenario("full", self.directory),
            {
                "before": "saved",
                "during": ["store_failed", "full"],
                "reads": ["before"],
                "still": "full",
                "after": [None, "saved"],
                "kept": ["before", "after"],
            },
        )

    def test_a_read_only_file_system_stops_the_start_with_the_reason(self) -> None:
        self.assertEqual(
            run_scenario("read_only", self.directory),
            {
                "refused": "responses.database: /kept.sqlite3.lock cannot be written: Read-only file system",
                "kept": ["before"],
            },
        )


class SizeLimitTests(SynchronousTestCase):
    def test_beyond_the_limit_of_file_sizes_changes_fail_until_it_is_raised(self) -> None:
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        self.assertEqual(
            run_scenario("limited", directory, mounts=False),
            {
                "before": "saved",
                "during": ["store_failed", "io_error"],
                "reads": ["before"],
                "after": [None, "saved"],
                "kept": ["before", "after"],
            },
        )
