"""codexd.fronts.responses.items: what kind of item this is, and whether it was said to its end."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.reading import Fields
from codexd.fronts.responses.items import READERS, kind, whole
from codexd.neutral.turn import Search


class KindTests(SynchronousTestCase):
    """A type may be left out where it is plain."""

    def test_what_has_a_role_is_a_message_and_what_has_only_an_id_is_a_reference(self) -> None:
        for item, meant in (
            ({"type": "reasoning", "id": "rs_1"}, "reasoning"),
            ({"role": "user", "content": "a"}, "message"),
            ({"role": "user", "id": "msg_1"}, "message"),
            ({"id": "msg_1"}, "item_reference"),
            ({}, "message"),
        ):
            self.assertEqual(kind(Fields(item)), meant)

    def test_an_item_is_whole_unless_it_says_that_it_is_not(self) -> None:
        for status, said in (
            ("incomplete", False),
            ("in_progress", False),
            ("completed", True),
            (None, True),
        ):
            self.assertIs(whole(Fields({"status": status})), said)


class SearchTests(SynchronousTestCase):
    """A hosted search comes back as it was shown."""

    def test_what_it_did_is_kept_as_it_came(self) -> None:
        action = {"type": "search", "query": "a", "new": [1]}
        item = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": action}
        expected = Search("ws_1", '{"type":"search","query":"a","new":[1]}')
        self.assertEqual(READERS["web_search_call"](Fields(item)), expected)

    def test_only_a_completed_one_is_whole(self) -> None:
        for status, said in (("completed", True), (None, True), ("failed", False), ("searching", False)):
            read = READERS["web_search_call"](Fields({"type": "web_search_call", "status": status}))
            self.assertEqual(read, Search(complete=said))
