from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.transcripts.json_layout import WIDTH, encode, format_json
from codexd.wire import json
from tests.wire.test_json import VALUES


class LayoutTests(SynchronousTestCase):
    @given(VALUES)
    def test_formatting_preserves_the_value(self, value: json.Json) -> None:
        self.assertEqual(json.decode(encode(value)), json.decode(json.encode(value)))

    @given(st.recursive(st.text(max_size=8), lambda inner: st.lists(inner, max_size=40), max_leaves=60))
    def test_lines_are_short(self, value: json.Json) -> None:
        for line in format_json(value).split("\n"):
            self.assertLessEqual(len(line), WIDTH + 1)

    def test_long_values_have_a_member_a_line(self) -> None:
        long = "x" * WIDTH
        self.assertEqual(format_json({"a": [1, {}]}), '{"a":[1,{}]}')
        self.assertEqual(format_json({"a": [long], "b": {}}), f'{{\n  "a": [\n    "{long}"\n  ],\n  "b": {{}}\n}}')
