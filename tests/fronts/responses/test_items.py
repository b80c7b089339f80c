"""codexd.fronts.responses.items: types and completeness of items."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.json_fields import Fields
from codexd.fronts.responses.items import READERS, is_complete, item_type
from codexd.neutral.turn import WebSearchCall


class ItemTypeTests(SynchronousTestCase):
    """An obvious type may be omitted."""

    def test_an_item_with_a_role_is_a_message_and_one_with_only_an_id_a_reference(self) -> None:
        for item, meant in (
            ({"type": "reasoning", "id": "rs_1"}, "reasoning"),
            ({"role": "user", "content": "a"}, "message"),
            ({"role": "user", "id": "msg_1"}, "message"),
            ({"id": "msg_1"}, "item_reference"),
            ({}, "message"),
        ):
            self.assertEqual(item_type(Fields(item)), meant)

    def test_an_item_is_complete_unless_its_status_denies_it(self) -> None:
        for status, said in (
            ("incomplete", False),
            ("in_progress", False),
            ("completed", True),
            (None, True),
        ):
            self.assertIs(is_complete(Fields({"status": status})), said)


class SearchTests(SynchronousTestCase):
    """A hosted search is sent back as it was shown."""

    def test_its_action_is_kept_unchanged(self) -> None:
        action = {"type": "search", "query": "a", "new": [1]}
        item = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": action}
        expected = WebSearchCall("ws_1", '{"type":"search","query":"a","new":[1]}')
        self.assertEqual(READERS["web_search_call"](Fields(item)), expected)

    def test_only_a_completed_search_is_complete(self) -> None:
        for status, said in (("completed", True), (None, True), ("failed", False), ("searching", False)):
            read = READERS["web_search_call"](Fields({"type": "web_search_call", "status": status}))
            self.assertEqual(read, WebSearchCall(complete=said))
