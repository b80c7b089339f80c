"""That pruning goes by pieces and gives room back; what it deletes is in `test_contract`."""

from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.kept import KeptConversation, Wanted
from codexd.store import answers, conversations, history
from codexd.store.connection import limit
from codexd.store.keeping import keep
from codexd.store.pruning import Pruned, prune, share
from tests.support.tables import answer, items, opened


class PruneTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.connection = opened()
        self.addCleanup(self.connection.close)

    def test_it_goes_by_pieces_oldest_first(self) -> None:
        for created in (4, 1, 3, 2, 5):
            keep(self.connection, answer(f"r{created}", created=created), b"", 1.0)
        pieces = [prune(self.connection, 4, 100, 0.0, batch=2) for _ in range(2)]
        self.assertEqual(pieces, [Pruned(2, True), Pruned(1, False)])
        self.assertEqual(answers.number_kept(self.connection), 2)

    def test_there_may_be_more_conversations_than_answers(self) -> None:
        for number in range(3):
            made = KeptConversation(f"k{number}", "me", 1, b"{}")
            conversations.converse(self.connection, made, items("x"), 1.0)
        pieces = [prune(self.connection, 4, 100, 0.0, batch=2) for _ in range(2)]
        self.assertEqual(pieces, [Pruned(0, True), Pruned(0, False)])
        self.assertEqual(self.connection.execute("SELECT count(*) FROM item").fetchone(), (0,))

    def test_while_the_file_is_nearly_full_a_tenth_makes_room(self) -> None:
        for number in range(30):
            keep(self.connection, answer(f"r{number}"), b"", 1.0)
        self.assertEqual(share(self.connection, 100), 100)
        limit(self.connection, 1)  # no smaller than it is
        self.assertEqual(share(self.connection, 100), 30 - 3 - 1)
        self.assertEqual(share(self.connection, 5), 5)

    def test_what_was_lent_is_taken_back(self) -> None:
        keep(self.connection, answer("a"), b"", 1.0)
        history.recall(self.connection, Wanted("me", "a"), 10.0)
        answers.delete(self.connection, "me", "a")
        prune(self.connection, 0, 100, now=10.0)
        self.assertEqual(self.connection.execute("SELECT count(*) FROM item").fetchone(), (0,))

    def test_pages_are_given_back(self) -> None:
        path = self.mktemp()
        with closing(opened(path)) as connection:
            for number in range(100):
                keep(connection, answer(f"r{number}", body=b"x" * 10_000), b"", 1.0)
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute("BEGIN IMMEDIATE")
            prune(connection, 4, 100, 0.0)
            connection.execute("COMMIT")
            self.assertEqual(connection.execute("PRAGMA freelist_count").fetchone(), (0,))
            self.assertLess(connection.execute("PRAGMA page_count").fetchone()[0], pages / 5)
