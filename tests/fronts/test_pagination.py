"""codexd.fronts.pagination: paginated lists of items."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseItemList
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.pagination import PageQuery, parse_page_query, render_list, render_page
from codexd.neutral.fault import FaultError
from codexd.neutral.stored import StoredItem
from codexd.wire.json import decode, encode


def item(id: str) -> StoredItem:
    """Build a user message."""
    text = {"type": "input_text", "text": id}
    body = {"id": id, "type": "message", "status": "completed", "role": "user", "content": [text]}
    return StoredItem(id, encode(body))


def items(count: int) -> list[StoredItem]:
    """Build messages, oldest first."""
    return [item(f"msg_{number}") for number in range(count)]


class PageQueryTests(SynchronousTestCase):
    """The query parameters of a list."""

    def test_the_default_is_the_newest_twenty(self) -> None:
        self.assertEqual(parse_page_query({}), PageQuery(limit=20, newest_first=True, after=None, include=()))

    def test_all_parameters(self) -> None:
        said = {"limit": ["5"], "order": ["asc"], "after": ["msg_1"], "include[]": ["a"]}
        self.assertEqual(parse_page_query(said), PageQuery(5, False, "msg_1", ("a",)))

    def test_every_error_names_its_parameter(self) -> None:
        for name, value in (("limit", "0"), ("limit", "101"), ("limit", "x"), ("order", "up")):
            with self.assertRaises(FaultError) as caught:
                parse_page_query({name: [value]})
            self.assertEqual((caught.exception.fault.param, caught.exception.fault.status), (name, 400))


class PageTests(SynchronousTestCase):
    """All pages together are the whole list."""

    def page(self, count: int, *asked: Any) -> Any:
        shown = decode(render_page(items(count), PageQuery(*asked)))
        if shown["data"]:
            ResponseItemList.model_validate(shown, strict=True)
        return shown

    def test_the_newest_come_first(self) -> None:
        shown = self.page(3, 2)
        self.assertEqual([one["id"] for one in shown["data"]], ["msg_2", "msg_1"])
        self.assertEqual((shown["first_id"], shown["last_id"]), ("msg_2", "msg_1"))
        self.assertEqual((shown["object"], shown["has_more"]), ("list", True))

    def test_has_more_is_true_only_before_the_last_page(self) -> None:
        self.assertEqual([self.page(count, 2)["has_more"] for count in (0, 1, 2, 3)], [0, 0, 0, 1])

    def test_an_empty_list_has_no_first_and_last_id(self) -> None:
        whole = {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
        self.assertEqual(self.page(0, 2), whole)
        self.assertEqual(self.page(2, 2, True, "msg_0"), whole)

    def test_after_an_item_that_is_not_there(self) -> None:
        with self.assertRaises(FaultError) as caught:
            self.page(2, 2, True, "msg_7")
        self.assertEqual((caught.exception.fault.param, caught.exception.fault.status), ("after", 400))

    @given(st.integers(0, 12), st.integers(1, 5), st.booleans())
    def test_pages_put_together_are_the_list(self, count: int, limit: int, newest_first: bool) -> None:
        found: list[str] = []
        more = True
        while more:
            shown = self.page(count, limit, newest_first, found[-1] if found else None)
            self.assertLessEqual(len(shown["data"]), limit)
            found += [one["id"] for one in shown["data"]]
            more = shown["has_more"]
        ids = [one.id for one in items(count)]
        self.assertEqual(found, ids[::-1] if newest_first else ids)

    def test_encrypted_reasoning_is_shown_on_request(self) -> None:
        body = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "sealed"}
        kept = StoredItem("rs_1", encode(body))
        self.assertNotIn(b"sealed", render_page([kept], PageQuery()))
        self.assertIn(b"sealed", render_page([kept], PageQuery(include=("reasoning.encrypted_content",))))

    def test_a_list_that_is_given_whole_stays_in_its_order(self) -> None:
        shown = decode(render_list(items(2)))
        self.assertEqual([one["id"] for one in shown["data"]], ["msg_0", "msg_1"])
        self.assertIs(shown["has_more"], False)
