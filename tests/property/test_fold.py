"""Law 3 (fold) end to end: a merged stream equals the JSON answer and the stored response.

Requests are sent over HTTP and the model emits a sentence of the grammar, with and without the conversion
of tool calls from and to text.
"""

import secrets
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.settings import Tools
from codexd.tools.output_mode import HEADERS
from codexd.wire.json import Json
from tests.support.endpoints import ENDPOINTS, Endpoint
from tests.support.in_memory_server import Response
from tests.support.routed_server import TOKEN, RoutedServer
from tests.support.sentences import broken_sentences, sentences
from tests.support.tool_blocks import TOOL, sentences_with_blocks

FUNCTION = {"name": TOOL.name, "parameters": {"type": "object"}}
OFFERED: dict[str, list[Json]] = {
    "chat": [{"type": "function", "function": FUNCTION}],
    "responses": [{"type": "function", **FUNCTION}],
    "tool events": [{"type": "function", **FUNCTION}],
}
CONVERSIONS = st.sampled_from(("none", "text to calls", "calls to text"))
TOOLS = st.builds(
    Tools,
    stop_after=st.sampled_from(("never", "never", "burst", "first")),
    max_calls=st.sampled_from((0, 0, 1, 2)),
    drop_trailing_text=st.booleans(),
)


class FoldTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(secrets, "token_hex", lambda size: TOKEN[: 2 * size])

    def answer(
        self, endpoint: Endpoint, conversion: str, tools: Tools, events: tuple[e.Event, ...], stream: bool
    ) -> tuple[RoutedServer, Response]:
        """Send a request and let the model emit these events."""
        routed = RoutedServer(tools)
        offered = OFFERED.get(endpoint.name, []) if conversion != "none" else []
        headers = {HEADERS[0]: "obsidian-xml"} if conversion == "calls to text" else {}
        routed.request(endpoint, stream, {"tools": offered} if offered else {}, **headers)
        routed.emit(events, in_one_turn=False)
        return routed, routed.connection.response

    def stored(self, routed: RoutedServer) -> Any:
        return routed.server.request("GET", f"/v1/responses/resp_{TOKEN}?include[]=reasoning.encrypted_content").json

    @settings.get_profile("few")
    @given(st.sampled_from(ENDPOINTS), CONVERSIONS, TOOLS, sentences() | sentences_with_blocks())
    def test_stream_json_and_stored_response_are_equal(
        self, endpoint: Endpoint, conversion: str, tools: Tools, events: tuple[e.Event, ...]
    ) -> None:
        routed, streamed = self.answer(endpoint, conversion, tools, events, stream=True)
        other, whole = self.answer(endpoint, conversion, tools, events, stream=False)
        self.assertEqual((streamed.status, whole.status), (200, 200))
        self.assertEqual(endpoint.merge(streamed.body), whole.json)
        if endpoint.path == "/v1/responses":
            self.assertEqual((self.stored(routed), self.stored(other)), (whole.json, whole.json))

    @settings.get_profile("few")
    @given(st.sampled_from(ENDPOINTS), CONVERSIONS, broken_sentences())
    def test_a_failed_answer_reports_the_same_error_streamed_or_not(
        self, endpoint: Endpoint, conversion: str, events: tuple[e.Event, ...]
    ) -> None:
        # A cancelled answer has no error: only a background response, for which no client waits, can be.
        assume(events[-1] != e.Failed(fault("cancelled")))
        routed, streamed = self.answer(endpoint, conversion, Tools(), events, stream=True)
        _, whole = self.answer(endpoint, conversion, Tools(), events, stream=False)
        if streamed.status != 200:
            self.assertEqual((streamed.status, streamed.json), (whole.status, whole.json))
            return
        # A stream has no Retry-After header; its message contains the delay.
        self.assertIn(whole.error["message"], endpoint.error(streamed.body))
        if endpoint.path == "/v1/responses":
            self.assertEqual(endpoint.merge(streamed.body), self.stored(routed))
