"""A response of an upstream costs time in proportion to its size, whatever is in it, and never raises an exception."""

from collections.abc import Callable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.call_assembler import MAX_CALLS
from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.backs.chat.chunk_parts import MAX_PARTS, MAX_VALUES
from codexd.backs.chat.failures import TOO_LARGE
from codexd.backs.chat.json_progress import JsonProgress
from codexd.backs.chat.translator import ChatTranslator
from codexd.neutral.reply import Fold, Reply
from codexd.neutral.turn import Message, TextPart, Turn
from codexd.wire import json, sse
from codexd.wire.json import Json
from tests.support.growth import assert_linear
from tests.support.hostile_streams import STREAMS

TURN = Turn(model="m", items=(Message(role="user", parts=(TextPart("hi"),)),))
CAPABILITIES = ServerCapabilities(state=("x", "reasoning_details"))
Chunks = list[bytes]


def event(chunk: Json) -> bytes:
    return sse.encode_frame(json.encode(chunk))


def delta(members: Json, finish: str | None = None) -> bytes:
    return event({"choices": [{"index": 0, "delta": members, "finish_reason": finish}]})


def complete(members: Json) -> Json:
    return {"index": 0, "message": members}


def call(arguments: str, **members: Json) -> bytes:
    return delta({"tool_calls": [{"function": {"arguments": arguments}, **members}]})


def named(arguments: str, **members: Json) -> bytes:
    return delta({"tool_calls": [{"function": {"name": "f", "arguments": arguments}, **members}]})


def translate(chunks: Chunks) -> Reply:
    translator, folding = ChatTranslator(TURN, CAPABILITIES, "0" * 24, 64 * 2**20), Fold()
    translator.open()
    for events in [*map(translator.receive, chunks), translator.close()]:
        for one in events:
            folding.feed(one)
    return folding.build_reply()


GROWING: dict[str, Callable[[int], Chunks]] = {
    "complete messages": lambda n: [event({"choices": [complete({"content": "a"})]})] * n,
    "parts of a complete message": lambda n: [event({"choices": [complete({"content": ["a"] * n})]})],
    "choices with state": lambda n: [event({"choices": [complete({"x": [number]}) for number in range(n)]})],
    "members of a state": lambda n: [delta({"content": "a", "x": {f"k{number}": 1}}) for number in range(n)],
    "sources": lambda n: [
        event(
            {
                "choices": [{"delta": {"content": "".join(f"[{i}]" for i in range(n))}}],
                "citations": [f"http://{i}" for i in range(n)],
            }
        ),
        delta({}, "stop"),
    ],
    "objects in arguments": lambda n: [named('{"a":[1', id="c"), *[call(",{}")] * n],
    "braces in a string": lambda n: [named('{"a":"', id="c"), *[call("}")] * n],
    "a new id for each fragment": lambda n: [
        named('{"a":[1', index=0),
        *(call(",{}", index=0, id=f"{i}") for i in range(n)),
    ],
    "repeated calls": lambda n: [named("1", index=0, id="c")] * n,
    "names without arguments": lambda n: [named("", index=0, id="c")] * n,
    "fragments in turns": lambda n: [named("1", index=i % 2, id=f"c{i % 2}") for i in range(n)],
    "halves of characters": lambda n: [b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\n'] * n,
    "text and reasoning in turns": lambda n: [delta({"content": "a"}), delta({"reasoning": "b"})] * (n // 2),
    "lines of one event": lambda n: [b"data: a\n" * n + b"\n"],
    "bytes": lambda n: [bytes((byte,)) for byte in (delta({"content": "a"}) * (n // 60))],
}


class GrowthTests(SynchronousTestCase):
    def test_the_time_is_linear(self) -> None:
        for name, build in GROWING.items():

            def start(size: int, build: Callable[[int], Chunks] = build) -> Callable[[], object]:
                chunks = build(size)
                return lambda: translate(chunks)

            assert_linear(self, start, 5000, name)

    def test_every_hostile_stream_ends(self) -> None:
        for name in ("arguments-deep", "state-deep", "number", "halves", "lists", "calls", "parts"):
            reply = translate([STREAMS[name]()])
            self.assertNotIn(reply.fault and reply.fault.kind, ("internal",), name)
            self.assertTrue(reply.finish or reply.fault, name)


class LimitTests(SynchronousTestCase):
    def assert_too_large(self, *chunks: bytes) -> None:
        self.assertEqual(translate([*chunks]).fault, TOO_LARGE)

    def test_so_many_calls(self) -> None:
        calls = [named("{}", index=number, id=f"c{number}") for number in range(MAX_CALLS + 1)]
        self.assertEqual(len(translate([*calls[:-1], delta({}, "tool_calls")]).calls), MAX_CALLS)
        self.assert_too_large(*calls)

    def test_so_many_parts_of_a_chunk(self) -> None:
        parts = [{"type": "text", "text": "a"}] * (MAX_PARTS + 1)
        self.assertEqual(translate([delta({"content": parts[1:]}), delta({}, "stop")]).text, "a" * MAX_PARTS)
        self.assert_too_large(delta({"content": parts}))
        self.assert_too_large(event({"choices": [{"delta": {"content": "a"}}] * (MAX_PARTS + 1)}))

    def test_so_many_values_of_a_chunk(self) -> None:
        self.assertEqual(translate([delta({"content": "a", "y": [0] * 100_000}, "stop")]).text, "a")
        self.assert_too_large(delta({"content": "a", "y": [0] * (MAX_VALUES + 1)}))


class JsonProgressTests(SynchronousTestCase):
    @given(
        st.dictionaries(
            st.text(max_size=4), st.text(st.sampled_from('"\\{}[]a'), max_size=6) | st.lists(st.none()), max_size=4
        ),
        st.lists(st.integers(0, 60), max_size=5),
        st.sampled_from(("", " \n", "{}", "x")),
    )
    def test_an_object_is_complete_with_its_last_bracket_wherever_it_is_cut(
        self, value: dict[str, Json], cuts: list[int], tail: str
    ) -> None:
        text = json.encode(value).decode() + tail
        progress, end = JsonProgress(), len(text) - len(tail)
        borders = sorted({0, *(cut for cut in cuts if cut < len(text)), len(text)})
        for start, stop in pairwise(borders):
            progress.feed(text[start:stop])
            expected = stop >= end and not text[end:stop].strip()
            self.assertEqual(progress.complete, expected, (text, borders, stop))
