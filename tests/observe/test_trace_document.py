import gzip
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.observe.trace_document import encode_trace
from codexd.request_trace import Headers, RequestTrace, TracedRequest, TraceMemory
from codexd.wire import json

KEY = b"k-0123456789"


def make_trace(body: bytes, headers: Headers = ()) -> RequestTrace:
    request = TracedRequest(method=b"POST", path=b"/v1/responses?a=1", headers=headers, body=body)
    return RequestTrace(seconds=Clock().seconds, request=request, limit_bytes=10**6, memory=TraceMemory(10**6))


def render(trace: RequestTrace) -> Any:
    return json.decode(encode_trace(trace, {"id": "req_1"}, 0.0))


class TraceDocumentTests(SynchronousTestCase):
    def test_it_has_the_request_the_response_and_every_message_with_its_time(self) -> None:
        clock = Clock()
        trace = make_trace(b'{"a":1}')
        trace.seconds = clock.seconds
        clock.advance(1.5)
        trace.add("to_codex", b'{"id":1}')
        trace.add("from_upstream", b"\xff\xfe", "200")
        trace.response = 200, ((b"Content-Type", b"application/json"),)
        shown = render(trace)
        self.assertEqual(shown["story"], {"id": "req_1"})
        self.assertEqual(
            shown["request"], {"method": "POST", "path": "/v1/responses?a=1", "headers": [], "text": '{"a":1}'}
        )
        self.assertEqual(shown["response"], {"status": 200, "headers": [["Content-Type", "application/json"]]})
        self.assertEqual(
            shown["messages"],
            [
                {"at_milliseconds": 1500, "channel": "to_codex", "label": "", "text": '{"id":1}'},
                {"at_milliseconds": 1500, "channel": "from_upstream", "label": "200", "base64": "//4="},
            ],
        )
        self.assertFalse(shown["truncated"])

    def test_keys_are_removed_from_every_part(self) -> None:
        trace = make_trace(b'{"user":"' + KEY + b'"}', ((b"authorization", b"Bearer " + KEY),))
        trace.add("to_client", b"data: " + KEY)
        trace.response = 200, ((b"x-echo", KEY),)
        self.assertNotIn(KEY, encode_trace(trace, {}, 0.0))

    def test_the_keys_of_upstreams_are_removed(self) -> None:
        trace = make_trace(b"{}")
        trace.secrets.add(KEY)
        trace.add("from_upstream", b"wrong key: " + KEY)
        self.assertNotIn(KEY, encode_trace(trace, {}, 0.0))

    def test_a_compressed_body_is_shown_decompressed_and_without_keys(self) -> None:
        headers = ((b"Content-Encoding", b"gzip"), (b"authorization", b"Bearer " + KEY))
        shown = render(make_trace(gzip.compress(b'{"user":"' + KEY + b'"}'), headers))
        self.assertEqual(shown["request"]["text"], '{"user":"***"}')
        self.assertEqual(shown["request"]["headers"], [["authorization", "***"]])
        damaged = render(make_trace(b"not gzip", headers))
        self.assertEqual(damaged["request"]["text"], "")
