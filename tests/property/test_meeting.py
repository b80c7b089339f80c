"""Law 4, meeting: the same sentence gives the same client bytes, whichever back end it came from.

One back end is the app-server's translator, to which the sentence is dictated as its child would say it;
the other is one that speaks the neutral language itself. No front door may tell them apart.
"""

from collections.abc import Iterator

from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import chat, completions, responses
from codexd.fronts.exchange import Exchange, Stamp, Terms
from codexd.neutral import event as e
from codexd.neutral.reply import fold
from codexd.wire import json
from codexd.wire.jsonrpc import Notification
from tests.support.scene import (
    WITH_TOOL,
    Scene,
    delta,
    message_done,
    raw_call,
    raw_message,
    raw_thought,
    response_done,
    searched,
    started,
    summary_delta,
    turn_done,
)

STAMP = Stamp("00ff", 1700000000, "m1")
USAGE = e.Usage(input_tokens=10, cached_tokens=3, output_tokens=5, reasoning_tokens=1)
TOOL = {"type": "function", "name": "weather", "parameters": {"type": "object"}}
ASKED = {"model": "m1", "stream": True, "tools": [TOOL]}
EXCHANGES: tuple[Exchange, ...] = (
    chat.decode(
        json.encode(
            ASKED
            | {"messages": [{"role": "user", "content": "hi"}], "stream_options": {"include_usage": True}}
        ),
        Terms("p"),
    ),
    responses.decode(
        json.encode(ASKED | {"input": "hi", "include": ["reasoning.encrypted_content"]}), Terms("p")
    ),
    completions.decode(json.encode(ASKED | {"prompt": "hi", "echo": True}), Terms("p")),
)


@frozen
class Item:
    """One item of an answer: its pieces, as the model says them."""

    kind: str
    pieces: tuple[str, ...]


CITED: json.Json = {"type": "url_citation", "url": "https://a.org", "title": "a", "start_index": 0}
PIECES = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=5).map(tuple)
THOUGHTS = st.lists(st.builds(Item, st.sampled_from(("message", "thought", "search")), PIECES), max_size=4)
CALLS = st.lists(st.builds(Item, st.just("call"), st.just(('{"city":"Oslo"}',))), max_size=3)
ANSWERS = st.tuples(THOUGHTS, CALLS).map(lambda both: [*both[0], *both[1]])


def spoken(items: list[Item]) -> Iterator[e.Event]:
    """What a back end says that speaks the neutral language itself."""
    yield e.Began()
    for index, item in enumerate(items):
        yield from _SPOKEN[item.kind](index, item.pieces)
    yield e.UsageReported(USAGE)
    yield e.Ended("tool_calls" if any(item.kind == "call" for item in items) else "stop")


def _message(index: int, pieces: tuple[str, ...]) -> Iterator[e.Event]:
    yield e.MessageOpened(index, f"id_{index}")
    yield from (e.TextDelta(index, piece) for piece in pieces)
    yield e.Annotated(index, json.encode(CITED).decode())
    yield e.MessageClosed(index)


def _search(index: int, pieces: tuple[str, ...]) -> Iterator[e.Event]:
    yield e.SearchOpened(index, f"id_{index}")
    yield e.SearchClosed(index, json.encode({"type": "search", "query": pieces[0]}).decode())


def _thought(index: int, pieces: tuple[str, ...]) -> Iterator[e.Event]:
    yield e.ReasoningOpened(index, f"id_{index}")
    yield from (e.SummaryDelta(index, part, piece) for part, piece in enumerate(pieces))
    yield e.ReasoningClosed(index, "sealed")


def _call(index: int, pieces: tuple[str, ...]) -> Iterator[e.Event]:
    yield e.CallOpened(index, f"fc_of_c{index}", f"c{index}", "weather")
    yield e.CallDelta(index, pieces[0])
    yield e.CallClosed(index)


_SPOKEN = {"message": _message, "thought": _thought, "search": _search, "call": _call}


def dictated(items: list[Item]) -> Iterator[Notification]:
    """The same answer as the app-server's child tells it."""
    for index, (kind, pieces) in enumerate((item.kind, item.pieces) for item in items):
        id = f"id_{index}"
        if kind == "call":
            yield raw_call(f"c{index}", pieces[0])
        elif kind == "message":
            yield started("agentMessage", id, text="")
            yield from (delta(id, piece) for piece in pieces)
            yield message_done(id, "".join(pieces))
            yield raw_message(id, "".join(pieces), CITED)
        elif kind == "search":
            yield started("webSearch", id)
            yield searched(id, type="search", query=pieces[0])
        else:
            yield started("reasoning", id)
            yield from (summary_delta(id, part, piece) for part, piece in enumerate(pieces))
            yield raw_thought(id, *pieces, sealed="sealed")
    yield response_done()
    if not any(item.kind == "call" for item in items):
        yield turn_done()


class MeetingTests(SynchronousTestCase):
    @given(ANSWERS)
    def test_no_front_door_can_tell_which_back_end_spoke(self, items: list[Item]) -> None:
        theirs = Scene.running(WITH_TOOL).hear(*dictated(items)).events
        ours = list(spoken(items))
        for exchange in EXCHANGES:
            streams = [exchange.encoder(STAMP) for _ in range(2)]
            frames = [
                b"".join(frame for event in said for frame in stream.feed(event))
                for stream, said in zip(streams, (theirs, ours), strict=True)
            ]
            self.assertEqual(frames[0], frames[1])
            self.assertEqual(*(exchange.render((fold(said),), STAMP) for said in (theirs, ours)))
