import sqlite3
from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from codexd.store import responses
from codexd.store.batch import FailedCall, StoreCall, run_calls
from codexd.store.response_writes import save_response
from tests.support.inline_executor import items, open_database, stored_response


def saving(id: str, **others: object) -> StoreCall:
    return StoreCall(
        name="save_response",
        work=partial(save_response, response=stored_response(id, **others), stream=b"", now=1.0),
        writes=True,
    )


def loading(id: str) -> StoreCall:
    return StoreCall(name="load_response", work=partial(responses.load_response, owner="me", id=id))


def saving_too_much(id: str) -> StoreCall:
    """Save a response that does not fit into the file."""
    return saving(id, body=b"x" * 2**20)


class RunCallsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.connection = open_database()
        self.addCleanup(self.connection.close)
        self.said: list[str] = []
        self.connection.set_trace_callback(self.said.append)

    def of(self, *calls: StoreCall) -> list[object]:
        return run_calls(self.connection, calls)

    def begun(self) -> list[str]:
        return [said for said in self.said if said.startswith("BEGIN")]

    def test_calls_take_effect_in_order(self) -> None:
        found = self.of(loading("a"), saving("a"), loading("a"), saving("a", body=b"2"), loading("a"))
        self.assertEqual(found, [None, True, stored_response("a"), False, stored_response("a", body=b"2")])

    def test_calls_of_a_batch_share_one_transaction(self) -> None:
        self.of(saving("a"), loading("a"), saving("b"))
        self.assertEqual(self.begun(), ["BEGIN IMMEDIATE"])

    def test_a_batch_of_reads_takes_no_write_lock(self) -> None:
        self.of(loading("a"), loading("b"))
        self.assertEqual(self.begun(), ["BEGIN"])

    def test_a_failed_write_is_rolled_back_and_the_others_are_committed(self) -> None:
        bad = saving("b", output=(*items("x"), items("y")))
        found = self.of(saving("a"), bad, saving("c"), loading("b"))
        self.assertEqual([found[0], found[2], found[3]], [True, True, None])
        self.assertIsInstance(found[1].error, AttributeError)
        self.assertEqual(len(self.begun()), 1)

    def test_on_a_full_disk_only_the_call_that_does_not_fit_fails(self) -> None:
        self.connection.execute(f"PRAGMA max_page_count = {self._pages() + 20}")
        found = self.of(saving("a"), saving_too_much("b"), saving("c"), loading("b"), loading("a"))
        self.assertEqual([*found[:1], *found[2:]], [True, True, None, stored_response("a")])
        self.assertEqual(found[1].error.sqlite_errorname, "SQLITE_FULL")
        self.assertFalse(self.connection.in_transaction)

    def test_a_call_that_breaks_the_commit_fails_and_the_others_are_committed(self) -> None:
        def break_foreign_key(connection: sqlite3.Connection) -> None:
            connection.execute("PRAGMA defer_foreign_keys = ON")
            connection.execute("INSERT INTO stream VALUES (99, x'00')")

        found = self.of(
            saving("a"),
            StoreCall(name="break_foreign_key", work=break_foreign_key, writes=True),
            saving("b"),
            loading("a"),
        )
        self.assertEqual([found[0], *found[2:]], [True, True, stored_response("a")])
        self.assertEqual(found[1].error.sqlite_errorname, "SQLITE_CONSTRAINT_FOREIGNKEY")
        self.assertFalse(self.connection.in_transaction)

    def test_a_batch_on_a_closed_connection_fails(self) -> None:
        self.connection.set_trace_callback(None)
        self.connection.close()
        self.assertIsInstance(self.of(saving("a"))[0], FailedCall)

    def test_after_a_rollback_of_the_transaction_each_call_runs_in_its_own(self) -> None:
        tries: list[bool] = []

        def roll_back(connection: sqlite3.Connection) -> None:
            tries.append(connection.in_transaction)
            connection.execute("ROLLBACK")
            raise sqlite3.OperationalError("as SQLite does on some errors")

        found = self.of(saving("a"), StoreCall(name="roll_back", work=roll_back, writes=True), saving("b"))
        self.assertEqual([found[0], found[2]], [True, True])
        self.assertIsInstance(found[1], FailedCall)
        self.assertEqual(tries, [True, True])
        self.assertEqual(self.of(loading("a"), loading("b")), [stored_response("a"), stored_response("b")])

    def _pages(self) -> int:
        return self.connection.execute("PRAGMA page_count").fetchone()[0]
