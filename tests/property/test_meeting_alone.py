"""Law 4, meeting, for what only one back end can say: it comes as from one that speaks neutral events."""

from collections.abc import Iterable, Iterator

from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.turn import Sampling
from codexd.wire import json
from codexd.wire.jsonrpc import Notification
from tests.support import scene
from tests.support.chat_upstream import DONE, TURN, Chunk, chunk, frames, heard
from tests.support.doors import DOORS
from tests.support.meeting import PIECES
from tests.support.scene import Scene
from tests.support.sentences import texts, tokens

PHASES = st.sampled_from((None, "commentary", "final_answer"))
WEIGHED = Sampling(logprobs=True)


@frozen
class Item:
    """A message in a phase, a summed-up and sealed thought, or a search."""

    kind: str
    pieces: tuple[str, ...]
    phase: str | None = None


ITEMS = st.lists(
    st.builds(Item, st.sampled_from(("message", "thought", "search")), PIECES, PHASES), max_size=4
)


def told(items: list[Item]) -> Iterator[Notification]:
    """Give an answer as a child tells it."""
    for index, item in enumerate(items):
        id, pieces = f"id_{index}", item.pieces
        if item.kind == "message":
            yield scene.started("agentMessage", id, text="", phase=item.phase)
            yield from (scene.delta(id, piece) for piece in pieces)
            yield scene.message_done(id, "".join(pieces), item.phase)
            yield scene.raw_message(id, "".join(pieces))
        elif item.kind == "search":
            yield scene.started("webSearch", id)
            yield scene.searched(id, type="search", query=pieces[0])
        else:
            yield scene.started("reasoning", id)
            yield from (scene.summary_delta(id, part, piece) for part, piece in enumerate(pieces))
            yield scene.raw_thought(id, *pieces, sealed="sealed")
    yield scene.response_done()
    yield scene.turn_done()


def spoken(items: list[Item]) -> Iterator[e.Event]:
    """Give the same answer in neutral events."""
    yield e.Began()
    for index, item in enumerate(items):
        id, pieces = f"id_{index}", item.pieces
        if item.kind == "message":
            yield e.MessageOpened(index, id, item.phase)
            yield from (e.TextDelta(index, piece) for piece in pieces)
            yield e.MessageClosed(index)
        elif item.kind == "search":
            yield e.SearchOpened(index, id)
            yield e.SearchClosed(index, json.encode({"type": "search", "query": pieces[0]}).decode())
        else:
            yield e.ReasoningOpened(index, id)
            yield from (e.SummaryDelta(index, part, piece) for part, piece in enumerate(pieces))
            yield e.ReasoningClosed(index, "sealed")
    yield e.UsageReported(e.Usage(input_tokens=10, cached_tokens=3, output_tokens=5, reasoning_tokens=1))
    yield e.Ended("stop")


def weighed(text: str, tokens: str | None) -> Chunk:
    """Give a chunk of text with what its tokens weigh."""
    one = chunk({"content": text})
    if tokens is not None:
        one["choices"][0]["logprobs"] = {"content": json.decode(tokens)}
    return one


class MeetingAloneTests(SynchronousTestCase):
    def same(self, theirs: Iterable[e.Event], ours: Iterable[e.Event]) -> None:
        theirs, ours = list(theirs), list(ours)
        for door in DOORS:
            self.assertEqual(door.stream(theirs), door.stream(ours), door.name)
            self.assertEqual(door.whole(theirs), door.whole(ours), door.name)

    @given(ITEMS)
    def test_summaries_seals_searches_and_phases_of_a_child(self, items: list[Item]) -> None:
        self.same(Scene.running().hear(*told(items)).events, spoken(items))

    @given(st.lists(st.tuples(texts(1), st.none() | tokens()), min_size=1, max_size=4), st.none() | PIECES)
    def test_weights_and_refusals_of_a_chat_server(
        self, said: list[tuple[str, str | None]], refused: tuple[str, ...] | None
    ) -> None:
        chunks = [weighed(*piece) for piece in said]
        chunks += [chunk({"refusal": piece}) for piece in refused or ()]
        usage = {"prompt_tokens": 1, "completion_tokens": 2}
        ended = frames(*chunks, chunk({}, "stop"), {"choices": [], "usage": usage}) + DONE
        ours = [
            e.Began(),
            e.MessageOpened(0, "msg_0a0b0000"),
            *(e.TextDelta(0, *piece) for piece in said),
            *(e.RefusalDelta(0, piece) for piece in refused or ()),
            e.MessageClosed(0),
            e.UsageReported(e.Usage(1, 0, 0, 2)),
            e.Ended("stop"),
        ]
        self.same(heard(ended, turn=evolve(TURN, sampling=WEIGHED)), ours)
