import sqlite3
from contextlib import closing
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.kept import Wanted
from codexd.store import answers, history
from codexd.store.connection import prepare
from codexd.store.schema import APPLICATION_ID, SCRIPTS, Unusable, check, migrate
from tests.support.tables import opened

VERSION_1 = Path(__file__).with_name("version1.sql")


def blank() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def shape(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Give all tables and indexes as they were declared."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
    return sorted((name, " ".join((sql or "").split())) for name, sql in rows)


class MigrateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.connection = blank()
        self.addCleanup(self.connection.close)

    def test_a_new_file_says_whose_and_which_version_it_is(self) -> None:
        migrate(self.connection)
        self.assertEqual(pragma(self.connection, "user_version"), len(SCRIPTS))
        self.assertEqual(pragma(self.connection, "application_id"), APPLICATION_ID)

    def test_only_the_scripts_that_are_new_to_a_file_are_run(self) -> None:
        migrate(self.connection, ("CREATE TABLE a (x);",))
        migrate(self.connection, ("CREATE TABLE a (x);", "CREATE TABLE b (x); INSERT INTO b VALUES (1);"))
        migrate(self.connection, ("CREATE TABLE a (x);", "CREATE TABLE b (x); INSERT INTO b VALUES (1);"))
        self.assertEqual(self.connection.execute("SELECT * FROM b").fetchall(), [(1,)])
        self.assertEqual(pragma(self.connection, "user_version"), 2)

    def test_a_step_that_fails_leaves_the_file_as_it_was(self) -> None:
        migrate(self.connection, ("CREATE TABLE a (x);",))
        before = shape(self.connection)
        with self.assertRaises(sqlite3.OperationalError):
            migrate(self.connection, ("", "CREATE TABLE b (x); CREATE TABLE a (x);"))
        self.assertEqual(shape(self.connection), before)
        self.assertEqual(pragma(self.connection, "user_version"), 1)
        self.assertFalse(self.connection.in_transaction)

    def test_a_file_of_version_1_is_read_as_it_was_written(self) -> None:
        self.connection.executescript(VERSION_1.read_text(encoding="utf-8"))
        self.assertEqual(pragma(self.connection, "user_version"), 1)
        prepare(self.connection)
        recalled = history.recall(self.connection, Wanted("key:1", "resp_2", references=("msg_b",)), 0.0)
        self.assertEqual(
            [(item.id, item.body) for item in recalled.history],
            [
                ("msg_c", b'{"type":"message","id":"msg_c"}'),
                ("msg_a", b'{"type":"message","id":"msg_a"}'),
                ("msg_b", b'{"type":"message","id":"msg_b"}'),
                ("msg_d", b'{"type":"message","id":"msg_d"}'),
                ("msg_e", b'{"type":"message","id":"msg_e"}'),
            ],
        )
        self.assertEqual(list(recalled.items), ["msg_b"])
        shown = answers.response(self.connection, "key:1", "resp_2")
        self.assertEqual((shown.previous, shown.background, shown.created), ("resp_1", True, 1700000001))
        self.assertEqual(answers.frames(self.connection, "key:1", "resp_2"), b"data: {}\n\n")
        held = history.conversation_items(self.connection, "key:1", "conv_1")
        self.assertEqual([item.id for item in held], ["msg_c", "msg_a", "msg_b"])

    def test_a_file_of_version_1_becomes_like_a_new_one(self) -> None:
        self.connection.executescript(VERSION_1.read_text(encoding="utf-8"))
        prepare(self.connection)
        with closing(opened()) as new:
            self.assertEqual(shape(self.connection), shape(new))
            self.assertEqual(pragma(self.connection, "user_version"), pragma(new, "user_version"))


class CheckTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.connection = blank()
        self.addCleanup(self.connection.close)

    def test_an_empty_file_may_become_ours(self) -> None:
        check(self.connection)

    def test_another_programs_database_is_left_alone(self) -> None:
        self.connection.execute("CREATE TABLE theirs (x)")
        with self.assertRaisesRegex(Unusable, "another program"):
            check(self.connection)

    def test_a_newer_codexds_file_is_left_alone(self) -> None:
        migrate(self.connection)
        self.connection.execute(f"PRAGMA user_version = {len(SCRIPTS) + 1}")
        with self.assertRaisesRegex(Unusable, r"newer codexd \(version 2, this one knows 1\)"):
            check(self.connection)
