"""That what nobody needs is really removed; what is hidden is in `test_contract`."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.kept import KeptConversation, Wanted
from codexd.store import answers, conversations, history, tombstones
from codexd.store.keeping import keep
from tests.support.tables import answer, items, opened


class TombstoneTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.connection = opened()
        self.addCleanup(self.connection.close)

    def keep(self, *kept: object) -> None:
        for one in kept:
            keep(self.connection, one, b"stream", 1.0)

    def converse(self, id: str, *names: str) -> None:
        conversations.converse(self.connection, KeptConversation(id, "me", 1, b"{}"), items(*names), 1.0)

    def delete(self, *ids: str) -> None:
        for id in ids:
            self.assertTrue(answers.delete(self.connection, "me", id))

    def left(self) -> dict[str, list[str]]:
        queries = {
            "response": "SELECT id FROM response ORDER BY number",
            "conversation": "SELECT id FROM conversation ORDER BY number",
            "item": "SELECT id FROM item ORDER BY number",
            "frames": "SELECT response FROM frames",
        }
        found = {name: [row[0] for row in self.connection.execute(query)] for name, query in queries.items()}
        return {name: rows for name, rows in found.items() if rows}

    def test_an_answer_that_nothing_goes_on_from_is_removed_whole(self) -> None:
        self.keep(answer("a"))
        self.delete("a")
        self.assertEqual(self.left(), {})

    def test_of_one_that_something_goes_on_from_only_the_items_stay(self) -> None:
        self.keep(answer("a", body=b"metadata"), answer("b", "a"))
        self.delete("a")
        self.assertEqual(self.left()["item"], ["in_a", "out_a", "in_b", "out_b"])
        self.assertEqual(self.left()["frames"], [2])
        bodies = self.connection.execute("SELECT body FROM response ORDER BY number").fetchall()
        self.assertEqual(bodies, [(b"",), (b"{}",)])

    def test_the_last_of_a_line_takes_all_that_was_hidden_with_it(self) -> None:
        self.keep(answer("a"), answer("b", "a"), answer("c", "b"))
        self.delete("b", "a", "c")
        self.assertEqual(self.left(), {})

    def test_it_takes_nothing_that_is_there_or_that_another_branch_needs(self) -> None:
        self.keep(answer("a"), answer("b", "a"), answer("c", "b"), answer("d", "b"))
        self.delete("b", "c")
        self.assertEqual(self.left()["response"], ["a", "b", "d"])
        self.delete("d")
        self.assertEqual(self.left()["response"], ["a"])

    def test_a_conversation_stays_hidden_while_an_answer_needs_it(self) -> None:
        self.converse("k", "x")
        self.keep(answer("a", conversation="k"), answer("b", "a"))
        self.assertTrue(conversations.end_conversation(self.connection, "me", "k"))
        self.delete("a")
        self.assertEqual(self.left()["conversation"], ["k"])
        self.delete("b")
        self.assertEqual(self.left(), {})

    def test_a_conversation_that_no_answer_needs_is_removed_whole(self) -> None:
        self.converse("k", "x")
        self.assertTrue(conversations.end_conversation(self.connection, "me", "k"))
        self.assertEqual(self.left(), {})

    def test_what_is_lent_stays_hidden_until_it_is_taken_back(self) -> None:
        self.converse("k", "x")
        self.keep(answer("a"), answer("b", "a"))
        history.recall(self.connection, Wanted("me", "b"), until=10.0)
        history.recall(self.connection, Wanted("me", conversation="k"), until=20.0)
        self.delete("b", "a")
        conversations.end_conversation(self.connection, "me", "k")
        tombstones.take_back(self.connection, 9.0)
        self.assertEqual(self.left()["response"], ["a", "b"])
        tombstones.take_back(self.connection, 10.0)
        self.assertEqual(self.left(), {"conversation": ["k"], "item": ["x"]})
        tombstones.take_back(self.connection, 20.0)
        self.assertEqual(self.left(), {})

    def test_what_is_lent_again_is_lent_longer(self) -> None:
        self.keep(answer("a"))
        for until in (10.0, 30.0):
            history.recall(self.connection, Wanted("me", "a"), until)
        self.delete("a")
        tombstones.take_back(self.connection, 20.0)
        self.assertEqual(self.left()["response"], ["a"])

    def test_what_was_lent_and_is_still_there_stays(self) -> None:
        self.keep(answer("a"))
        history.recall(self.connection, Wanted("me", "a"), 10.0)
        tombstones.take_back(self.connection, 20.0)
        self.assertEqual(self.left()["response"], ["a"])
