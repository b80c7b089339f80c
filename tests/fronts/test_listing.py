"""codexd.fronts.listing: lists of items, a page at a time."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseItemList
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.listing import Window, listed, page, window
from codexd.neutral.fault import Refused
from codexd.neutral.kept import KeptItem
from codexd.wire.json import decode, encode


def item(id: str) -> KeptItem:
    """Make a user's message."""
    text = {"type": "input_text", "text": id}
    body = {"id": id, "type": "message", "status": "completed", "role": "user", "content": [text]}
    return KeptItem(id, encode(body))


def items(count: int) -> list[KeptItem]:
    """Make messages, oldest first."""
    return [item(f"msg_{number}") for number in range(count)]


class WindowTests(SynchronousTestCase):
    """Which part of a list is asked for."""

    def test_nothing_said_is_the_newest_twenty(self) -> None:
        self.assertEqual(window({}), Window(limit=20, newest_first=True, after=None, include=()))

    def test_everything_said(self) -> None:
        said = {"limit": ["5"], "order": ["asc"], "after": ["msg_1"], "include[]": ["a"]}
        self.assertEqual(window(said), Window(5, False, "msg_1", ("a",)))

    def test_every_complaint_names_its_parameter(self) -> None:
        for name, value in (("limit", "0"), ("limit", "101"), ("limit", "x"), ("order", "up")):
            with self.assertRaises(Refused) as caught:
                window({name: [value]})
            self.assertEqual((caught.exception.fault.param, caught.exception.fault.status), (name, 400))


class PageTests(SynchronousTestCase):
    """One page after the other is the whole list."""

    def page(self, count: int, *asked: Any) -> Any:
        shown = decode(page(items(count), Window(*asked)))
        if shown["data"]:
            ResponseItemList.model_validate(shown, strict=True)
        return shown

    def test_the_newest_come_first(self) -> None:
        shown = self.page(3, 2)
        self.assertEqual([one["id"] for one in shown["data"]], ["msg_2", "msg_1"])
        self.assertEqual((shown["first_id"], shown["last_id"]), ("msg_2", "msg_1"))
        self.assertEqual((shown["object"], shown["has_more"]), ("list", True))

    def test_there_is_more_only_when_there_is(self) -> None:
        self.assertEqual([self.page(count, 2)["has_more"] for count in (0, 1, 2, 3)], [0, 0, 0, 1])

    def test_an_empty_list_has_no_ends(self) -> None:
        whole = {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
        self.assertEqual(self.page(0, 2), whole)
        self.assertEqual(self.page(2, 2, True, "msg_0"), whole)

    def test_after_an_item_that_is_not_there(self) -> None:
        with self.assertRaises(Refused) as caught:
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

    def test_seals_are_shown_where_they_are_asked_for(self) -> None:
        body = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "sealed"}
        kept = KeptItem("rs_1", encode(body))
        self.assertNotIn(b"sealed", page([kept], Window()))
        self.assertIn(b"sealed", page([kept], Window(include=("reasoning.encrypted_content",))))

    def test_a_list_that_is_given_whole_stays_in_its_order(self) -> None:
        shown = decode(listed(items(2)))
        self.assertEqual([one["id"] for one in shown["data"]], ["msg_0", "msg_1"])
        self.assertIs(shown["has_more"], False)
