"""How an answer lies in the tables; what is given back is in `test_contract`."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.kept import Wanted
from codexd.store import answers, history
from codexd.store.keeping import keep
from tests.support.tables import answer, opened


class KeepTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.connection = opened()
        self.addCleanup(self.connection.close)

    def test_it_tells_whether_there_is_one_more(self) -> None:
        self.assertIs(keep(self.connection, answer("a", standing="queued"), b"", 1.0), True)
        self.assertIs(keep(self.connection, answer("a"), b"", 1.0), False)
        answers.delete(self.connection, "me", "a")
        self.assertIs(keep(self.connection, answer("a"), b"", 1.0), True)

    def test_a_stream_takes_little_room(self) -> None:
        stream = b'event: response.output_text.delta\ndata: {"delta":"a"}\n\n' * 1000
        keep(self.connection, answer("a"), stream, 1.0)
        (size,) = self.connection.execute("SELECT length(body) FROM frames").fetchone()
        self.assertLess(size, len(stream) / 50)

    def test_what_it_goes_on_from_is_settled_at_first(self) -> None:
        keep(self.connection, answer("b", "a", standing="queued"), b"", 1.0)
        keep(self.connection, answer("a"), b"", 1.0)
        keep(self.connection, answer("b", "a"), b"", 1.0)
        recalled = history.recall(self.connection, Wanted("me", "b"), 0.0)
        self.assertEqual([item.id for item in recalled.history], ["in_b", "out_b"])

    def test_one_that_claims_to_go_on_from_itself_is_a_beginning(self) -> None:
        for _ in range(2):
            keep(self.connection, answer("a", "a"), b"", 1.0)
        recalled = history.recall(self.connection, Wanted("me", "a"), 0.0)
        self.assertEqual([item.id for item in recalled.history], ["in_a", "out_a"])
