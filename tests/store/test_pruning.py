"""Pruning works in batches and returns free pages; `test_contract` tests what it deletes."""

from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.stored import HistoryQuery, StoredConversation
from codexd.store import conversations, history, pruning, responses
from codexd.store.connection import limit_size
from codexd.store.pruning import PruneResult, allowed_bytes, prune, prune_bytes
from codexd.store.response_writes import save_response
from tests.support.inline_executor import items, open_database, stored_response


class PruneTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.connection = open_database()
        self.addCleanup(self.connection.close)

    def test_it_deletes_in_batches_oldest_first(self) -> None:
        for created in (4, 1, 3, 2, 5):
            save_response(self.connection, stored_response(f"r{created}", created=created), b"", 1.0)
        batches = [prune(self.connection, 4, 100, 0.0, batch=2) for _ in range(2)]
        self.assertEqual(batches, [PruneResult(2, True), PruneResult(1, False)])
        self.assertEqual(responses.count_responses(self.connection), 2)

    def test_there_may_be_more_conversations_than_responses(self) -> None:
        for number in range(3):
            made = StoredConversation(f"k{number}", "me", 1, b"{}")
            conversations.save_conversation(self.connection, made, items("x"), 1.0)
        batches = [prune(self.connection, 4, 100, 0.0, batch=2) for _ in range(2)]
        self.assertEqual(batches, [PruneResult(0, True), PruneResult(0, False)])
        self.assertEqual(self.connection.execute("SELECT count(*) FROM item").fetchone(), (0,))

    def test_when_the_file_is_nearly_full_a_tenth_of_the_bytes_may_not_stay(self) -> None:
        for number in range(30):
            save_response(self.connection, stored_response(f"r{number}", body=b"x" * 1000), b"", 1.0)
        self.assertIsNone(allowed_bytes(self.connection))
        limit_size(self.connection, 1)  # no smaller than it is
        stored = self.bytes("me")
        self.assertEqual(allowed_bytes(self.connection), stored - stored // 10)

    # Shares

    def save(self, owner: str, *created: int, size: int = 1000) -> None:
        for number in created:
            response = stored_response(f"r{number}", owner=owner, created=number, body=b"x" * size)
            save_response(self.connection, response, b"", 1.0)

    def left(self, owner: str) -> list[str]:
        rows = self.connection.execute("SELECT id FROM response WHERE owner = ? AND deleted = 0 ORDER BY 1", (owner,))
        return [id for (id,) in rows]

    def bytes(self, owner: str) -> int:
        return self.connection.execute("SELECT bytes FROM owner WHERE name = ?", (owner,)).fetchone()[0]

    def test_one_owner_does_not_displace_the_responses_of_another(self) -> None:
        self.save("little", 1, 2)
        self.save("much", *range(10, 30))
        self.save("more", *range(10, 40))
        prune(self.connection, 0, 12, 0.0)
        self.assertEqual(self.left("little"), ["r1", "r2"])
        self.assertEqual(self.left("much"), [f"r{number}" for number in range(25, 30)])
        self.assertEqual(self.left("more"), [f"r{number}" for number in range(35, 40)])

    def test_one_owner_does_not_displace_the_bytes_of_another(self) -> None:
        self.save("little", 1, 2)
        self.save("much", *range(10, 30))
        result = prune_bytes(self.connection, 12_500, lambda _: None)
        self.assertEqual((self.left("little"), len(self.left("much"))), (["r1", "r2"], 10))
        self.assertEqual(result, PruneResult(10, False))

    def test_an_owner_keeps_the_newest_within_the_limit(self) -> None:
        self.save("me", *range(10, 20))
        conversations.save_conversation(
            self.connection, StoredConversation("k", "me", 1, b"x" * 1000), items("a"), 10.5
        )
        self.save("you", *range(10, 20))
        limits = {"me": 4_500}
        prune_bytes(self.connection, None, limits.get, "me")
        self.assertEqual(self.left("me"), ["r16", "r17", "r18", "r19"])
        self.assertIsNone(conversations.load_conversation(self.connection, "me", "k"))
        prune_bytes(self.connection, None, limits.get)
        self.assertEqual(len(self.left("you")), 10)

    def test_bytes_are_pruned_in_batches(self) -> None:
        self.save("me", *range(10, 20))
        results = [prune_bytes(self.connection, None, lambda _: 4_500, batch=4) for _ in range(2)]
        self.assertEqual(results, [PruneResult(4, True), PruneResult(2, False)])

    def test_the_rows_to_prune_are_found_by_index(self) -> None:
        for kind in (pruning._RESPONSES, pruning._CONVERSATIONS):
            for query, values in ((kind.aged, (1, 1)), (kind.oldest, ("me", 1))):
                plan = [row[3] for row in self.connection.execute(f"EXPLAIN QUERY PLAN {query}", values)]
                self.assertIn("_age", plan[0])
                self.assertNotIn("USE TEMP B-TREE FOR ORDER BY", plan)

    def test_owners_without_anything_are_forgotten(self) -> None:
        self.save("me", 1)
        prune(self.connection, 5, 100, 0.0)
        self.assertEqual(self.connection.execute("SELECT * FROM owner").fetchall(), [])

    def test_expired_leases_end(self) -> None:
        save_response(self.connection, stored_response("a"), b"", 1.0)
        history.load_history(self.connection, HistoryQuery("me", "a"), 10.0)
        responses.delete_response(self.connection, "me", "a")
        prune(self.connection, 0, 100, now=10.0)
        self.assertEqual(self.connection.execute("SELECT count(*) FROM item").fetchone(), (0,))

    def test_free_pages_are_returned(self) -> None:
        path = self.mktemp()
        with closing(open_database(path)) as connection:
            for number in range(100):
                save_response(connection, stored_response(f"r{number}", body=b"x" * 10_000), b"", 1.0)
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute("BEGIN IMMEDIATE")
            prune(connection, 4, 100, 0.0)
            connection.execute("COMMIT")
            self.assertEqual(connection.execute("PRAGMA freelist_count").fetchone(), (0,))
            self.assertLess(connection.execute("PRAGMA page_count").fetchone()[0], pages / 5)
