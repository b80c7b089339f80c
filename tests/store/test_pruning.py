"""Pruning works in batches and returns free pages; `test_contract` tests what it deletes."""

from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.stored import HistoryQuery, StoredConversation
from codexd.store import conversations, history, responses
from codexd.store.connection import limit_size
from codexd.store.pruning import PruneResult, allowed_responses, prune
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

    def test_when_the_file_is_nearly_full_a_tenth_is_deleted(self) -> None:
        for number in range(30):
            save_response(self.connection, stored_response(f"r{number}"), b"", 1.0)
        self.assertEqual(allowed_responses(self.connection, 100), 100)
        limit_size(self.connection, 1)  # no smaller than it is
        self.assertEqual(allowed_responses(self.connection, 100), 30 - 3 - 1)
        self.assertEqual(allowed_responses(self.connection, 5), 5)

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
