"""Law 4, meeting, on the wire: an answer from either back end is the same HTTP response, byte for byte."""

import secrets
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase
from twisted.web import http

from codexd.neutral import event as e
from codexd.settings import Tools
from codexd.tools.mode import HEADERS
from tests.support.dictation import by_child, by_server
from tests.support.doors import DOORS, Door
from tests.support.meeting import CITED, UNMET, Answer, Item, spoken
from tests.support.rim import TOKEN, Rim

USAGE = e.Usage(10, 3, 0, 5, 1)
HELLO = Item("message", ("Hel", "lo"), (CITED,))
THOUGHT = Item("thought", ("Let me ", "see."))
CALL = Item("call", ('{"city":"Oslo"}',), tool="get_weather")
PATCH = Item("call", ("*** Begin Patch",), tool="patch")
BLOCK = Item("message", ("So: ", "<use_tool><name>find</name>", "<query>x</query></use_tool>", " so"))
ANSWERS = {
    "text": Answer.of([THOUGHT, HELLO], "stop", USAGE),
    "nothing": Answer.of([], "stop", USAGE),
    "nobody counts": Answer.of([HELLO], "stop", None),
    "call": Answer.of([HELLO, CALL], "stop", USAGE),
    "custom call": Answer.of([PATCH], "stop", USAGE),
    "cut": Answer.of([THOUGHT, HELLO], "length", None),
    "filtered": Answer.of([HELLO], "content_filter", None),
    "written call": Answer.of([BLOCK], "stop", USAGE),
    "no call": Answer.of([HELLO], UNMET, USAGE),
    "refused": Answer.of([], "rate_limited", None),
    "wrong": Answer.of([], "invalid_prompt", None),
    "broken": Answer.of([HELLO, THOUGHT], "overloaded", None),
    "stopped": Answer.of([HELLO], "stream_cut", None),
}
FIND = {"name": "find", "parameters": {"type": "object"}}
TOOLS = {"chat": {"type": "function", "function": FIND}, "responses": {"type": "function", **FIND}}


class RimTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(secrets, "token_hex", lambda size: TOKEN[: 2 * size])
        self.patch(http, "datetimeToString", lambda: b"Tue, 14 Nov 2023 22:13:20 GMT")

    def wire(self, events: list[e.Event], door: Door, stream: bool, at_once: bool, outward: bool) -> bytes:
        """Give what is on the wire when a model says this."""
        rim = Rim(Tools())
        tool = TOOLS.get(door.name)
        headers = {HEADERS[0]: "obsidian-xml"} if outward else {}
        rim.ask(door, stream, {} if tool is None else {"tools": [tool]}, **headers)
        rim.tell(events, at_once)
        return rim.connection.received

    def ways(self) -> Iterator[tuple[Door, bool, bool, bool]]:
        """Give every door, with an answer in one piece, a stream in one turn of the reactor, one in many."""
        for door in DOORS:
            for outward in (False, True):
                yield from ((door, *shape, outward) for shape in ((False, True), (True, True), (True, False)))

    def test_responses_are_the_same_byte_for_byte(self) -> None:
        for name, answer in ANSWERS.items():
            ours = spoken(answer)
            for way in self.ways():
                wire = self.wire(ours, *way)
                self.assertTrue(wire.endswith(b"0\r\n\r\n") or b"content-length" in wire.lower(), wire)
                where = f"{name}, {way[0].name}, {way[1:]}"
                self.assertEqual(wire, self.wire(by_child(answer), *way), where)
                self.assertEqual(wire, self.wire(by_server(answer), *way), where)
