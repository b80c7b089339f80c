"""Unreferenced rows are removed; `test_contract` tests what is hidden."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.stored import HistoryQuery, StoredConversation
from codexd.store import conversations, history, responses, tombstones
from codexd.store.response_writes import save_response
from tests.support.inline_executor import items, open_database, stored_response


class TombstoneTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.connection = open_database()
        self.addCleanup(self.connection.close)

    def save(self, *kept: object) -> None:
        for one in kept:
            save_response(self.connection, one, b"stream", 1.0)

    def save_conversation(self, id: str, *names: str) -> None:
        conversations.save_conversation(self.connection, StoredConversation(id, "me", 1, b"{}"), items(*names), 1.0)

    def delete(self, *ids: str) -> None:
        for id in ids:
            self.assertTrue(responses.delete_response(self.connection, "me", id))

    def stored_rows(self) -> dict[str, list[str]]:
        queries = {
            "response": "SELECT id FROM response ORDER BY number",
            "conversation": "SELECT id FROM conversation ORDER BY number",
            "item": "SELECT id FROM item ORDER BY number",
            "stream": "SELECT response FROM stream",
        }
        found = {name: [row[0] for row in self.connection.execute(query)] for name, query in queries.items()}
        return {name: rows for name, rows in found.items() if rows}

    def test_a_deleted_response_without_successor_is_removed(self) -> None:
        self.save(stored_response("a"))
        self.delete("a")
        self.assertEqual(self.stored_rows(), {})

    def test_of_a_deleted_response_with_a_successor_only_the_items_stay(self) -> None:
        self.save(stored_response("a", body=b"metadata"), stored_response("b", "a"))
        self.delete("a")
        self.assertEqual(self.stored_rows()["item"], ["in_a", "out_a", "in_b", "out_b"])
        self.assertEqual(self.stored_rows()["stream"], [2])
        bodies = self.connection.execute("SELECT body FROM response ORDER BY number").fetchall()
        self.assertEqual(bodies, [(b"",), (b"{}",)])

    def test_deleting_the_last_of_a_chain_removes_its_hidden_ancestors(self) -> None:
        self.save(stored_response("a"), stored_response("b", "a"), stored_response("c", "b"))
        self.delete("b", "a", "c")
        self.assertEqual(self.stored_rows(), {})

    def test_ancestors_that_exist_or_have_another_branch_stay(self) -> None:
        self.save(stored_response("a"), stored_response("b", "a"), stored_response("c", "b"), stored_response("d", "b"))
        self.delete("b", "c")
        self.assertEqual(self.stored_rows()["response"], ["a", "b", "d"])
        self.delete("d")
        self.assertEqual(self.stored_rows()["response"], ["a"])

    def test_a_deleted_conversation_stays_while_a_response_refers_to_it(self) -> None:
        self.save_conversation("k", "x")
        self.save(stored_response("a", conversation="k"), stored_response("b", "a"))
        self.assertTrue(conversations.delete_conversation(self.connection, "me", "k"))
        self.delete("a")
        self.assertEqual(self.stored_rows()["conversation"], ["k"])
        self.delete("b")
        self.assertEqual(self.stored_rows(), {})

    def test_a_deleted_conversation_without_responses_is_removed(self) -> None:
        self.save_conversation("k", "x")
        self.assertTrue(conversations.delete_conversation(self.connection, "me", "k"))
        self.assertEqual(self.stored_rows(), {})

    def test_leased_rows_stay_until_the_lease_ends(self) -> None:
        self.save_conversation("k", "x")
        self.save(stored_response("a"), stored_response("b", "a"))
        history.load_history(self.connection, HistoryQuery("me", "b"), until=10.0)
        history.load_history(self.connection, HistoryQuery("me", conversation="k"), until=20.0)
        self.delete("b", "a")
        conversations.delete_conversation(self.connection, "me", "k")
        tombstones.end_expired_leases(self.connection, 9.0)
        self.assertEqual(self.stored_rows()["response"], ["a", "b"])
        tombstones.end_expired_leases(self.connection, 10.0)
        self.assertEqual(self.stored_rows(), {"conversation": ["k"], "item": ["x"]})
        tombstones.end_expired_leases(self.connection, 20.0)
        self.assertEqual(self.stored_rows(), {})

    def test_a_second_lease_extends_the_first(self) -> None:
        self.save(stored_response("a"))
        for until in (10.0, 30.0):
            history.load_history(self.connection, HistoryQuery("me", "a"), until)
        self.delete("a")
        tombstones.end_expired_leases(self.connection, 20.0)
        self.assertEqual(self.stored_rows()["response"], ["a"])

    def test_a_row_that_is_not_deleted_stays_when_its_lease_ends(self) -> None:
        self.save(stored_response("a"))
        history.load_history(self.connection, HistoryQuery("me", "a"), 10.0)
        tombstones.end_expired_leases(self.connection, 20.0)
        self.assertEqual(self.stored_rows()["response"], ["a"])
