import os
import sqlite3
from contextlib import closing
from pathlib import Path
from shutil import copyfile
from stat import S_IMODE

from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration import ConfigurationError
from codexd.neutral.stored import HistoryQuery, StoredItem
from codexd.settings import Responses
from codexd.store import history, response_writes, responses
from codexd.store.database_file import DatabaseLock, locate_database
from codexd.store.schema import SCRIPTS
from tests.support.inline_executor import open_database, stored_response


class LocateDatabaseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = Path(self.mktemp()).absolute()

    def test_the_default_is_in_the_state_directory_created_with_mode_700(self) -> None:
        self.assertEqual(locate_database(Responses(), self.state), str(self.state / "responses.sqlite3"))
        self.assertEqual(S_IMODE(self.state.stat().st_mode), 0o700)

    def test_memory_creates_no_file(self) -> None:
        self.assertEqual(locate_database(Responses(database=":memory:"), self.state), ":memory:")
        self.assertFalse(self.state.exists())

    def test_symbolic_links_are_resolved(self) -> None:
        self.state.mkdir()
        (self.state / "link").symlink_to(self.state / "real.db")
        found = locate_database(Responses(database=str(self.state / "link")), self.state)
        self.assertEqual(found, str(self.state / "real.db"))

    def test_the_directory_of_a_configured_file_must_exist(self) -> None:
        chosen = Responses(database=str(self.state / "kept.db"))
        with self.assertRaisesRegex(ConfigurationError, r"responses\.database: .* is not a directory"):
            locate_database(chosen, self.state)

    def test_a_state_directory_that_cannot_be_created_is_an_error(self) -> None:
        self.state.write_text("a file")
        with self.assertRaisesRegex(ConfigurationError, r"responses\.database: .* cannot be created"):
            locate_database(Responses(), self.state)


class DatabaseLockTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        self.path = str(directory / "kept.sqlite3")

    def acquire(self) -> DatabaseLock:
        lock = DatabaseLock.acquire(self.path)
        self.addCleanup(lock.release)
        return lock

    def assert_refused(self, why: str) -> None:
        with self.assertRaisesRegex(ConfigurationError, rf"^responses\.database: {self.path}.* {why}"):
            DatabaseLock.acquire(self.path)

    def modes(self) -> dict[str, int]:
        beside = Path(self.path).parent.iterdir()
        return {path.name.removeprefix("kept.sqlite3"): S_IMODE(path.stat().st_mode) for path in beside}

    # Locking

    def test_a_locked_file_is_refused(self) -> None:
        self.acquire()
        self.assert_refused("is in use by another codexd")

    def test_a_released_file_can_be_locked_again(self) -> None:
        lock = self.acquire()
        lock.release()
        lock.release()
        self.acquire()

    def test_memory_needs_no_lock(self) -> None:
        for lock in (DatabaseLock.acquire(":memory:"), DatabaseLock.acquire(":memory:")):
            lock.release()
        self.assertFalse(os.path.exists(":memory:.lock"))

    def test_a_refused_file_is_not_left_locked(self) -> None:
        Path(self.path).write_bytes(b"no database" * 1000)
        self.assert_refused("cannot be used")
        os.unlink(self.path)
        self.acquire()

    # File modes

    def test_all_files_have_mode_600(self) -> None:
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        self.acquire()
        with closing(open_database(self.path)) as connection:
            response_writes.save_response(connection, stored_response("a"), b"", 1.0)
            self.assertEqual(self.modes(), {"": 0o600, "-wal": 0o600, "-shm": 0o600, ".lock": 0o600})

    def test_the_mode_of_existing_files_is_corrected(self) -> None:
        with closing(open_database(self.path)) as connection:
            response_writes.save_response(connection, stored_response("a"), b"", 1.0)
            for beside in ("", "-wal", "-shm"):
                os.chmod(self.path + beside, 0o644)
            self.acquire()
            self.assertEqual(set(self.modes().values()), {0o600})

    # Checks

    def test_a_file_that_is_not_a_database_is_refused(self) -> None:
        Path(self.path).write_bytes(b"no database" * 1000)
        self.assert_refused("cannot be used: file is not a database")

    def test_a_damaged_file_is_refused(self) -> None:
        with closing(open_database(self.path)):
            pass
        with open(self.path, "r+b") as file:
            file.seek(100)
            file.write(b"\xff" * 200)
        self.assert_refused("cannot be used: database disk image is malformed")

    def test_a_file_damaged_since_a_kill_is_refused_with_the_command_that_helps(self) -> None:
        with closing(open_database(self.path)) as connection:
            for number in range(100):
                response_writes.save_response(connection, stored_response(f"r{number}"), b"", 1.0)
            connection.execute("PRAGMA wal_checkpoint")
            for suffix in ("", "-wal"):  # as a kill leaves them
                copyfile(self.path + suffix, f"{self.path}{suffix}.left")
        for suffix in ("", "-wal"):
            os.replace(f"{self.path}{suffix}.left", self.path + suffix)
        Path(f"{self.path}-wal").write_bytes(b"x")
        with open(self.path, "r+b") as file:
            file.seek(3 * 4096)
            file.write(b"\xff" * 8192)
        self.assert_refused("is damaged: .*; run `codexd store check`, then `codexd store restore BACKUP`")

    def test_a_truncated_file_is_refused(self) -> None:
        with closing(open_database(self.path)) as connection:
            response_writes.save_response(connection, stored_response("r", body=b"x" * 100_000), b"", 1.0)
        os.truncate(self.path, 40_000)
        self.assert_refused("cannot be used: database disk image is malformed; run `codexd store check`")

    def test_a_log_without_its_file_does_not_begin_an_empty_store(self) -> None:
        for left in (None, b""):
            Path(f"{self.path}-wal").write_bytes(b"x" * 5000)
            if left is not None:
                Path(self.path).write_bytes(left)
            self.assert_refused("is damaged: the file is missing or empty, but .*-wal has changes; run")
            self.assertEqual(os.path.getsize(f"{self.path}-wal"), 5000)

    def test_another_programs_database_is_refused_and_not_changed(self) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("CREATE TABLE theirs (x)")
        before = Path(self.path).read_bytes()
        self.assert_refused("is the database of another program")
        self.assertEqual(Path(self.path).read_bytes(), before)

    def test_a_file_of_a_newer_codexd_is_refused(self) -> None:
        with closing(open_database(self.path)) as connection:
            connection.execute(f"PRAGMA user_version = {len(SCRIPTS) + 1}")
        self.assert_refused("was written by a newer codexd")

    def test_a_path_that_cannot_be_written_is_refused(self) -> None:
        os.mkdir(self.path)
        self.assert_refused("cannot be written: Is a directory")
        self.path = self.path + "/none/kept.sqlite3"
        self.assert_refused("cannot be written: No such file or directory")

    def test_a_copy_that_a_killed_daemon_left_is_removed(self) -> None:
        with closing(open_database(self.path)):
            pass
        Path(f"{self.path}.restoring").write_bytes(b"half a copy")
        self.acquire()
        self.assertFalse(os.path.exists(f"{self.path}.restoring"))

    # Content

    def test_a_backup_made_while_writing_is_complete(self) -> None:
        copied = f"{self.path}.copy"
        with closing(open_database(self.path)) as connection:
            response_writes.save_response(connection, stored_response("a"), b"stream", 1.0)
            with closing(sqlite3.connect(self.path)) as reader, closing(sqlite3.connect(copied)) as copy:
                reader.backup(copy)
            response_writes.save_response(connection, stored_response("b"), b"", 1.0)
        self.path = copied
        self.acquire()
        with closing(open_database(self.path)) as connection:
            self.assertEqual(responses.load_response(connection, "me", "a"), stored_response("a"))
            self.assertEqual(responses.load_stream(connection, "me", "a"), b"stream")

    def test_deleted_content_is_overwritten_in_the_file(self) -> None:
        secret = StoredItem("said", b"SECRET" * 5000)
        with closing(open_database(self.path)) as connection:
            response_writes.save_response(connection, stored_response("a", input=(secret,), body=b"SECRET"), b"", 1.0)
            response_writes.save_response(connection, stored_response("b"), b"", 1.0)
            responses.delete_response(connection, "me", "a")
        found = Path(self.path).read_bytes()
        self.assertNotIn(b"SECRET", found)
        self.assertIn(b"out_b", found)

    def test_rows_kept_only_by_leases_of_the_last_process_are_removed(self) -> None:
        with closing(open_database(self.path)) as connection:
            for kept in (stored_response("a"), stored_response("b", "a"), stored_response("c", "b")):
                response_writes.save_response(connection, kept, b"", 1.0)
            history.load_history(connection, HistoryQuery("me", "c"), until=1e12)
            for id in ("a", "b", "c"):
                responses.delete_response(connection, "me", id)
            left = connection.execute("SELECT count(*) FROM item").fetchone()
        self.assertEqual(left, (6,))
        self.acquire()
        with closing(open_database(self.path)) as connection:
            self.assertEqual(connection.execute("SELECT count(*) FROM item").fetchone(), (0,))
