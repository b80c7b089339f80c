"""Faults of the file while it is open: noticed before anything is acknowledged, and recovered."""

import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from shutil import copyfile, move, rmtree
from stat import S_IMODE

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.stored import HistoryQuery
from codexd.store import history, response_writes, responses
from codexd.store.batch import FailedCall, StoreCall, run_batch
from codexd.store.connection import IN_MEMORY
from codexd.store.database_file import DatabaseLock
from codexd.store.open_database import OpenDatabase
from codexd.store.problem import FileProblemError, StoreProblem, classify
from tests.support.inline_executor import stored_response


class FileFaultTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.path = str(self.directory / "kept.sqlite3")
        self.restored: list[str | None] = []
        self.open()

    def open(self) -> None:
        self.lock = DatabaseLock.acquire(self.path)
        self.database = OpenDatabase(self.path, lock=self.lock, on_restored=self.restored.append)
        self.addCleanup(self.lock.release)
        self.addCleanup(self.database.close)

    def reopen(self) -> None:
        """Restart the daemon: it loses everything that is not at the path."""
        self.database.close()
        self.lock.release()
        self.open()

    def run_call(self, work: object, writes: bool) -> object:
        (outcome,) = run_batch(self.database, (StoreCall(name="call", work=work, writes=writes),))
        return classify(outcome.error) or outcome.error if isinstance(outcome, FailedCall) else outcome

    def save(self, id: str, size: int = 10) -> object:
        """Save a response and return whether it is acknowledged: True, or the kind of the fault."""
        response = stored_response(id, body=b"x" * size)
        return self.run_call(lambda c: response_writes.save_response(c, response, b"", 1.0), True)

    def saved(self, *ids: str) -> list[str]:
        return [id for id in ids if self.run_call(lambda c, i=id: responses.load_response(c, "me", i), False)]

    def probe(self, write: bool = True) -> StoreProblem | None:
        try:
            self.database.probe(write)
        except (FileProblemError, sqlite3.Error, OSError) as error:
            return classify(error)
        return None

    def names(self) -> set[str]:
        return {path.name.removeprefix("kept.sqlite3") for path in self.directory.iterdir()}

    def assert_sound(self) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            self.assertEqual(connection.execute("PRAGMA integrity_check").fetchall(), [("ok",)])


class VanishedTests(FileFaultTestCase):
    def test_a_removed_file_is_restored_before_the_next_change_is_acknowledged(self) -> None:
        for removed in (("",), ("-wal",), ("-shm",), ("", "-wal", "-shm"), (".lock",), ("", "-wal", "-shm", ".lock")):
            id = f"after{removed}"
            self.save(f"before{removed}")
            for suffix in removed:
                os.unlink(self.path + suffix)
            self.assertIs(self.save(id), True)
            self.assertEqual(self.names(), {"", "-wal", "-shm", ".lock"})
            self.reopen()
            self.assertEqual(self.saved(f"before{removed}", id), [f"before{removed}", id])
            self.assert_sound()

    def test_a_file_removed_during_the_transaction_is_restored_before_it_is_acknowledged(self) -> None:
        self.save("a")

        def work(connection: sqlite3.Connection) -> bool:
            os.unlink(self.path)
            return response_writes.save_response(connection, stored_response("b"), b"", 1.0)

        self.assertIs(self.run_call(work, True), True)
        self.reopen()
        self.assertEqual(self.saved("a", "b"), ["a", "b"])

    def test_the_restored_file_is_private_and_keeps_the_settings_of_the_connection(self) -> None:
        self.database.close()
        self.database = OpenDatabase(self.path, sync=True, max_bytes=10**6, lock=self.lock)
        self.save("a")
        os.unlink(self.path)
        self.assertIs(self.save("b"), True)
        self.assertEqual(S_IMODE(os.stat(self.path).st_mode), 0o600)
        pragmas = ("synchronous", "max_page_count", "journal_mode", "auto_vacuum", "foreign_keys")
        found = [self.database.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
        self.assertEqual(found, [2, 10**6 // 4096, "wal", 2, 1])

    def test_leases_survive_a_restored_file(self) -> None:
        self.save("a")
        self.run_call(lambda c: history.load_history(c, HistoryQuery("me", "a"), 1e12), False)
        os.unlink(self.path)
        self.assertIs(self.save("b"), True)
        self.run_call(lambda c: responses.delete_response(c, "me", "a"), True)
        continued = stored_response("c", "a")
        self.run_call(lambda c: response_writes.save_response(c, continued, b"", 1.0), True)
        loaded = self.run_call(lambda c: history.load_history(c, HistoryQuery("me", "c"), 1e12), False)
        self.assertEqual([item.id for item in loaded.history], ["in_a", "out_a", "in_c", "out_c"])

    def test_while_nothing_is_written_the_check_restores_it(self) -> None:
        self.save("a")
        os.unlink(self.path)
        self.assertIsNone(self.probe(write=False))
        self.assertEqual(self.restored, [None])
        self.reopen()
        self.assertEqual(self.saved("a"), ["a"])

    def test_while_its_directory_is_away_changes_fail_and_reads_work(self) -> None:
        self.save("a")
        elsewhere = f"{self.directory}.away"
        move(self.directory, elsewhere)
        self.assertEqual((self.save("b"), self.save("c"), self.probe()), ("vanished",) * 3)
        self.assertEqual(self.saved("a", "b"), ["a"])
        move(elsewhere, self.directory)
        self.assertIs(self.save("d"), True)
        self.assertEqual(self.restored, [])
        self.reopen()
        self.assertEqual(self.saved("a", "b", "d"), ["a", "d"])

    def test_a_new_directory_gets_the_file_and_its_lock(self) -> None:
        self.save("a")
        move(self.directory, f"{self.directory}.away")
        self.assertEqual(self.save("b"), "vanished")
        self.directory.mkdir()
        self.assertIsNone(self.probe())
        self.assertIs(self.save("c"), True)
        with self.assertRaisesRegex(Exception, "in use"):
            DatabaseLock.acquire(self.path)
        self.reopen()
        self.assertEqual(self.saved("a", "b", "c"), ["a", "c"])

    def test_another_daemon_that_took_the_path_keeps_it(self) -> None:
        self.save("a")
        for suffix in ("", "-wal", "-shm", ".lock"):
            os.unlink(self.path + suffix)
        other = DatabaseLock.acquire(self.path)
        self.addCleanup(other.release)
        self.assertEqual((self.save("b"), self.probe()), ("vanished", "vanished"))
        with closing(sqlite3.connect(self.path)) as connection:
            self.assertEqual(connection.execute("SELECT count(*) FROM response").fetchone(), (0,))
        other.release()
        self.assertIsNone(self.probe())
        self.assertIs(self.save("c"), True)

    def test_a_file_that_was_put_in_its_place_is_moved_aside(self) -> None:
        self.save("old")
        self.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        copyfile(self.path, f"{self.path}.copy")
        self.save("new")
        os.replace(f"{self.path}.copy", self.path)
        self.assertIs(self.save("newer"), True)
        (aside,) = self.restored
        assert aside is not None
        self.reopen()
        self.assertEqual(self.saved("old", "new", "newer"), ["old", "new", "newer"])
        with closing(sqlite3.connect(aside)) as connection:
            self.assertEqual(connection.execute("SELECT id FROM response").fetchall(), [("old",)])

    def test_files_moved_aside_do_not_overwrite_each_other(self) -> None:
        self.save("first")
        for number in range(3):
            Path(f"{self.path}.other").write_bytes(b"%d" % number)
            os.replace(f"{self.path}.other", self.path)
            self.assertIs(self.save(f"r{number}"), True)
        self.assertEqual([Path(aside or "").read_bytes() for aside in self.restored], [b"0", b"1", b"2"])

    def test_what_cannot_be_restored_is_tried_again_by_the_check_only(self) -> None:
        self.save("a")
        os.unlink(self.path)
        os.mkdir(f"{self.path}.restoring")  # the copy cannot be written
        self.assertEqual((self.save("b"), self.save("c")), ("vanished", "vanished"))
        rmtree(f"{self.path}.restoring")
        self.assertEqual(self.save("d"), "vanished")
        self.assertIsNone(self.probe())
        self.assertIs(self.save("e"), True)
        self.reopen()
        self.assertEqual(self.saved(*"abcde"), ["a", "e"])


class DamageTests(FileFaultTestCase):
    def damage(self) -> None:
        """Overwrite all pages but the first, which is what the connection would notice at once."""
        for number in range(60):
            self.save(f"r{number}", 3000)
        self.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        copyfile(self.path, f"{self.path}.backup")
        # A second connection, because a connection does not read again what it has in memory.
        self.database.close()
        self.database = OpenDatabase(self.path, lock=self.lock, on_restored=self.restored.append)
        self.assertEqual(self.database.connection.total_changes, 0)
        with open(self.path, "r+b") as file:
            file.seek(4096)
            file.write(random.Random(1).randbytes(os.path.getsize(self.path) - 4096))

    def test_after_a_call_found_damage_no_change_is_acknowledged(self) -> None:
        self.damage()
        self.assertEqual(self.run_call(lambda c: responses.load_response(c, "me", "r1"), False), "corrupt")
        self.assertEqual((self.save("a"), self.probe(), self.save("b")), ("corrupt",) * 3)
        self.assertEqual(self.restored, [])

    def test_a_sound_file_put_in_the_place_of_a_damaged_one_is_used(self) -> None:
        self.damage()
        self.assertEqual((self.save("a"), self.probe()), ("corrupt", "corrupt"))
        os.replace(f"{self.path}.backup", self.path)
        self.assertIsNone(self.probe())
        self.assertIs(self.save("b"), True)
        self.reopen()
        self.assertEqual(self.saved("a", "b", "r1"), ["b", "r1"])
        self.assert_sound()

    def test_a_removed_damaged_file_is_not_replaced_by_an_empty_one(self) -> None:
        self.damage()
        self.save("a")
        os.unlink(self.path)
        self.assertEqual((self.probe(), self.save("b")), ("corrupt", "corrupt"))
        self.assertFalse(os.path.exists(self.path))

    def test_a_file_removed_before_it_was_opened_is_not_replaced_by_an_empty_one(self) -> None:
        os.unlink(self.path)
        self.assertEqual((self.saved_kind(), self.save("a"), self.probe()), ("vanished",) * 3)
        self.assertFalse(os.path.exists(self.path))

    def saved_kind(self) -> object:
        try:
            return self.run_call(lambda c: responses.load_response(c, "me", "r1"), False)
        except FileProblemError as error:
            return error.kind

    def test_a_removed_file_whose_copy_is_damaged_is_not_restored(self) -> None:
        self.damage()
        os.unlink(self.path)
        self.assertEqual((self.save("a"), self.probe()), ("corrupt", "corrupt"))
        self.assertEqual(self.names() & {"", ".restoring"}, set())


class LockedTests(FileFaultTestCase):
    def test_a_lock_of_another_program_fails_all_changes_of_a_batch_at_once_and_no_read(self) -> None:
        self.save("a")
        self.database.connection.execute("PRAGMA busy_timeout = 100")
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            begun: list[int] = []
            self.database.connection.set_trace_callback(
                lambda sql: begun.append(1) if sql.startswith("BEGIN IMMEDIATE") else None
            )
            change = StoreCall(name="write", work=lambda c: begun.append(100), writes=True)
            read = StoreCall(name="read", work=lambda c: responses.load_response(c, "me", "a"))
            outcomes = run_batch(self.database, (change, read, change, read))
            self.assertEqual([classify(getattr(o, "error", None)) for o in outcomes], ["locked", None] * 2)
            self.assertEqual(outcomes[1], stored_response("a", body=b"x" * 10))
            self.assertEqual(len(begun), 1)
            self.assertEqual(self.probe(), "locked")
        self.assertIsNone(self.probe())
        self.assertIs(self.save("b"), True)

    def test_the_connection_waits_less_while_the_lock_is_known_to_be_held(self) -> None:
        for write, timeout in ((lambda: self.database.note_failure(sqlite3_busy()), 200), (self.probe, 5000)):
            write()
            self.assertEqual(self.database.connection.execute("PRAGMA busy_timeout").fetchone(), (timeout,))


class MemoryTests(SynchronousTestCase):
    def test_a_database_in_memory_has_no_file_to_check(self) -> None:
        database = OpenDatabase(IN_MEMORY)
        self.addCleanup(database.close)
        database.connection.execute("CREATE TABLE one (x)")
        database.verify()
        database.probe(True)
        self.assertEqual(database.connection.execute("SELECT count(*) FROM one").fetchone(), (0,))


def sqlite3_busy() -> sqlite3.Error:
    error = sqlite3.OperationalError()
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error
