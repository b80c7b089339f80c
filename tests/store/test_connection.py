import sqlite3
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from codexd.store.connection import prepare
from codexd.store.schema import UnusableFileError
from tests.support.inline_executor import open_database


class PrepareTests(SynchronousTestCase):
    def pragma(self, connection: sqlite3.Connection, name: str) -> object:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]

    def test_the_pragmas_of_a_prepared_connection(self) -> None:
        with closing(open_database(self.mktemp())) as connection:
            found = {
                name: self.pragma(connection, name)
                for name in ("journal_mode", "auto_vacuum", "foreign_keys", "busy_timeout", "secure_delete")
            }
        self.assertEqual(
            found,
            {
                "journal_mode": "wal",
                "auto_vacuum": 2,
                "foreign_keys": 1,
                "busy_timeout": 5000,
                "secure_delete": 1,
            },
        )

    def test_sync_selects_full_synchronous_commits(self) -> None:
        for sync, level in ((False, 1), (True, 2)):
            with closing(sqlite3.connect(self.mktemp(), isolation_level=None)) as connection:
                prepare(connection, sync)
                self.assertEqual(self.pragma(connection, "synchronous"), level)

    def test_another_programs_database_is_not_changed(self) -> None:
        path = self.mktemp()
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("CREATE TABLE theirs (x)")
            with self.assertRaises(UnusableFileError):
                prepare(connection)
            self.assertEqual(self.pragma(connection, "journal_mode"), "delete")
