"""The rows of a saved response; `test_contract` tests what is loaded."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.stored import HistoryQuery
from codexd.store import history, responses
from codexd.store.response_writes import save_response
from tests.support.inline_executor import open_database, stored_response


class SaveResponseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.connection = open_database()
        self.addCleanup(self.connection.close)

    def test_it_returns_whether_a_row_was_inserted(self) -> None:
        self.assertIs(save_response(self.connection, stored_response("a", state="queued"), b"", 1.0), True)
        self.assertIs(save_response(self.connection, stored_response("a"), b"", 1.0), False)
        responses.delete_response(self.connection, "me", "a")
        self.assertIs(save_response(self.connection, stored_response("a"), b"", 1.0), True)

    def test_a_stream_is_compressed(self) -> None:
        stream = b'event: response.output_text.delta\ndata: {"delta":"a"}\n\n' * 1000
        save_response(self.connection, stored_response("a"), stream, 1.0)
        (size,) = self.connection.execute("SELECT length(body) FROM stream").fetchone()
        self.assertLess(size, len(stream) / 50)

    def test_the_parent_is_resolved_when_the_response_is_first_saved(self) -> None:
        save_response(self.connection, stored_response("b", "a", state="queued"), b"", 1.0)
        save_response(self.connection, stored_response("a"), b"", 1.0)
        save_response(self.connection, stored_response("b", "a"), b"", 1.0)
        loaded = history.load_history(self.connection, HistoryQuery("me", "b"), 0.0)
        self.assertEqual([item.id for item in loaded.history], ["in_b", "out_b"])

    def test_a_response_that_names_itself_as_parent_has_none(self) -> None:
        for _ in range(2):
            save_response(self.connection, stored_response("a", "a"), b"", 1.0)
        loaded = history.load_history(self.connection, HistoryQuery("me", "a"), 0.0)
        self.assertEqual([item.id for item in loaded.history], ["in_a", "out_a"])
