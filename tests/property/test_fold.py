"""Law 3, fold, through everything: what is streamed, put together, is the whole answer, and what is kept.

A request goes in as HTTP and a sentence comes from the model, past the joints, which stand before both
shapes of an answer: whatever a joint makes of it, kept, shown and folded are the same.
"""

import secrets
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.settings import Tools
from codexd.tools.mode import HEADERS
from codexd.wire.json import Json
from tests.support.blocks import TOOL, blocky_sentences
from tests.support.doors import DOORS, Door
from tests.support.rim import TOKEN, Rim
from tests.support.sentences import broken_sentences, sentences
from tests.support.web import Response

FUNCTION = {"name": TOOL.name, "parameters": {"type": "object"}}
OFFERED: dict[str, list[Json]] = {
    "chat": [{"type": "function", "function": FUNCTION}],
    "responses": [{"type": "function", **FUNCTION}],
    "tool events": [{"type": "function", **FUNCTION}],
}
JOINTS = st.sampled_from(("none", "inward", "outward"))
TOOLS = st.builds(
    Tools,
    stop_after=st.sampled_from(("never", "never", "burst", "first")),
    block_max=st.sampled_from((0, 0, 1, 2)),
    suppress_tail=st.booleans(),
)


class FoldTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(secrets, "token_hex", lambda size: TOKEN[: 2 * size])

    def told(
        self, door: Door, joint: str, tools: Tools, events: tuple[e.Event, ...], stream: bool
    ) -> tuple[Rim, Response]:
        """Ask, and let the model answer."""
        rim = Rim(tools)
        offered = OFFERED.get(door.name, []) if joint != "none" else []
        headers = {HEADERS[0]: "obsidian-xml"} if joint == "outward" else {}
        rim.ask(door, stream, {"tools": offered} if offered else {}, **headers)
        rim.tell(events, at_once=False)
        return rim, rim.connection.response

    def kept(self, rim: Rim) -> Any:
        return rim.web.ask("GET", f"/v1/responses/resp_{TOKEN}?include[]=reasoning.encrypted_content").json

    @settings(max_examples=60, deadline=None)
    @given(st.sampled_from(DOORS), JOINTS, TOOLS, sentences() | blocky_sentences())
    def test_streamed_and_whole_and_kept_are_the_same(
        self, door: Door, joint: str, tools: Tools, events: tuple[e.Event, ...]
    ) -> None:
        rim, streamed = self.told(door, joint, tools, events, stream=True)
        other, whole = self.told(door, joint, tools, events, stream=False)
        self.assertEqual((streamed.status, whole.status), (200, 200))
        self.assertEqual(door.added(streamed.body), whole.json)
        if door.path == "/v1/responses":
            self.assertEqual((self.kept(rim), self.kept(other)), (whole.json, whole.json))

    @settings(max_examples=60, deadline=None)
    @given(st.sampled_from(DOORS), JOINTS, broken_sentences())
    def test_a_broken_answer_breaks_for_the_same_reason_either_way(
        self, door: Door, joint: str, events: tuple[e.Event, ...]
    ) -> None:
        # A cancelled answer has no error; only one in the background can be, for which nobody waits.
        assume(events[-1] != e.Failed(fault("cancelled")))
        rim, streamed = self.told(door, joint, Tools(), events, stream=True)
        _, whole = self.told(door, joint, Tools(), events, stream=False)
        if streamed.status != 200:
            self.assertEqual((streamed.status, streamed.json), (whole.status, whole.json))
            return
        # A stream has no header for a delay: its words tell it.
        self.assertIn(whole.error["message"], door.error(streamed.body))
        if door.path == "/v1/responses":
            self.assertEqual(door.added(streamed.body), self.kept(rim))
