"""Tests of the usage in the responses of forwarded requests."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.event import Usage
from codexd.policy.reported_usage import find_usage, read_usage
from codexd.wire import json


class ReadUsageTests(SynchronousTestCase):
    def test_usages_of_all_endpoints_are_read(self) -> None:
        for usage, expected in (
            ({"prompt_tokens": 5, "total_tokens": 5}, Usage(input_tokens=5)),
            ({"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}, Usage(input_tokens=5, output_tokens=7)),
            ({"total_tokens": 9}, Usage(input_tokens=9)),
            ({"prompt_tokens": 5, "total_tokens": 9}, Usage(input_tokens=5, output_tokens=4)),
            ({"completion_tokens": 5, "total_tokens": 9}, Usage(input_tokens=4, output_tokens=5)),
            ({"prompt_tokens": 0}, Usage()),
        ):
            self.assertEqual(read_usage({"usage": usage}), expected, usage)

    def test_what_reports_no_tokens_is_no_usage(self) -> None:
        for document in (
            {},
            [],
            "usage",
            {"usage": None},
            {"usage": {"type": "duration", "seconds": 3}},
            {"usage": {"total_tokens": -1}},
            {"usage": {"total_tokens": True}},
            {"usage": {"total_tokens": "9"}},
        ):
            self.assertIsNone(read_usage(document), document)


class FindUsageTests(SynchronousTestCase):
    def test_it_is_found_at_the_end_and_at_the_beginning(self) -> None:
        usage = b'"usage": {"total_tokens": 9, "input_tokens_details": {"text_tokens": 9}}'
        self.assertEqual(find_usage(b"", b'x"}], ' + usage + b"}"), Usage(input_tokens=9))
        self.assertEqual(find_usage(b"{" + usage + b', "data": [', b"]}"), Usage(input_tokens=9))

    def test_the_last_one_of_a_stream_counts(self) -> None:
        events = b"".join(b'data: {"usage":{"total_tokens":%d}}\n\n' % count for count in (1, 2))
        self.assertEqual(find_usage(b"", events), Usage(input_tokens=2))

    def test_what_is_cut_or_no_json_is_none(self) -> None:
        for body in (b"", b'"usage": {"total_tokens": 9', b'"usage": {nothing}', b'ID3 "usage"'):
            self.assertIsNone(find_usage(body, body), body)

    @given(st.text(), st.integers(0, 10**6))
    def test_a_text_of_the_client_is_never_taken_for_a_usage(self, text: str, spoofed: int) -> None:
        lie = json.encode({"usage": {"total_tokens": spoofed}}).decode()
        body = json.encode({"text": f"{text}{lie}{text}"})
        self.assertIsNone(find_usage(body, body))
        body = json.encode({"text": lie, "usage": {"total_tokens": 7}, "more": lie})
        self.assertEqual(find_usage(b"", body), Usage(input_tokens=7))

    @given(st.integers(0, 2000))
    def test_a_hostile_body_takes_no_long_time(self, depth: int) -> None:
        self.assertIsNone(find_usage(b'"usage":' + b"{" * depth, b'"usage":{' * depth + b'""' * depth))
