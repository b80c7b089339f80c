import sqlite3
from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from codexd.store import answers
from codexd.store.batch import Call, Failed, outcomes
from codexd.store.keeping import keep
from tests.support.tables import answer, items, opened


def keeping(id: str, **others: object) -> Call:
    return Call("keep", partial(keep, response=answer(id, **others), frames=b"", now=1.0), writes=True)


def showing(id: str) -> Call:
    return Call("response", partial(answers.response, owner="me", id=id))


def huge(id: str) -> Call:
    """Keep an answer for which there is no room."""
    return keeping(id, body=b"x" * 2**20)


class OutcomesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.connection = opened()
        self.addCleanup(self.connection.close)
        self.said: list[str] = []
        self.connection.set_trace_callback(self.said.append)

    def of(self, *calls: Call) -> list[object]:
        return outcomes(self.connection, calls)

    def begun(self) -> list[str]:
        return [said for said in self.said if said.startswith("BEGIN")]

    def test_calls_take_effect_in_order(self) -> None:
        found = self.of(showing("a"), keeping("a"), showing("a"), keeping("a", body=b"2"), showing("a"))
        self.assertEqual(found, [None, True, answer("a"), False, answer("a", body=b"2")])

    def test_calls_that_come_together_are_one_transaction(self) -> None:
        self.of(keeping("a"), showing("a"), keeping("b"))
        self.assertEqual(self.begun(), ["BEGIN IMMEDIATE"])

    def test_who_only_reads_keeps_nobody_from_writing(self) -> None:
        self.of(showing("a"), showing("b"))
        self.assertEqual(self.begun(), ["BEGIN"])

    def test_a_bad_write_fails_alone_and_leaves_nothing(self) -> None:
        bad = keeping("b", output=(*items("x"), items("y")))
        found = self.of(keeping("a"), bad, keeping("c"), showing("b"))
        self.assertEqual([found[0], found[2], found[3]], [True, True, None])
        self.assertIsInstance(found[1].error, AttributeError)
        self.assertEqual(len(self.begun()), 1)

    def test_what_does_not_fit_on_the_disk_fails_alone(self) -> None:
        self.connection.execute(f"PRAGMA max_page_count = {self._pages() + 20}")
        found = self.of(keeping("a"), huge("b"), keeping("c"), showing("b"), showing("a"))
        self.assertEqual([*found[:1], *found[2:]], [True, True, None, answer("a")])
        self.assertEqual(found[1].error.sqlite_errorname, "SQLITE_FULL")
        self.assertFalse(self.connection.in_transaction)

    def test_what_fails_at_its_end_undoes_nobody_else(self) -> None:
        def lies(connection: sqlite3.Connection) -> None:
            connection.execute("PRAGMA defer_foreign_keys = ON")
            connection.execute("INSERT INTO frames VALUES (99, x'00')")

        found = self.of(keeping("a"), Call("lie", lies, writes=True), keeping("b"), showing("a"))
        self.assertEqual([found[0], *found[2:]], [True, True, answer("a")])
        self.assertEqual(found[1].error.sqlite_errorname, "SQLITE_CONSTRAINT_FOREIGNKEY")
        self.assertFalse(self.connection.in_transaction)

    def test_what_cannot_even_begin_fails(self) -> None:
        self.connection.set_trace_callback(None)
        self.connection.close()
        self.assertIsInstance(self.of(keeping("a"))[0], Failed)

    def test_a_transaction_that_was_given_up_is_done_again_one_by_one(self) -> None:
        tries: list[bool] = []

        def gives_up(connection: sqlite3.Connection) -> None:
            tries.append(connection.in_transaction)
            connection.execute("ROLLBACK")
            raise sqlite3.OperationalError("as SQLite does on some errors")

        found = self.of(keeping("a"), Call("give up", gives_up, writes=True), keeping("b"))
        self.assertEqual([found[0], found[2]], [True, True])
        self.assertIsInstance(found[1], Failed)
        self.assertEqual(tries, [True, True])
        self.assertEqual(self.of(showing("a"), showing("b")), [answer("a"), answer("b")])

    def _pages(self) -> int:
        return self.connection.execute("PRAGMA page_count").fetchone()[0]
