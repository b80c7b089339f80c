from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.wire import json
from tests.parity.layout import WIDTH, lay_out, page
from tests.wire.test_json import VALUES


class LayoutTests(SynchronousTestCase):
    @given(VALUES)
    def test_nothing_is_lost(self, value: json.Json) -> None:
        self.assertEqual(json.decode(page(value)), json.decode(json.encode(value)))

    @given(st.recursive(st.text(max_size=8), lambda inner: st.lists(inner, max_size=40), max_leaves=60))
    def test_lines_are_short(self, value: json.Json) -> None:
        for line in lay_out(value).split("\n"):
            self.assertLessEqual(len(line), WIDTH + 1)

    def test_what_fits_is_on_one_line_and_what_does_not_has_a_member_a_line(self) -> None:
        long = "x" * WIDTH
        self.assertEqual(lay_out({"a": [1, {}]}), '{"a":[1,{}]}')
        self.assertEqual(
            lay_out({"a": [long], "b": {}}), f'{{\n  "a": [\n    "{long}"\n  ],\n  "b": {{}}\n}}'
        )
