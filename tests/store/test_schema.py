import sqlite3
from contextlib import closing
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.stored import HistoryQuery
from codexd.store import history, responses
from codexd.store.connection import prepare
from codexd.store.schema import APPLICATION_ID, SCRIPTS, UnusableFileError, check_file, migrate
from tests.store.test_state import OWNERS_COUNTED, OWNERS_KEPT
from tests.support.inline_executor import open_database

VERSION_1 = Path(__file__).with_name("version1.sql")


def new_connection() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def read_schema(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return the declarations of all tables and indexes."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
    return sorted((name, " ".join((sql or "").split())) for name, sql in rows)


class MigrateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.connection = new_connection()
        self.addCleanup(self.connection.close)

    def test_a_new_file_has_the_application_id_and_the_newest_version(self) -> None:
        migrate(self.connection)
        self.assertEqual(pragma(self.connection, "user_version"), len(SCRIPTS))
        self.assertEqual(pragma(self.connection, "application_id"), APPLICATION_ID)

    def test_only_scripts_new_to_a_file_run(self) -> None:
        migrate(self.connection, ("CREATE TABLE a (x);",))
        migrate(self.connection, ("CREATE TABLE a (x);", "CREATE TABLE b (x); INSERT INTO b VALUES (1);"))
        migrate(self.connection, ("CREATE TABLE a (x);", "CREATE TABLE b (x); INSERT INTO b VALUES (1);"))
        self.assertEqual(self.connection.execute("SELECT * FROM b").fetchall(), [(1,)])
        self.assertEqual(pragma(self.connection, "user_version"), 2)

    def test_a_failed_script_is_rolled_back(self) -> None:
        migrate(self.connection, ("CREATE TABLE a (x);",))
        before = read_schema(self.connection)
        with self.assertRaises(sqlite3.OperationalError):
            migrate(self.connection, ("", "CREATE TABLE b (x); CREATE TABLE a (x);"))
        self.assertEqual(read_schema(self.connection), before)
        self.assertEqual(pragma(self.connection, "user_version"), 1)
        self.assertFalse(self.connection.in_transaction)

    def test_a_file_of_version_1_is_migrated_with_its_content(self) -> None:
        self.connection.executescript(VERSION_1.read_text(encoding="utf-8"))
        self.assertEqual(pragma(self.connection, "user_version"), 1)
        prepare(self.connection)
        loaded = history.load_history(self.connection, HistoryQuery("key:1", "resp_2", references=("msg_b",)), 0.0)
        self.assertEqual(
            [(item.id, item.body) for item in loaded.history],
            [
                ("msg_c", b'{"type":"message","id":"msg_c"}'),
                ("msg_a", b'{"type":"message","id":"msg_a"}'),
                ("msg_b", b'{"type":"message","id":"msg_b"}'),
                ("msg_d", b'{"type":"message","id":"msg_d"}'),
                ("msg_e", b'{"type":"message","id":"msg_e"}'),
            ],
        )
        self.assertEqual(list(loaded.items), ["msg_b"])
        response = responses.load_response(self.connection, "key:1", "resp_2")
        self.assertEqual((response.previous, response.background, response.created), ("resp_1", True, 1700000001))
        self.assertEqual(responses.load_stream(self.connection, "key:1", "resp_2"), b" {}\n")
        items = history.load_conversation_items(self.connection, "key:1", "conv_1")
        self.assertEqual([item.id for item in items], ["msg_c", "msg_a", "msg_b"])

    def test_what_the_owners_of_a_file_of_version_1_store_is_counted(self) -> None:
        self.connection.executescript(VERSION_1.read_text(encoding="utf-8"))
        prepare(self.connection)
        kept = self.connection.execute(OWNERS_KEPT).fetchall()
        self.assertEqual(kept, self.connection.execute(OWNERS_COUNTED).fetchall())
        self.assertEqual([row[:3] for row in kept], [("key:1", 2, 1)])

    def test_a_damaged_stream_does_not_stop_the_migration(self) -> None:
        self.connection.executescript(VERSION_1.read_text(encoding="utf-8"))
        self.connection.execute("UPDATE frames SET body = x'7878'")
        prepare(self.connection)
        self.assertEqual(responses.load_stream(self.connection, "key:1", "resp_2"), b"")

    def test_a_migrated_file_of_version_1_has_the_schema_of_a_new_file(self) -> None:
        self.connection.executescript(VERSION_1.read_text(encoding="utf-8"))
        prepare(self.connection)
        with closing(open_database()) as new:
            self.assertEqual(read_schema(self.connection), read_schema(new))
            self.assertEqual(pragma(self.connection, "user_version"), pragma(new, "user_version"))


class CheckTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.connection = new_connection()
        self.addCleanup(self.connection.close)

    def test_an_empty_file_is_accepted(self) -> None:
        check_file(self.connection)

    def test_another_programs_database_is_refused(self) -> None:
        self.connection.execute("CREATE TABLE theirs (x)")
        with self.assertRaisesRegex(UnusableFileError, "another program"):
            check_file(self.connection)

    def test_a_file_of_a_newer_codexd_is_refused(self) -> None:
        migrate(self.connection)
        newest = len(SCRIPTS)
        self.connection.execute(f"PRAGMA user_version = {newest + 1}")
        message = rf"newer codexd \(schema version {newest + 1}, this codexd supports {newest}\)"
        with self.assertRaisesRegex(UnusableFileError, message):
            check_file(self.connection)
