import sqlite3
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from codexd.store.connection import prepare
from codexd.store.schema import Unusable
from tests.support.tables import opened


class PrepareTests(SynchronousTestCase):
    def pragma(self, connection: sqlite3.Connection, name: str) -> object:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]

    def test_a_file_is_journalled_gives_pages_back_and_holds_its_links(self) -> None:
        with closing(opened(self.mktemp())) as connection:
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

    def test_the_disk_is_waited_for_where_that_was_chosen(self) -> None:
        for sync, level in ((False, 1), (True, 2)):
            with closing(sqlite3.connect(self.mktemp(), isolation_level=None)) as connection:
                prepare(connection, sync)
                self.assertEqual(self.pragma(connection, "synchronous"), level)

    def test_another_programs_database_is_not_changed(self) -> None:
        path = self.mktemp()
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("CREATE TABLE theirs (x)")
            with self.assertRaises(Unusable):
                prepare(connection)
            self.assertEqual(self.pragma(connection, "journal_mode"), "delete")
