"""Law 4 (meeting) over HTTP: an answer from any back end is the same HTTP response, byte for byte."""

import secrets
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase
from twisted.web import http

from codexd.neutral import event as e
from codexd.settings import Tools
from codexd.tools.output_mode import HEADERS
from tests.support.answer_encodings import events_from_child, events_from_server
from tests.support.endpoints import ENDPOINTS, Endpoint
from tests.support.routed_server import TOKEN, RoutedServer
from tests.support.shared_answers import CITATION, TOOL_CHOICE_UNMET, Answer, Item, neutral_events

USAGE = e.Usage(input_tokens=10, cached_tokens=3, cache_write_tokens=0, output_tokens=5, reasoning_tokens=1)
HELLO = Item(kind="message", pieces=("Hel", "lo"), notes=(CITATION,))
THOUGHT = Item(kind="thought", pieces=("Let me ", "see."))
CALL = Item(kind="call", pieces=('{"city":"Oslo"}',), tool="get_weather")
PATCH = Item(kind="call", pieces=("*** Begin Patch",), tool="patch")
BLOCK = Item(kind="message", pieces=("So: ", "<use_tool><name>find</name>", "<query>x</query></use_tool>", " so"))
ANSWERS = {
    "text": Answer.of([THOUGHT, HELLO], "stop", USAGE),
    "nothing": Answer.of([], "stop", USAGE),
    "no usage": Answer.of([HELLO], "stop", None),
    "call": Answer.of([HELLO, CALL], "stop", USAGE),
    "custom call": Answer.of([PATCH], "stop", USAGE),
    "cut": Answer.of([THOUGHT, HELLO], "length", None),
    "filtered": Answer.of([HELLO], "content_filter", None),
    "written call": Answer.of([BLOCK], "stop", USAGE),
    "no call": Answer.of([HELLO], TOOL_CHOICE_UNMET, USAGE),
    "refused": Answer.of([], "rate_limited", None),
    "invalid prompt": Answer.of([], "invalid_prompt", None),
    "broken": Answer.of([HELLO, THOUGHT], "overloaded", None),
    "stopped": Answer.of([HELLO], "stream_cut", None),
}
FIND = {"name": "find", "parameters": {"type": "object"}}
TOOLS = {"chat": {"type": "function", "function": FIND}, "responses": {"type": "function", **FIND}}


class BackendsAgreeOverHttpTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(secrets, "token_hex", lambda size: TOKEN[: 2 * size])
        self.patch(http, "datetimeToString", lambda: b"Tue, 14 Nov 2023 22:13:20 GMT")

    def response_bytes(
        self, events: list[e.Event], endpoint: Endpoint, stream: bool, in_one_turn: bool, calls_to_text: bool
    ) -> bytes:
        """Return the HTTP response when the model emits these events."""
        routed = RoutedServer(Tools())
        tool = TOOLS.get(endpoint.name)
        headers = {HEADERS[0]: "obsidian-xml"} if calls_to_text else {}
        routed.request(endpoint, stream, {} if tool is None else {"tools": [tool]}, **headers)
        routed.emit(events, in_one_turn)
        return routed.connection.received

    def variants(self) -> Iterator[tuple[Endpoint, bool, bool, bool]]:
        """Yield every endpoint with JSON and two kinds of stream, with and without conversion."""
        for endpoint in ENDPOINTS:
            for calls_to_text in (False, True):
                yield from ((endpoint, *shape, calls_to_text) for shape in ((False, True), (True, True), (True, False)))

    def test_responses_are_the_same_byte_for_byte(self) -> None:
        for name, answer in ANSWERS.items():
            ours = neutral_events(answer)
            for variant in self.variants():
                wire = self.response_bytes(ours, *variant)
                self.assertTrue(wire.endswith(b"0\r\n\r\n") or b"content-length" in wire.lower(), wire)
                where = f"{name}, {variant[0].name}, {variant[1:]}"
                self.assertEqual(wire, self.response_bytes(events_from_child(answer), *variant), where)
                self.assertEqual(wire, self.response_bytes(events_from_server(answer), *variant), where)
